"""Loading, making and asking plugins by kind and name."""

import logging
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from styx.api import AuthFailed, BadInput, InvalidConfig, PluginError, Services
from styx.plugins import index, plugin_manager, reset, status
from styx.plugins.manager import PluginManager
from styx.plugins.settings import PluginSettings, save_settings
from support.plugin_packages import COMMAND, GOOD_CLOUD, MANIFEST, Package

RIVAL_MANIFEST = MANIFEST.replace('name = "acme"', 'name = "rival"', 1).replace("styx_acme", "styx_rival")
RIVAL = Package(
    name="rival",
    manifest=RIVAL_MANIFEST,
    clouds=("acme = styx_rival.cloud:AcmeCloud",),
    modules={"cloud": GOOD_CLOUD, "cli": COMMAND},
)


def services(config: Mapping[str, object]) -> Services:
    """What core would hand to a plugin's object."""
    return Services("i-1", "default", config, Path("/nonexistent"), None, logging.getLogger("test"))  # type: ignore[arg-type]


def installed() -> PluginManager:
    """A manager of what is installed now."""
    reset()
    sys.path_importer_cache.clear()
    return PluginManager.installed()


def plugin_error(kind: str = "cloud", name: str = "acme") -> PluginError:
    """What loading something raises."""
    with pytest.raises(PluginError) as raised:
        installed().load(kind, name)
    return raised.value


def test_core_provides_through_the_same_door():
    """Core's own clouds, backend and storage are plugins like any other."""
    found = plugin_manager()
    assert {"local", "ssh"} <= set(found.names("cloud"))
    assert "agent" in found.names("backend")
    assert "file" in found.names("storage")
    assert plugin_manager() is found


def test_load(site):
    """A class is imported when it is asked for, and once."""
    Package().install(site)
    plugins = installed()
    assert "styx_acme" not in sys.modules
    loaded = plugins.load("cloud", "acme")
    assert loaded is plugins.load("cloud", "acme")
    assert loaded.__module__ == "styx_acme.cloud"
    assert "styx_acme.cli" not in sys.modules


def test_no_such_name(site):
    """A name that nobody provides is an error with the nearest one."""
    Package().install(site)
    error = plugin_error(name="acne")
    assert error.message == "no plugin provides a cloud named 'acne'"
    assert error.hint.startswith("Did you mean 'acme'? Installed: acme, ")
    assert plugin_error("engine", "vllm").hint == "Installed: none. Or install the plugin that has it."


@pytest.mark.parametrize(
    ("code", "status", "message"),
    [
        ("raise RuntimeError('no')", "broken", "failed while importing styx_acme.cloud: RuntimeError: no"),
        ("import sys; sys.exit(9)", "broken", "it called sys.exit(9)"),
        ("import acme_sdk", "missing-dependency", "No module named 'acme_sdk'"),
        ("from json import nothing", "broken", "ImportError: cannot import name 'nothing' from 'json'"),
        ("def broken(:", "broken", "SyntaxError"),
        ("x = 1", "broken", "'styx_acme.cloud' has no attribute 'AcmeCloud'"),
        ("AcmeCloud = 5", "broken", "is not a class but int"),
        ("class AcmeCloud: pass", "broken", "AcmeCloud does not subclass styx.api.Cloud"),
        (
            "from styx.api import Cloud\nclass AcmeCloud(Cloud):\n name='acme'\n traits=1\n def check(self): ...",
            "broken",
            "AcmeCloud does not define launch, observe, offers, prepare, scopes, terminate",
        ),
        (GOOD_CLOUD.replace('name = "acme"', 'name = "other"'), "broken", "AcmeCloud.name is 'other'"),
        (GOOD_CLOUD.replace('    name = "acme"\n', ""), "broken", "AcmeCloud does not set name"),
        (GOOD_CLOUD.replace("    traits = ", "    other = "), "broken", "AcmeCloud does not set traits"),
    ],
)
def test_load_failures(site, code, status, message):
    """Whatever is wrong with the code is one PluginError with the cause, and its status."""
    Package(modules={"cloud": code, "cli": COMMAND}).install(site)
    error = plugin_error()
    assert message in error.message
    assert (error.status, error.plugin) == (status, "acme")
    assert installed().load("cloud", "local")


def test_a_plugin_that_has_gone(site):
    """What was removed after the index was read is an error of that plugin."""
    Package().install(site)
    plugins = installed()
    Package().uninstall(site)
    sys.path_importer_cache.clear()
    with pytest.raises(PluginError, match="No module named 'styx_acme'"):
        plugins.load("cloud", "acme")


