"""Judging plugins: alone, and against each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.plugins import status
from styx.plugins.entries import Command, PluginEntry, Problem, Provides
from styx.plugins.manifest import empty_manifest
from styx.plugins.settings import PluginSettings
from styx.plugins.status import claims, resolve, with_dependencies

NOTHING = PluginSettings()


def entry(name: str, *claimed: str, distribution: str = "", problem: Problem | None = None) -> PluginEntry:
    """An installed plugin that claims names like ``cloud:acme`` and ``command:go``."""
    manifest = empty_manifest(name)
    for claim in claimed:
        kind, _, what = claim.partition(":")
        if kind == "command":
            manifest["commands"].append(Command(name=what, target="m:c", help="Help.", section="S"))
        else:
            manifest["provides"].append(Provides(kind=kind, name=what, target="m:C", config="", capabilities=[]))
    return PluginEntry(
        distribution=distribution or f"styx-{name}",
        version="1.0",
        package="m",
        manifest_path="/m/styx-plugin.toml",
        manifest=manifest,
        problem=problem,
    )


def test_ok():
    """A plugin that nothing speaks against can be used, and serves all that it claims."""
    (plugin,) = resolve([entry("acme", "cloud:acme", "command:acme")], NOTHING, ("launch",))
    assert (plugin.status, plugin.reason, plugin.fix) == ("ok", "", "")
    assert all(plugin.serves(claim) for claim in claims(plugin.manifest))


def test_problem():
    """What the index found wrong is the status; nothing is served."""
    problem = Problem(status="incompatible", reason="too new", fix="upgrade")
    (plugin,) = resolve([entry("acme", "cloud:acme", problem=problem)], NOTHING)
    assert (plugin.status, plugin.reason, plugin.fix) == ("incompatible", "too new", "upgrade")
    assert not plugin.serves("cloud:acme")


def test_what_is_off_is_not_complained_about():
    """A broken plugin that is switched off is disabled, with the way to switch it on."""
    problem = Problem(status="broken", reason="bad", fix="mend")
    (plugin,) = resolve([entry("acme", problem=problem)], PluginSettings(deny=("acme",)))
    assert (plugin.status, plugin.fix) == ("disabled", "`styx plugins enable acme` switches it on.")


def test_two_claim_one_name():
    """Both are in conflict over that name and keep the rest; each is told who the other is."""
    one, two = resolve([entry("a", "cloud:x", "cloud:mine"), entry("b", "cloud:x")], NOTHING)
    assert (one.status, two.status) == ("conflict", "conflict")
    assert one.reason == "the cloud name 'x' is claimed by b as well"
    assert one.fix == "Choose: `styx plugins enable a --prefer cloud:x` or `styx plugins disable a`."
    assert (one.serves("cloud:x"), one.serves("cloud:mine"), two.serves("cloud:x")) == (False, True, False)


def test_a_name_of_another_kind_is_another_name():
    """A cloud and a store may have the same name."""
    assert [p.status for p in resolve([entry("a", "cloud:x"), entry("b", "storage:x")], NOTHING)] == ["ok", "ok"]


def test_prefer():
    """The preferred one is ok; the other stays in conflict over that name alone and is told why."""
    settings = PluginSettings(prefer={"cloud:x": "b"})
    one, two = resolve([entry("a", "cloud:x", "cloud:mine"), entry("b", "cloud:x")], settings)
    assert (one.status, one.reason) == ("conflict", "the cloud name 'x' is left to b, as you prefer")
    assert (one.serves("cloud:x"), one.serves("cloud:mine")) == (False, True)
    assert (two.status, two.serves("cloud:x")) == ("ok", True)


def test_a_preferred_plugin_that_is_not_there():
    """Preferring a plugin that is gone or off settles nothing between the others, and hurts no single one."""
    settings = PluginSettings(prefer={"cloud:x": "gone"}, deny=("c",))
    assert [p.status for p in resolve([entry("a", "cloud:x"), entry("b", "cloud:x")], settings)] == ["conflict"] * 2
    assert [p.status for p in resolve([entry("a", "cloud:x"), entry("c", "cloud:x")], settings)] == ["ok", "disabled"]


def test_a_command_of_core():
    """Core's command stays core's, whatever the user prefers."""
    settings = PluginSettings(prefer={"command:launch": "acme"})
    (plugin,) = resolve([entry("acme", "command:launch", "command:acme")], settings, ("launch",))
    assert plugin.status == "conflict"
    assert plugin.reason == "the command name 'launch' is core's own"
    assert plugin.fix == "Tell the author of styx-acme, or do without: `styx plugins disable acme`."
    assert (plugin.serves("command:launch"), plugin.serves("command:acme")) == (False, True)


def test_namesakes():
    """Two plugins of one name serve nothing, for no setting could tell them apart."""
    one, two = resolve(
        [entry("acme", "cloud:x", distribution="one"), entry("acme", "cloud:y", distribution="two")],
        PluginSettings(prefer={"plugin:acme": "acme", "cloud:x": "acme"}),
    )
    assert (one.status, two.status) == ("conflict", "conflict")
    assert one.reason == "the plugin name 'acme' is claimed by two as well"
    assert one.fix == "Remove one of them: `pip uninstall one`."
    assert not one.serves("cloud:x")
    assert not two.serves("cloud:y")


def test_what_comes_with_core_stays_unless_the_user_prefers():
    """Installing something takes no name from what comes with core; the user may still give it away."""
    both = [entry("local", "cloud:x", distribution="styx-core"), entry("acme", "cloud:x", "cloud:y")]
    core, other = resolve(both, NOTHING)
    assert (core.status, other.status) == ("ok", "conflict")
    assert other.reason == "the cloud name 'x' is core's own"
    assert (core.serves("cloud:x"), other.serves("cloud:x"), other.serves("cloud:y")) == (True, False, True)
    core, other = resolve(both, PluginSettings(prefer={"cloud:x": "acme"}))
    assert (core.status, other.status, core.serves("cloud:x")) == ("conflict", "ok", False)


def test_a_namesake_of_what_comes_with_core():
    """A plugin that takes the name of one of core's serves nothing, and core's is as it was."""
    both = [entry("local", "cloud:x", distribution="styx-core"), entry("local", "cloud:x", distribution="fake")]
    core, other = resolve(both, PluginSettings(prefer={"cloud:x": "local"}))
    assert (core.status, other.status) == ("ok", "conflict")
    assert other.reason == "the plugin name 'local' is core's own"
    assert other.fix == "Remove one of them: `pip uninstall fake`."
    assert (core.serves("cloud:x"), other.serves("cloud:x")) == (True, False)


def test_namesakes_hold_nothing():
    """What namesakes cannot serve, a third may."""
    entries = [entry("a", "cloud:x", distribution="1"), entry("a", distribution="2"), entry("b", "cloud:x")]
    assert [each.status for each in resolve(entries, NOTHING)] == ["conflict", "conflict", "ok"]


def test_missing_dependencies():
    """A module that is not installed makes a plugin unusable, and the way out is named; nothing is imported."""
    one = entry("acme", "cloud:x")
    one["manifest"]["requires"] = ["json", "acme_sdk.compute", "json.nothing"]
    (plugin,) = resolve([one], NOTHING)
    assert plugin.status == "ok"
    judged = with_dependencies(plugin)
    assert judged.status == "missing-dependency"
    assert judged.reason == "it needs acme_sdk.compute and json.nothing, which are not installed"
    assert judged.fix == "Install what it depends on: `pip install styx-acme`."
    assert not judged.serves("cloud:x")


def test_dependencies_that_are_there():
    """Modules that are installed, also below packages, change nothing."""
    one = entry("acme")
    one["manifest"]["requires"] = ["json", "json.decoder", "click"]
    (plugin,) = resolve([one], NOTHING)
    assert with_dependencies(plugin) == plugin


def test_dependencies_of_what_is_off():
    """The first thing that is wrong stays the status."""
    one = entry("acme")
    one["manifest"]["requires"] = ["acme_sdk"]
    (plugin,) = resolve([one], PluginSettings(deny=("acme",)))
    assert with_dependencies(plugin).status == "disabled"


@pytest.mark.parametrize("known", status.STATUSES)
def test_statuses_are_documented(known):
    """Every status is explained in the module's table."""
    assert known in (status.__doc__ or "")


