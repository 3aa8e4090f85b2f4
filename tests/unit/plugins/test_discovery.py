"""Finding plugins and judging what each says of itself."""

import sys

import pytest

from styx.api import CONTRACT
from styx.plugins.discovery import discover
from styx.plugins.entries import PluginEntry
from support.plugin_packages import MANIFEST, Package


def found(site) -> PluginEntry:
    """The one plugin in the directory."""
    sys.path_importer_cache.clear()
    (entry,) = discover([str(site)])["plugins"]
    return entry


def test_good(site):
    """A good plugin is listed with its distribution and all that its manifest says; nothing is imported."""
    manifest = Package().install(site)
    entry = found(site)
    assert (entry["distribution"], entry["version"], entry["package"]) == ("styx-acme", "1.0", "styx_acme")
    assert entry["manifest_path"] == str(manifest)
    assert entry["problem"] is None
    assert entry["manifest"]["summary"] == "Machines of Acme Inc."
    assert "styx_acme" not in sys.modules


def test_sorted_by_name(site):
    """The order does not depend on the directory."""
    for name in ("zeta", "alpha", "mid"):
        Package(name=name, manifest=f'name = "{name}"\nsummary = "S."\n', clouds=()).install(site)
    assert [each["manifest"]["name"] for each in discover([str(site)])["plugins"]] == ["alpha", "mid", "zeta"]


@pytest.mark.parametrize(
    ("package", "reason"),
    [
        (Package(manifest=None), "styx-plugin.toml does not exist"),
        (Package(manifest="name = "), "Invalid value"),
        (Package(manifest="a = 1\na = 2\n"), "overwrite"),
        (Package(manifest='summary = "no name"\n'), "name is missing"),
        (Package(manifest=MANIFEST.replace('"acme"', '"other"', 1)), "but the entry point of this plugin is 'acme'"),
        (Package(clouds=()), "cloud 'acme' has no entry point; add to pyproject.toml"),
        (Package(clouds=("acme = styx_acme:Other",)), "but its entry point is 'styx_acme:Other'"),
    ],
)
def test_broken(site, package: Package, reason):
    """A plugin whose manifest is wrong, or does not fit its entry points, is listed with what is wrong."""
    package.install(site)
    problem = found(site)["problem"]
    assert problem is not None
    assert problem["status"] == "broken"
    assert reason in problem["reason"]
    assert problem["fix"] == "Tell the author of styx-acme, or remove it: pip uninstall styx-acme"


def test_a_manifest_that_is_no_text(site):
    """A binary file in the place of the manifest is an error of that plugin alone."""
    Package().install(site).write_bytes(b"\xff\xfe\x00")
    problem = found(site)["problem"]
    assert problem is not None
    assert "utf-8" in problem["reason"]


def test_a_manifest_that_is_a_directory(site):
    """What cannot be read is broken, whatever it is."""
    manifest = Package(manifest=None).install(site)
    manifest.mkdir()
    problem = found(site)["problem"]
    assert problem is not None
    assert str(manifest) in problem["reason"]


@pytest.mark.parametrize("target", ["styx_nowhere", "styx_acme:thing", "styx_acme.cloud", "", "..", "json.decoder"])
def test_a_package_that_cannot_be_found(site, target):
    """An entry point that names no package says so, with the way to install it again."""
    Package().install(site)
    file = site / Package().metadata / "entry_points.txt"
    file.write_text(f"[styx.plugins]\nacme = {target}\n")
    entry = found(site)
    assert entry["manifest_path"] == ""
    assert entry["problem"] is not None
    assert repr(target) in entry["problem"]["reason"]
    assert entry["problem"]["fix"].endswith("pip install --force-reinstall styx-acme")


@pytest.mark.parametrize(
    ("major", "minor", "fix"),
    [
        (1, 0, None),
        (2, 0, "Install a newer styx-core (pip install -U styx-core), or an older styx-acme."),
        (1, 1, "Install a newer styx-core (pip install -U styx-core), or an older styx-acme."),
        (0, 9, "Install a newer styx-acme (pip install -U styx-acme), or an older styx-core."),
    ],
)
def test_contract_versions(site, monkeypatch, major, minor, fix):
    """Another major version, or a newer minor one, is incompatible; the fix names both ways out."""
    monkeypatch.setitem(CONTRACT, "cloud", (1, 0))
    Package(manifest=MANIFEST.replace('cloud = "1.0"', f'cloud = "{major}.{minor}"')).install(site)
    problem = found(site)["problem"]
    assert (problem and problem["fix"]) == fix
    if problem:
        assert problem["status"] == "incompatible"
        assert problem["reason"] == (f"acme was written for cloud contract {major}.{minor}; this styx-core has 1.0")


def test_an_older_minor_version_is_fine(site, monkeypatch):
    """Minor versions only add."""
    monkeypatch.setitem(CONTRACT, "cloud", (1, 3))
    Package().install(site)
    assert found(site)["problem"] is None


def test_a_manifest_of_the_future(site):
    """What was written for a newer core may have keys that this one does not know: incompatible, not broken."""
    text = 'shape = "new"\n' + MANIFEST.replace('cloud = "1.0"', 'cloud = "9.0"').replace("help", "help = 'x'\nhint")
    Package(manifest=text).install(site)
    problem = found(site)["problem"]
    assert problem is not None
    assert problem["status"] == "incompatible"


def test_what_can_still_be_told(site):
    """The commands and the provided names of a broken plugin stay known, so that they can be explained."""
    Package(manifest='unknown = "key"\n' + MANIFEST).install(site)
    entry = found(site)
    assert entry["problem"] is not None
    assert [command["name"] for command in entry["manifest"]["commands"]] == ["acme"]
    assert [(each["kind"], each["name"]) for each in entry["manifest"]["provides"]] == [("cloud", "acme")]


def test_several_plugins_in_one_distribution(site):
    """A distribution may hold several plugins; names that only entry points tell belong to none of them then."""
    Package().install(site)
    with (site / Package().metadata / "entry_points.txt").open("a") as file:
        file.write("\n[styx.plugins]\nother = styx_nowhere\n")
    good, bad = discover([str(site)])["plugins"]
    assert (good["manifest"]["name"], good["problem"]) == ("acme", None)
    assert bad["problem"] is not None
    assert bad["manifest"]["provides"] == []


def test_ambiguous_names(site):
    """Names that several distributions register are told, for those must be loaded by target."""
    Package().install(site)
    Package(name="rival", manifest=MANIFEST, clouds=("acme = styx_rival.cloud:C", "rival = styx_rival:C")).install(site)
    assert discover([str(site)])["ambiguous"] == ["cloud:acme"]


def test_distributions_without_plugins_do_not_count(site):
    """Other packages, and empty places, hold no plugins."""
    assert discover([str(site), "/nonexistent"]) == {"plugins": [], "ambiguous": []}
