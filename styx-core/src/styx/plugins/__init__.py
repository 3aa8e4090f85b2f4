"""Find, judge, load and call plugins. :func:`plugin_manager` is the way in; the index answers what needs no loading."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from styx.plugins.manager import PluginManager

_manager: PluginManager | None = None


def plugin_manager() -> PluginManager:
    """The plugin manager of this process, made on first use. Raises InvalidConfig for bad plugin settings."""
    global _manager  # noqa: PLW0603 - one per process is what it is for
    if _manager is None:
        from styx.plugins.manager import PluginManager

        _manager = PluginManager.installed()
    return _manager


def reset() -> None:
    """Forget the manager and the index read by this process, after an installation or change of settings."""
    global _manager  # noqa: PLW0603 - see above
    from styx.plugins import index

    _manager = None
    index.read.cache_clear()
