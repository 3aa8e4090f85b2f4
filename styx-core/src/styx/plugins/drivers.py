"""Load one plugin's class by kind and name. The only importer of stevedore."""

from __future__ import annotations

from typing import Any

from styx.api.errors import PluginError
from styx.plugins.isolation import failure, guard
from styx.plugins.kinds import KINDS


def load_driver(plugin: str, kind: str, name: str) -> Any:
    """Import what the entry point ``name`` of this kind names, and nothing else.

    Not for names that several plugins claim: stevedore imports them all and then gives up. Raises PluginError.
    """
    with guard("styx-core", "while importing stevedore"):
        from stevedore.driver import DriverManager
        from stevedore.exception import NoMatches

    causes: list[BaseException] = []

    def keep(_manager: object, _entry_point: object, cause: BaseException) -> None:
        # Without this, an ImportError inside the plugin would be reported as "no such driver".
        causes.append(cause)

    group = KINDS[kind].group
    doing = f"while importing {kind} {name!r}"
    with guard(plugin, doing):
        try:
            manager: DriverManager[Any] = DriverManager(
                group, name, invoke_on_load=False, on_load_failure_callback=keep, warn_on_missing_entrypoint=False
            )
        except NoMatches as error:
            if causes:
                raise failure(plugin, doing, causes[0]) from causes[0]
            raise PluginError(
                f"the entry point {name!r} of plugin {plugin!r} in the group {group} has gone",
                hint="Read the plugins again: styx plugins refresh",
                plugin=plugin,
                status="broken",
            ) from error
    return manager.driver
