"""Which plugins can be used, and why the others cannot: six statuses, each with a reason and what to do.

===================  ===================================================================================
ok                   can be used
disabled             switched off by the user, or not on the allow list
incompatible         written for another version of the contract
broken               its manifest or package is wrong, so it cannot be used at all
conflict             claims a name that core or another plugin claims too; the rest of it can be used
missing-dependency   imports a module that is not installed
===================  ===================================================================================
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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


class Why(NamedTuple):
    """Why something cannot be used, and what to do."""

    reason: str
    fix: str


class Plugin(NamedTuple):
    """One installed plugin and its status.

    ``lost`` has the claims, like ``cloud:acme``, that it may not serve although it can be used, each with the reason;
    that of the first is the plugin's.
    """

    entry: PluginEntry
    status: str
    reason: str = ""
    fix: str = ""
    lost: Mapping[str, Why] = {}

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

    def why(self, claim: str) -> Why:
        """Why it does not serve what it claims under this name."""
        return self.lost.get(claim, Why(self.reason, self.fix))


def claims(manifest: Manifest) -> Iterator[str]:
    """Everything that only one plugin can have: its own name, names by kind, commands, and catalogs by cloud."""
    yield f"plugin:{manifest['name']}"
    for provided in manifest["provides"]:
        yield f"{provided['kind']}:{provided['name']}"
    for command in manifest["commands"]:
        yield f"command:{command['name']}"
    for catalog in manifest["catalogs"]:
        yield f"catalog:{catalog['cloud']}"


def installed(core_commands: Collection[str] = ()) -> list[Plugin]:
    """The plugins of this interpreter under the user's settings. Raises InvalidConfig for bad settings."""
    return resolve(index.read()["plugins"], load_settings(), core_commands)


def resolve(
    entries: Iterable[PluginEntry], settings: PluginSettings, core_commands: Collection[str] = ()
) -> list[Plugin]:
    """Give every plugin its status. ``core_commands`` are taken by core and cannot be had by a plugin."""
    plugins = [_alone(entry, settings) for entry in entries]
    plugins = [_among_namesakes(plugin, plugins) if plugin.status == OK else plugin for plugin in plugins]
    holders: dict[str, list[Plugin]] = {}
    for plugin in plugins:
        if plugin.status == OK:
            for claim in claims(plugin.manifest):
                holders.setdefault(claim, []).append(plugin)
    taken = {f"command:{name}" for name in core_commands}
    return [_among_rivals(plugin, holders, taken, settings) if plugin.status == OK else plugin for plugin in plugins]


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
        fix=f"Install what it depends on: `pip install {distribution}`.",
    )


def _alone(entry: PluginEntry, settings: PluginSettings) -> Plugin:
    """The status of a plugin as if there were no others. What is switched off is not complained about."""
    name = entry["manifest"]["name"]
    off = settings.off(name)
    if off is not None:
        return Plugin(entry, DISABLED, *off)
    problem = entry["problem"]
    if problem is not None:
        return Plugin(entry, problem["status"], problem["reason"], problem["fix"])
    return Plugin(entry, OK)


def _is_core(plugin: Plugin) -> bool:
    """Whether it comes with core: nothing that is installed beside core takes anything from it unasked."""
    return plugin.entry["distribution"] == CORE


def _among_namesakes(plugin: Plugin, plugins: Sequence[Plugin]) -> Plugin:
    """Where two plugins have one name no setting could tell them apart, so neither serves anything."""
    others = [each for each in plugins if each.status == OK and each.name == plugin.name and each is not plugin]
    if not others or _is_core(plugin):
        return plugin
    why = Why(
        reason=f"the plugin name {plugin.name!r} is {_whose([each.entry['distribution'] for each in others])}",
        fix=f"Remove one of them: `pip uninstall {plugin.entry['distribution']}`.",
    )
    return _without(plugin, dict.fromkeys(claims(plugin.manifest), why))


def _among_rivals(
    plugin: Plugin, holders: Mapping[str, Sequence[Plugin]], taken: Collection[str], settings: PluginSettings
) -> Plugin:
    """What the plugin may not serve, because core, the one that the user prefers, or nobody has it."""
    rivals = {
        claim: [each for each in holders[claim] if each is not plugin]
        for claim in claims(plugin.manifest)
        if claim in taken or len(holders[claim]) > 1
    }
    return _without(
        plugin,
        {
            claim: _explain(plugin, claim, others, taken, settings)
            for claim, others in rivals.items()
            if claim in taken or not _wins(plugin, claim, others, settings)
        },
    )


def _without(plugin: Plugin, lost: Mapping[str, Why]) -> Plugin:
    """The plugin, in conflict if anything is lost."""
    if not lost:
        return plugin
    first = next(iter(lost.values()))
    return plugin._replace(status=CONFLICT, reason=first.reason, fix=first.fix, lost=lost)


def _explain(
    plugin: Plugin, claim: str, rivals: Sequence[Plugin], taken: Collection[str], settings: PluginSettings
) -> Why:
    kind, _, name = claim.partition(":")
    preferred = settings.prefer.get(claim)
    fix = f"Choose: `styx plugins enable {plugin.name} --prefer {claim}` or `styx plugins disable {plugin.name}`."
    if claim in taken:
        whose = _whose([CORE])
        fix = f"Tell the author of {plugin.entry['distribution']}, or do without: `styx plugins disable {plugin.name}`."
    elif any(each.name == preferred for each in rivals):
        whose = f"left to {preferred}, as you prefer"
    else:
        whose = _whose([CORE if _is_core(each) else each.name for each in rivals])
    return Why(f"the {kind} name {name!r} is {whose}", fix)


def _wins(plugin: Plugin, claim: str, rivals: Sequence[Plugin], settings: PluginSettings) -> bool:
    preferred = settings.prefer.get(claim)
    if any(each.name == preferred for each in (plugin, *rivals)):
        return plugin.name == preferred
    return _is_core(plugin)


def _whose(holders: Sequence[str]) -> str:
    return "core's own" if CORE in holders else f"claimed by {_list(holders)} as well"


def _list(names: Sequence[str]) -> str:
    return " and ".join(names)