def test_an_entry_point_that_stevedore_does_not_know(site):
    """What was installed after stevedore had filled its cache is loaded by the manifest's word."""
    installed().load("cloud", "local")
    Package().install(site)
    assert installed().load("cloud", "acme").__module__ == "styx_acme.cloud"


def test_off(site):
    """A plugin that is switched off is not loaded, and the way to switch it on is told."""
    Package().install(site)
    save_settings(PluginSettings(deny=("acme",)))
    error = plugin_error()
    assert error.message.startswith("cloud 'acme' of plugin 'acme' cannot be used (disabled): it is switched off in ")
    assert error.hint == "`styx plugins enable acme` switches it on."
    assert "styx_acme" not in sys.modules


def test_broken_manifest(site):
    """A cloud whose plugin is broken is explained by name, although its manifest cannot be read."""
    Package(manifest="name =").install(site)
    error = plugin_error()
    assert "cloud 'acme' of plugin 'acme' cannot be used (broken): " in error.message
    assert "styx-plugin.toml" in error.message


def test_missing_dependency(site):
    """A library that the manifest requires is looked for before anything is imported."""
    Package(manifest='requires = ["acme_sdk"]\n' + MANIFEST).install(site)
    error = plugin_error()
    assert error.status == "missing-dependency"
    assert "styx_acme" not in sys.modules


def test_conflict_and_prefer(site):
    """Two that claim a name are both refused until one is preferred, which then is loaded, and it alone."""
    Package().install(site)
    RIVAL.install(site)
    assert "claimed by rival as well" in plugin_error().message
    save_settings(PluginSettings(prefer={"cloud:acme": "rival"}))
    assert installed().load("cloud", "acme").__module__ == "styx_rival.cloud"
    assert "styx_acme" not in sys.modules
    save_settings(PluginSettings(prefer={"cloud:acme": "acme"}))
    assert installed().load("cloud", "acme").__module__ == "styx_acme.cloud"


CONFIG = """
from pydantic import BaseModel

class CloudConfig(BaseModel):
    pool: str = "main"
    size: int
"""
WITH_CONFIG = MANIFEST.replace(
    'target = "styx_acme.cloud:AcmeCloud"\n',
    'target = "styx_acme.cloud:AcmeCloud"\nconfig = "styx_acme.config:CloudConfig"\n',
)


def install_with_config(site: Path, config: str = CONFIG, cloud: str = GOOD_CLOUD) -> PluginManager:
    """Install a cloud that takes settings."""
    Package(manifest=WITH_CONFIG, modules={"cloud": cloud, "config": config, "cli": COMMAND}).install(site)
    return installed()


def test_create(site):
    """The object gets its settings as an instance of its model, defaults filled in."""
    cloud = install_with_config(site).create("cloud", "acme", services({"size": 3}))
    assert (cloud.services.config.pool, cloud.services.config.size) == ("main", 3)
    assert cloud.services.installation == "i-1"


def test_create_with_settings_made_already(site):
    """An instance of the model passes as it is."""
    plugins = install_with_config(site)
    model = plugins.config_model("cloud", "acme")
    made = model(size=4)
    assert plugins.create("cloud", "acme", services(made)).services.config is made


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "settings: clouds.acme.size: Field required"),
        ({"size": "x", "pool": 4}, "settings: clouds.acme.pool: Input should be a valid string (and 1 more)"),
    ],
)
def test_bad_settings(site, settings, message):
    """Settings that the model refuses are named as they are written, without their values."""
    with pytest.raises(InvalidConfig) as raised:
        install_with_config(site).create("cloud", "acme", services(settings))
    assert raised.value.message == message


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("CloudConfig = dict", "is not a pydantic model"),
        ("x = 1", "has no attribute 'CloudConfig'"),
        (CONFIG + "    def model_post_init(self, context): raise OSError('late')\n", "OSError: late"),
    ],
)
def test_a_model_that_is_wrong(site, config, message):
    """A model that is none, is not there or fails is the plugin's fault, not the user's."""
    with pytest.raises(PluginError) as raised:
        install_with_config(site, config).create("cloud", "acme", services({"size": 1}))
    assert message in raised.value.message


def test_a_constructor_that_fails(site):
    """A constructor that raises is a PluginError; what the contract lets it raise passes."""
    broken = GOOD_CLOUD + "\n    def __init__(self, services): raise KeyError('x')\n"
    with pytest.raises(PluginError, match="failed while making cloud 'acme': KeyError: 'x'"):
        install_with_config(site, cloud=broken).create("cloud", "acme", services({"size": 1}))
    refusing = GOOD_CLOUD + "\n    def __init__(self, services):\n        from styx.api import AuthFailed\n"
    refusing += "        raise AuthFailed('no token')\n"
    for module in [name for name in sys.modules if name.startswith("styx_acme")]:
        del sys.modules[module]
    with pytest.raises(AuthFailed):
        install_with_config(site, cloud=refusing).create("cloud", "acme", services({"size": 1}))


