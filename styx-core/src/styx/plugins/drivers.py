"""Load one plugin's class by kind and name. The only importer of stevedore."""

from __future__ import annotations

import logging
from typing import Any

from styx.plugins.isolation import failure, guard, load_target
from styx.plugins.kinds import KINDS

# It logs what it could not load, which would end up on stderr where no logging is set up; here it becomes an error.
logging.getLogger("stevedore").addHandler(logging.NullHandler())


def load_driver(plugin: str, kind: str, name: str, target: str) -> Any:
    """Import what the entry point ``name`` of this kind names, and nothing else.

    ``target`` is what the manifest says it names, and is imported where stevedore knows of no such entry point: it
    keeps a cache, which may be older than an installation. Not for names that several plugins claim: stevedore imports
    them all and then gives up. Raises PluginError.
    """
    with guard("styx-core", "while importing stevedore"):
        from stevedore.driver import DriverManager
        from stevedore.exception import NoMatches

    causes: list[BaseException] = []

    def keep(_manager: object, _entry_point: object, cause: BaseException) -> None:
        # Without this, an ImportError inside the plugin would be reported as "no such driver".
        causes.append(cause)

    doing = f"while importing {target.partition(':')[0]}"  # as load_target says
    with guard(plugin, doing):
        try:
            return DriverManager(KINDS[kind].group, name, on_load_failure_callback=keep).driver
        except NoMatches:
            if causes:
                raise failure(plugin, doing, causes[0]) from causes[0]
    return load_target(plugin, target)
