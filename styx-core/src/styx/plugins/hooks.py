"""pluggy, with a lazy stand-in for each plugin: its hooks are callable before any of its code is imported."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import pluggy

from styx import hookspecs
from styx.api.errors import PluginError
from styx.hookspecs import Provided, hookimpl
from styx.plugins.config import checked_plugin_config
from styx.plugins.isolation import guard, load_target
from styx.plugins.kinds import KINDS
from styx.plugins.status import CONFLICT, OK, Plugin


def build(plugins: Iterable[Plugin]) -> pluggy.PluginManager:
    """A pluggy manager with the specs of :mod:`styx.hookspecs` and a stand-in for each plugin that can be used."""
    pm = pluggy.PluginManager("styx")
    pm.add_hookspecs(hookspecs)
    for plugin in plugins:
        if plugin.status in (OK, CONFLICT) and not _lost_its_name(plugin):
            pm.register(_stand_in(plugin), name=plugin.name)
    pm.check_pending()
    return pm


def implementations(pm: pluggy.PluginManager, hook: str) -> list[tuple[str, Callable[..., Any]]]:
    """Each plugin's implementation of ``hook``, to be called with keywords, in order of the plugins' names.

    Sorted, because pluggy's own order is last registered, first called.
    """
    found = getattr(pm.hook, hook).get_hookimpls()
    return [(each.plugin_name, each.function) for each in sorted(found, key=lambda each: str(each.plugin_name))]


def _lost_its_name(plugin: Plugin) -> bool:
    return f"plugin:{plugin.name}" in plugin.lost


def _stand_in(plugin: Plugin) -> SimpleNamespace:
    functions = {kind.hook: _lister(plugin, kind.name, kind.hook) for kind in KINDS.values()}
    source = _HookSource(plugin)
    functions |= {hook: _proxy(source, hook) for hook in plugin.manifest["implements"]}
    return SimpleNamespace(**functions)


def _lister(plugin: Plugin, kind: str, hook: str) -> Callable[..., Any]:
    @functools.wraps(getattr(hookspecs, hook))
    def provided() -> Sequence[Provided]:
        return [
            Provided(kind, each["name"], each["target"], plugin.name)
            for each in plugin.manifest["provides"]
            if each["kind"] == kind and plugin.serves(f"{kind}:{each['name']}")
        ]

    return hookimpl(provided)


def _proxy(source: _HookSource, hook: str) -> Callable[..., Any]:
    """A function with the signature of the spec, which pluggy reads through ``__wrapped__``."""
    spec = getattr(hookspecs, hook)
    names = tuple(inspect.signature(spec).parameters)

    @functools.wraps(spec)
    def proxy(*positional: Any, **arguments: Any) -> Any:
        return source.call(hook, arguments | dict(zip(names, positional, strict=False)))

    return hookimpl(proxy)


class _HookSource:
    """The module or object that defines a plugin's hooks, imported on the first call of one of them."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin = plugin
        self._loaded: Any = None

    def call(self, hook: str, arguments: dict[str, Any]) -> Any:
        """Call the plugin's own function with those of the spec's arguments that it takes."""
        function = getattr(self._source(), hook, None)
        if not callable(function):
            raise PluginError(
                f"the manifest of plugin {self._plugin.name!r} lists {hook}, "
                f"but {self._plugin.manifest['hooks']} does not define it",
                plugin=self._plugin.name,
                status="broken",
            )
        wanted = inspect.signature(function).parameters
        return function(**{name: value for name, value in arguments.items() if name in wanted})

    def _source(self) -> Any:
        if self._loaded is None:
            name, manifest = self._plugin.name, self._plugin.manifest
            source = load_target(name, manifest["hooks"])
            if isinstance(source, type):
                settings = checked_plugin_config(name, manifest["config"])
                with guard(name, f"while making {source.__name__}"):
                    source = source(settings)
            self._loaded = source
        return self._loaded