def test_capabilities(site):
    """Capabilities come from the manifests; those that nobody has are listed with nobody."""
    Package(manifest=MANIFEST.replace('cloud:AcmeCloud"\n', 'cloud:AcmeCloud"\ncapabilities = ["spot"]\n')).install(
        site
    )
    found = installed().capabilities()
    assert "acme" in found["spot"]
    assert "acme" not in found["stop"]
    assert installed().with_capability("spot") == found["spot"]
    assert installed().with_capability("flying") == []


def test_provided_tells_what_cannot_be_used(site):
    """The list of a kind has the unusable too, with reason and fix."""
    Package().install(site)
    save_settings(PluginSettings(deny=("acme",)))
    (acme,) = [each for each in installed().provided("cloud") if each.name == "acme"]
    assert (acme.status, bool(acme.reason), bool(acme.fix)) == ("disabled", True, True)
    assert "acme" not in installed().names("cloud")


def hooked(name: str, code: str) -> Package:
    """A plugin of nothing but hooks."""
    manifest = (
        f'name = "{name}"\nsummary = "S."\nimplements = ["styx_policy", "styx_secret"]\nhooks = "styx_{name}.hooks"\n'
        '[contract]\nhooks = "1.0"\n'
    )
    return Package(name=name, manifest=manifest, clouds=(), modules={"hooks": code})


ADD = "def styx_policy(task, operation): return {**task, 'by': [*task.get('by', []), __name__]}\n"


def mine() -> PluginManager:
    """A manager of the plugins that these tests install."""
    return PluginManager([each for each in installed().plugins if each.name in {"one", "two"}])


def test_policies_are_asked_in_order(site):
    """Each policy is given what the one before returned; None leaves the task as it is."""
    hooked("two", ADD).install(site)
    hooked("one", ADD).install(site)
    assert mine().fold_policy({"run": "x"}, "launch", "me") == {"run": "x", "by": ["styx_one.hooks", "styx_two.hooks"]}
    hooked("one", "def styx_policy(task): return None").install(site)
    sys.modules.pop("styx_one.hooks")
    assert mine().fold_policy({"run": "x"}, "launch", "me") == {"run": "x", "by": ["styx_two.hooks"]}


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("from styx.api import BadInput\ndef styx_policy(task): raise BadInput('too dear')", BadInput),
        ("def styx_policy(task): raise RuntimeError", PluginError),
        ("def styx_policy(task): return 'yes'", PluginError),
        ("raise RuntimeError", PluginError),
    ],
)
def test_a_policy_that_fails_refuses(site, code, error):
    """A policy that refuses, fails or answers nonsense lets nothing through."""
    hooked("one", code).install(site)
    with pytest.raises(error):
        mine().fold_policy({}, "launch", "me")


def test_a_policy_that_cannot_be_used_refuses(site):
    """A policy that is installed and broken refuses; one that was switched off on purpose is passed over."""
    hooked("one", ADD).install(site)
    manager_of_one = mine()
    (plugin,) = manager_of_one.plugins
    broken = plugin._replace(status=status.MISSING_DEPENDENCY, reason="it needs x", fix="Install x.")
    with pytest.raises(PluginError, match="the policy of plugin 'one' cannot be used"):
        PluginManager([broken]).fold_policy({}, "launch", "me")
    off = plugin._replace(status=status.DISABLED, reason="r", fix="f")
    assert PluginManager([off]).fold_policy({"a": 1}, "launch", "me") == {"a": 1}


def test_first(site):
    """The first answer counts, in order of name; a failure is raised only when nobody answers."""
    hooked("one", "def styx_secret(reference): raise RuntimeError('down')").install(site)
    hooked("two", "def styx_secret(reference): return 'found' if reference == 'x' else None").install(site)
    assert mine().first("styx_secret", reference="x") == "found"
    with pytest.raises(PluginError, match="down"):
        mine().first("styx_secret", reference="y")


def test_nobody_implements(monkeypatch):
    """Where nobody has anything to say pluggy is not even built."""
    empty = PluginManager([])
    assert empty.call("styx_doctor") == []
    assert empty.first("styx_secret", reference="x") is None
    assert "pm" not in vars(empty)


def test_reset_notices_what_was_installed(site):
    """After an installation a long-lived process can start afresh."""
    assert "acme" not in plugin_manager().names("cloud")
    Package().install(site)
    assert "acme" not in plugin_manager().names("cloud")
    sys.path_importer_cache.clear()
    reset()
    assert "acme" in plugin_manager().names("cloud")
    assert index.read.cache_info().currsize == 1