names = st.sampled_from(["a", "b", "c", "d"])
claimable = st.sampled_from(["cloud:x", "cloud:y", "storage:x", "command:go", "command:launch"])


def entries(distribution: str = "") -> st.SearchStrategy[PluginEntry]:
    """Plugins that claim anything, some of them broken."""
    return st.builds(
        lambda name, claimed, broken: entry(
            name,
            *claimed,
            problem=Problem(status="broken", reason="r", fix="f") if broken else None,
            distribution=distribution,
        ),
        names,
        st.lists(claimable, unique=True, max_size=4),
        st.booleans(),
    )


# Core's own never contradict each other; one of them is enough.
worlds = st.fixed_dictionaries(
    {
        "entries": st.builds(list.__add__, st.lists(entries(), max_size=5), st.lists(entries("styx-core"), max_size=1)),
        "settings": st.builds(
            PluginSettings,
            allow=st.none() | st.lists(names).map(tuple),
            deny=st.lists(names, max_size=1).map(tuple),
            prefer=st.dictionaries(claimable, names),
        ),
    }
)


@given(worlds)
def test_any_world(world):
    """In any set of plugins under any settings no name is served twice, and nothing is lost without need."""
    found = resolve(world["entries"], world["settings"], ("launch",))
    assert [each.entry for each in found] == world["entries"]
    alive = [each for each in found if each.status in {"ok", "conflict"}]
    everything = {claim for each in alive for claim in claims(each.manifest)}
    for claim in everything:
        holders = [each for each in alive if claim in claims(each.manifest) and f"plugin:{each.name}" not in each.lost]
        servers = [each for each in holders if each.serves(claim)]
        assert len(servers) <= 1
        if claim == "command:launch":
            assert not servers
        elif len(holders) == 1 or any(each.entry["distribution"] == "styx-core" for each in holders):
            assert len(servers) == 1
    for each in found:
        assert bool(each.reason) == bool(each.fix) == (each.status != "ok")
        assert bool(each.lost) == (each.status == "conflict")


@given(worlds, names, claimable)
def test_preferring_settles(world, name, claim):
    """Where a plugin of a name of its own claims something that is not core's, preferring it gives it just that."""
    settings = world["settings"]._replace(prefer=world["settings"].prefer | {claim: name})
    found = resolve(world["entries"], settings, ("launch",))
    alive = [each for each in found if each.status in {"ok", "conflict"}]
    mine = [each for each in alive if each.name == name]
    if claim == "command:launch" or len(mine) != 1 or claim not in claims(mine[0].manifest):
        return
    holders = [each for each in alive if claim in claims(each.manifest)]
    assert [each.name for each in holders if each.serves(claim)] == [name]
