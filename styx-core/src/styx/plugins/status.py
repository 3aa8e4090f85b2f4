"""Which plugins can be used, and why the others cannot: six statuses, each with a reason and what to do.

===================  ===================================================================================
ok                   can be used
disabled             switched off by the user, or not on the allow list
incompatible         written for another version of the contract
broken               its manifest or package is wrong, so it cannot be used at all
conflict             claims a name that another plugin claims too; the rest of it can be used
missing-dependency   imports a module that is not installed
===================  ===================================================================================
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from styx.plugins import index
from styx.plugins.entries import Manifest, PluginEntry
from styx.plugins.settings import PluginSettings, load_settings

OK = "ok"
DISABLED = "disabled"
INCOMPATIBLE = "incompatible"
BROKEN = "broken"
CONFLICT = "conflict"
MISSING_DEPENDENCY = "missing-dependency"
CORE = "styx-core"
STATUSES = (OK, DISABLED, INCOMPATIBLE, BROKEN, CONFLICT, MISSING_DEPENDENCY)


class Plugin(NamedTuple):
    """One installed plugin and its status. ``lost`` are the claims, like ``cloud:acme``, that it may not serve."""

    entry: PluginEntry
    status: str
    reason: str = ""
    fix: str = ""
    lost: frozenset[str] = frozenset()

    @property
    def manifest(self) -> Manifest:
        """What the plugin says of itself."""
        return self.entry["manifest"]

    @property
    def name(self) -> str:
        """The plugin's name; in a conflict over plugin names, not unique."""
        return self.manifest["name"]

    def serves(self, claim: str) -> bool:
        """Whether what it claims under this name can be used."""
        return claim not in self.lost and self.status in (OK, CONFLICT)


def claims(manifest: Manifest) -> Iterator[str]:
    """Everything that only one plugin can have: its own name, names by kind, and commands."""
    yield f"plugin:{manifest['name']}"
    for provided in manifest["provides"]:
        yield f"{provided['kind']}:{provided['name']}"
    for command in manifest["commands"]:
        yield f"command:{command['name']}"


def installed(core_commands: Collection[str] = ()) -> list[Plugin]:
    """The plugins of this interpreter under the user's settings. Raises InvalidConfig for bad settings."""
    return resolve(index.read()["plugins"], load_settings(), core_commands)


def resolve(
    entries: Iterable[PluginEntry], settings: PluginSettings, core_commands: Collection[str] = ()
) -> list[Plugin]:
    """Give every plugin its status. ``core_commands`` are taken by core and cannot be had by a plugin."""
    plugins = [_alone(entry, settings) for entry in entries]
    holders: dict[str, list[str]] = {f"command:{name}": [CORE] for name in core_commands}
    for plugin in plugins:
        if plugin.status == OK:
            for claim in claims(plugin.manifest):
                holders.setdefault(claim, []).append(_holder(plugin, claim))
    return [_contested(plugin, holders, settings) if plugin.status == OK else plugin for plugin in plugins]


def missing_modules(plugin: Plugin) -> Sequence[str]:
    """The modules that the plugin requires and that are not installed; nothing is imported to find out."""
    if not plugin.manifest["requires"]:
        return ()
    from styx.plugins.locate import find_spec

    return [module for module in plugin.manifest["requires"] if find_spec(module) is None]


def with_dependencies(plugin: Plugin) -> Plugin:
    """The plugin with its dependencies looked at as well, which listing commands for help does not do."""
    if plugin.status not in (OK, CONFLICT):
        return plugin
    missing = missing_modules(plugin)
    if not missing:
        return plugin
    distribution = plugin.entry["distribution"]
    return plugin._replace(
        status=MISSING_DEPENDENCY,
        reason=f"it needs {_list(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed",
        fix=f"Install what it depends on: pip install {distribution}",
    )


def _alone(entry: PluginEntry, settings: PluginSettings) -> Plugin:
    """The status of a plugin as if there were no others. What is switched off is not complained about."""
    name = entry["manifest"]["name"]
    off = settings.off(name)
    if off is not None:
        return Plugin(entry, DISABLED, off, f"Switch it on: styx plugins enable {name}")
    problem = entry["problem"]
    if problem is not None:
        return Plugin(entry, problem["status"], problem["reason"], problem["fix"])
    return Plugin(entry, OK)


def _holder(plugin: Plugin, claim: str) -> str:
    """Who is named in a conflict: plugins by name, unless it is the name that they fight over."""
    return plugin.entry["distribution"] if claim.startswith("plugin:") else plugin.name


def _contested(plugin: Plugin, holders: dict[str, list[str]], settings: PluginSettings) -> Plugin:
    lost = [claim for claim in claims(plugin.manifest) if len(holders[claim]) > 1]
    if f"plugin:{plugin.name}" in lost:
        return _namesake(plugin, holders)
    lost = [claim for claim in lost if CORE in holders[claim] or settings.prefer.get(claim) != plugin.name]
    if not lost:
        return plugin
    claim = lost[0]
    rivals = list(dict.fromkeys(holder for holder in holders[claim] if holder != plugin.name))
    preferred = settings.prefer.get(claim)
    if preferred in rivals:
        reason = f"{_say(claim)} is left to {preferred}, as you prefer"
    else:
        reason = f"{_say(claim)} is claimed by {_list(rivals)} as well"
    if CORE in rivals:
        fix = f"Tell the author of {plugin.entry['distribution']}; core's own command stays."
    else:
        fix = f"Choose: styx plugins enable {plugin.name} --prefer {claim}, or styx plugins disable {plugin.name}"
    return plugin._replace(status=CONFLICT, reason=reason, fix=fix, lost=frozenset(lost))


def _namesake(plugin: Plugin, holders: dict[str, list[str]]) -> Plugin:
    """Two plugins of one name: no setting could tell them apart, so neither serves anything."""
    me = plugin.entry["distribution"]
    others = [holder for holder in holders[f"plugin:{plugin.name}"] if holder != me]
    return plugin._replace(
        status=CONFLICT,
        reason=f"the plugin name {plugin.name!r} is claimed by {_list(others or [me])} as well",
        fix=f"Remove one of them: pip uninstall {me}",
        lost=frozenset(claims(plugin.manifest)),
    )


def _say(claim: str) -> str:
    kind, _, name = claim.partition(":")
    return f"the {kind} name {name!r}"


def _list(names: Sequence[str]) -> str:
    return " and ".join(names)
