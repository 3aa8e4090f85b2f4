"""The lazy stand-ins that pluggy calls."""

import inspect
import sys
from datetime import UTC, datetime

import pytest

from styx import hookspecs
from styx.api import InvalidConfig, PluginError
from styx.hookspecs import DoctorFinding, Event, Provided
from styx.plugins import hooks, status
from styx.plugins.kinds import BEHAVIOUR_HOOKS, KINDS
from styx.plugins.manager import PluginManager
from support.plugin_packages import MANIFEST, Package

IMPLEMENTS = f"""
implements = {list(BEHAVIOUR_HOOKS)}
hooks = "styx_acme.hooks"
"""
WITH_HOOKS = IMPLEMENTS + MANIFEST.replace("[contract]\n", '[contract]\nhooks = "1.0"\n')
HOOKS = """
from styx.hookspecs import DoctorFinding, hookimpl
seen = []

@hookimpl
def styx_event(event): seen.append(event)

@hookimpl
def styx_doctor(): return [DoctorFinding("acme", "ok", "fine")]

@hookimpl
def styx_policy(task): return {**task, "seen_by": "acme"}   # takes fewer arguments than the spec

@hookimpl
def styx_secret(reference): return reference.removeprefix("acme:") if reference.startswith("acme:") else None
"""
EVENT = Event(datetime(2025, 1, 1, tzinfo=UTC), "cluster", "dev", "launch")


@pytest.fixture
def manager(site) -> PluginManager:
    """A manager of the plugin ``acme`` with its hooks and no other."""
    good = Package()
    Package(manifest=WITH_HOOKS, modules={**good.modules, "hooks": HOOKS}).install(site)
    return only_acme()


def only_acme() -> PluginManager:
    """A manager of the plugins that are installed by these tests."""
    return PluginManager([each for each in status.installed() if each.name == "acme"])


def test_every_spec_is_known_as_one_of_two_sorts():
    """Each hook spec either lists a kind or is behaviour that a manifest may name."""
    specs = {name for name, value in vars(hookspecs).items() if name.startswith("styx_") and callable(value)}
    assert specs == {kind.hook for kind in KINDS.values()} | set(BEHAVIOUR_HOOKS)


def test_specs_are_documented():
    """Every hook spec says what it is for."""
    for name in (*BEHAVIOUR_HOOKS, *(kind.hook for kind in KINDS.values())):
        assert inspect.getdoc(getattr(hookspecs, name))


def test_signatures(manager: PluginManager):
    """The stand-ins have the signatures of the specs, and pluggy takes them without importing the plugin."""
    for hook in BEHAVIOUR_HOOKS:
        (implementation,) = getattr(manager.pm.hook, hook).get_hookimpls()
        assert inspect.signature(implementation.function) == inspect.signature(getattr(hookspecs, hook))
        assert implementation.argnames == tuple(inspect.signature(getattr(hookspecs, hook)).parameters)
    assert "styx_acme" not in sys.modules


def test_listing_imports_nothing(manager: PluginManager):
    """The hooks that list a kind are answered from the manifest, through pluggy as through the manager."""
    expected = [Provided("cloud", "acme", "styx_acme.cloud:AcmeCloud", "acme")]
    assert manager.pm.hook.styx_clouds() == [expected]
    assert manager.pm.hook.styx_storage() == [[]]
    assert manager.implements("styx_event")
    assert "styx_acme" not in sys.modules


def test_calls_reach_the_plugin(manager: PluginManager):
    """The first call imports the module; each function gets those of the spec's arguments that it takes."""
    manager.call("styx_event", event=EVENT)
    assert sys.modules["styx_acme.hooks"].seen == [EVENT]
    assert manager.call("styx_doctor") == [[DoctorFinding("acme", "ok", "fine")]]
    assert manager.first("styx_secret", reference="acme:key") == "key"
    assert manager.first("styx_secret", reference="vault:key") is None
    assert manager.fold_policy({"run": "ls"}, "launch", "me") == {"run": "ls", "seen_by": "acme"}


