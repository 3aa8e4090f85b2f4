"""Trying all that plugins promise."""

import sys

import pytest

from styx.plugins import reset
from styx.plugins.checking import Checked, check_plugin
from styx.plugins.contract import base_class, capabilities_of
from styx.plugins.kinds import KINDS
from styx.plugins.manager import PluginManager
from styx.plugins.switching import find
from support.plugin_packages import COMMAND, GOOD_CLOUD, MANIFEST, Package

EVERYTHING = (
    'implements = ["styx_event"]\nhooks = "styx_acme.hooks"\nconfig = "styx_acme.config:Settings"\n'
    + MANIFEST.replace("[contract]\n", '[contract]\nhooks = "1.0"\n')
)
CONFIG = "from pydantic import BaseModel\nclass Settings(BaseModel): ...\n"
GOOD = {"cloud": GOOD_CLOUD, "cli": COMMAND, "hooks": "def styx_event(event): ...", "config": CONFIG}
STOP = """
    def stop(self, scope, owner, receipts): ...
    def prepare_start(self, request): ...
"""


def check(site, manifest: str = EVERYTHING, **modules: str) -> list[Checked]:
    """Install the plugin with these modules changed, and check it."""
    Package(manifest=manifest, modules={**GOOD, **modules}).install(site)
    reset()
    sys.path_importer_cache.clear()
    manager = PluginManager.installed()
    return list(check_plugin(manager, find(manager.plugins, "acme")))


def test_all_good(site):
    """Each promise is tried and listed."""
    assert check(site) == [
        Checked("acme", "cloud acme", "ok"),
        Checked("acme", "command acme", "ok"),
        Checked("acme", "hook styx_event", "ok"),
        Checked("acme", "settings", "ok"),
    ]


@pytest.mark.parametrize(
    ("what", "modules", "reason"),
    [
        ("cloud acme", {"cloud": "import sys; sys.exit()"}, "it called sys.exit(None)"),
        ("command acme", {"cli": "main = 5"}, "styx_acme.cli:main is not a click command"),
        ("command acme", {"cli": "import acme_sdk"}, "No module named 'acme_sdk'"),
        ("hook styx_event", {"hooks": ""}, "styx_acme.hooks does not define styx_event"),
        ("settings", {"config": "Settings = 5"}, "is not a pydantic model"),
    ],
)
def test_one_broken_promise(site, what, modules, reason):
    """One broken promise is told with its reason and a fix, and the others are still tried."""
    found = {each.what: each for each in check(site, **modules)}
    assert len(found) == 4
    assert reason in found[what].reason
    assert found[what].fix
    assert [each.what for each in found.values() if each.status != "ok"] == [what]


def test_a_capability_that_the_class_lacks(site):
    """A manifest that claims more than the class can is told so."""
    claim = MANIFEST.replace('AcmeCloud"\n', 'AcmeCloud"\ncapabilities = ["stop"]\n')
    reasons = [each.reason for each in check(site, claim)]
    assert "the manifest of plugin 'acme' says cloud 'acme' can stop; its class cannot" in reasons


def test_a_capability_that_is_not_claimed(site):
    """A class that can more than its manifest says is told so: nobody would ever find out."""
    reasons = [each.reason for each in check(site, MANIFEST, cloud=GOOD_CLOUD + STOP)]
    assert "cloud 'acme' of plugin 'acme' can stop; its manifest does not say so" in reasons


def test_what_cannot_be_used_is_not_tried(site):
    """A plugin that is broken as a whole is one line."""
    assert [(each.what, each.status) for each in check(site, "nonsense")] == [("plugin", "broken")]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_kinds_name_what_there_is(kind):
    """Every kind names a class of the contract, and protocols that exist."""
    base = base_class(kind)
    assert capabilities_of(kind, base) == set()
    assert base.__module__.startswith("styx.api.")
    for target in KINDS[kind].capabilities.values():
        module, _, attribute = target.partition(":")
        assert hasattr(sys.modules[module], attribute)


def test_every_capability_of_the_contract_can_be_claimed():
    """Each ``Supports...`` protocol for clouds has a word for manifests, or is plain for every cloud."""
    import styx.api

    protocols = {name for name in styx.api.__all__ if name.startswith("Supports")}
    claimable = {target.partition(":")[2] for kind in KINDS.values() for target in kind.capabilities.values()}
    assert protocols == claimable
