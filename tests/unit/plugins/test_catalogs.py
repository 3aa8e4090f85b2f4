"""Catalogs in manifests: what is accepted, who has a cloud's catalog, and what a check finds."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from styx.plugins import index
from styx.plugins.checking import check_plugin
from styx.plugins.manager import PluginManager
from styx.plugins.manifest import parse_manifest
from styx.plugins.status import CONFLICT, OK, installed
from styx.plugins.tables import ManifestError
from support.plugin_packages import Package

MANIFEST = """
name = "{name}"
summary = "What Acme sells."
[contract]
cloud = "1.1"
[[catalogs]]
cloud = "acme"
snapshot = "catalog"
refresher = "styx_{name}.prices:{refresher}"
"""
PRICES = """
from styx.api import Refresher

class AcmeRefresher(Refresher):
    def sources(self): return {}
    def entries(self, progress): return ()

class Half(Refresher):
    def sources(self): return {}

class Stranger: pass
"""


def package(name: str = "acme", refresher: str = "AcmeRefresher") -> Package:
    """A plugin that has a catalog and nothing else."""
    manifest = MANIFEST.format(name=name, refresher=refresher)
    return Package(name=name, manifest=manifest, modules={"prices": PRICES}, clouds=())


def test_a_manifest_says_what_a_cloud_sells() -> None:
    """The folder is beside the manifest, and what renews it is named as everything else is."""
    manifest = parse_manifest(tomllib.loads(MANIFEST.format(name="acme", refresher="AcmeRefresher")), "manifest")
    assert manifest["catalogs"] == [
        {"cloud": "acme", "snapshot": "catalog", "refresher": "styx_acme.prices:AcmeRefresher", "config": ""}
    ]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            'snapshot = "catalog"',
            'snapshot = "../catalog"',
            r"catalogs\[0\].snapshot is '../catalog'; it must be a folder",
        ),
        ('snapshot = "catalog"', "", r"catalogs\[0\].snapshot is missing"),
        ('cloud = "acme"', 'cloud = "Acme Inc"', r"catalogs\[0\].cloud is 'Acme Inc'"),
        ("refresher =", "refreshr =", "did you mean 'refresher'"),
        ('cloud = "1.1"', "", "contract.cloud is missing"),
        ("[[catalogs]]", '[[catalogs]]\ncloud = "acme"\nsnapshot = "old"\n[[catalogs]]', "has 'acme' twice"),
    ],
)
def test_a_mistake_in_it_is_told(old: str, new: str, problem: str) -> None:
    """The message names the key and what is wrong with it."""
    text = MANIFEST.format(name="acme", refresher="AcmeRefresher")
    assert old in text
    with pytest.raises(ManifestError, match=problem):
        parse_manifest(tomllib.loads(text.replace(old, new, 1)), "manifest")


def test_one_plugin_has_the_catalog_of_a_cloud(site: Path) -> None:
    """Two that ship one for the same cloud are in conflict until the user chooses."""
    package().install(site)
    package("other").install(site)
    found = {plugin.name: plugin for plugin in installed()}
    assert {found[name].status for name in ("acme", "other")} == {CONFLICT}
    assert "the catalog name 'acme' is claimed by other as well" in found["acme"].reason
    assert "--prefer catalog:acme" in found["acme"].fix


@pytest.mark.parametrize(
    ("refresher", "snapshot", "reason"),
    [
        ("AcmeRefresher", True, ""),
        ("AcmeRefresher", False, "catalog/snapshot.toml does not exist"),
        ("Stranger", True, "is not a subclass of styx.api.Refresher"),
        ("Half", True, "lacks a method"),
        ("Nobody", True, "has no attribute 'Nobody'"),
    ],
)
def test_a_check_finds_what_is_not_there(site: Path, refresher: str, snapshot: bool, reason: str) -> None:
    """The folder must be there, and what renews it must be whole; its rows are not looked at."""
    folder = package(refresher=refresher).install(site).parent / "catalog"
    folder.mkdir()
    if snapshot:
        (folder / "snapshot.toml").touch()
    index.read.cache_clear()
    manager = PluginManager.installed()
    (checked,) = check_plugin(manager, next(plugin for plugin in manager.plugins if plugin.name == "acme"))
    assert (checked.what, checked.status == OK) == ("catalog acme", not reason)
    assert reason in checked.reason