def test_calls_through_pluggy(manager: PluginManager):
    """Pluggy's own way of calling works as well, positions and all."""
    assert manager.pm.hook.styx_secret(reference="acme:x", user="me") == "x"
    assert manager.pm.hook.styx_policy(task={}, operation="exec", user="me") == [{"seen_by": "acme"}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise RuntimeError('at import')", "RuntimeError: at import"),
        ("import sys; sys.exit(4)", "it called sys.exit(4)"),
        ("styx_event = 5", "does not define it"),
        ("def styx_event(event): raise OSError('disk')", "OSError: disk"),
        ("def styx_event(event): exit()", "it called sys.exit(None)"),
        ("def styx_event(nonsense): ...", "missing 1 required positional argument"),
        ("from styx.api import StyxError\ndef styx_event(event): raise StyxError('no net.')", "no net"),
    ],
)
def test_a_hook_that_fails(site, text, message, caplog):
    """A failure is an error of that plugin, logged by calls that are best effort."""
    Package(manifest=WITH_HOOKS, modules={"cloud": "", "cli": "", "hooks": text}).install(site)
    manager = only_acme()
    collected = manager.collect("styx_event", event=EVENT)
    assert collected.results == []
    (failure,) = collected.failures
    assert isinstance(failure, PluginError) or "StyxError" in text
    assert message in failure.message
    assert manager.call("styx_event", event=EVENT) == []
    (logged,) = caplog.messages
    assert "plugin 'acme'" in logged
    assert logged.endswith(" (nothing else is affected)")
    assert message in logged


HOOKS_CLASS = """
from pydantic import BaseModel

class Settings(BaseModel):
    urls: list[str]

class Hooks:
    made = 0
    def __init__(self, settings):
        Hooks.made += 1
        self.settings = settings
    def styx_secret(self, reference): return self.settings.urls[0]
"""


@pytest.fixture
def with_class(site) -> PluginManager:
    """A manager of a plugin whose hooks are a class that takes settings."""
    manifest = 'config = "styx_acme.hooks:Settings"\n' + WITH_HOOKS.replace("styx_acme.hooks", "styx_acme.hooks:Hooks")
    Package(manifest=manifest, modules={"cloud": "", "cli": "", "hooks": HOOKS_CLASS}).install(site)
    return only_acme()


def test_a_class_of_hooks(with_class: PluginManager, styx_home):
    """A class is made once, with the plugin's checked settings."""
    styx_home.mkdir(exist_ok=True)
    (styx_home / "config.yaml").write_text("plugins: {acme: {urls: [https://example.org]}}\n")
    assert with_class.first("styx_secret", reference="x") == "https://example.org"
    assert with_class.first("styx_secret", reference="y") == "https://example.org"
    assert sys.modules["styx_acme.hooks"].Hooks.made == 1


def test_a_class_of_hooks_with_bad_settings(with_class: PluginManager):
    """Settings that are wrong are an error that names the field as it is written."""
    with pytest.raises(InvalidConfig, match=r"settings: plugins\.acme\.urls: Field required"):
        with_class.first("styx_secret", reference="x")


def test_order_is_that_of_the_names(site):
    """Implementations are called in order of the plugins' names, not in pluggy's."""
    for name in ("bravo", "alpha", "charlie"):
        manifest = (
            f'name = "{name}"\nsummary = "S."\nimplements = ["styx_doctor"]\nhooks = "styx_{name}.hooks"\n'
            '[contract]\nhooks = "1.0"\n'
        )
        code = f"def styx_doctor(): return '{name}'"
        Package(name=name, manifest=manifest, clouds=(), modules={"hooks": code}).install(site)
    mine = [each for each in status.installed() if each.name in {"alpha", "bravo", "charlie"}]
    assert PluginManager(list(reversed(mine))).call("styx_doctor") == ["alpha", "bravo", "charlie"]
    assert [name for name, _ in hooks.implementations(hooks.build(mine), "styx_doctor")] == [
        "alpha", "bravo", "charlie",
    ]  # fmt: skip


def test_what_cannot_be_used_is_not_registered(manager: PluginManager):
    """A plugin that is switched off is not known to pluggy."""
    (plugin,) = manager.plugins
    off = PluginManager([plugin._replace(status="disabled", reason="r", fix="f")])
    assert off.pm.list_name_plugin() == []
    assert off.call("styx_doctor") == []
