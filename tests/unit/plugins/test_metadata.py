"""Reading what is installed, compared with importlib.metadata."""

import importlib.metadata
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.plugins.metadata import Distribution, distributions, metadata_names, search_path


def standard_answer(directories: list[str]) -> dict[str, tuple[str, dict[str, dict[str, str]]]]:
    """What importlib.metadata says: normalised name -> version and entry points; the first copy counts."""
    found: dict[str, tuple[str, dict[str, dict[str, str]]]] = {}
    for each in importlib.metadata.distributions(path=directories):
        name = re.sub(r"[-_.]+", "-", each.name).lower()
        groups: dict[str, dict[str, str]] = {}
        for point in each.entry_points:
            groups.setdefault(point.group, {})[point.name] = point.value
        found.setdefault(name, (each.version, groups))
    return {name: answer for name, answer in found.items() if answer[1]}


def our_answer(directories: list[str]) -> dict[str, tuple[str, dict[str, dict[str, str]]]]:
    """The same from here; groups without entries do not count."""
    found = {each.name: (each.version, {g: e for g, e in each.entry_points.items() if e})
             for each in distributions(directories)}  # fmt: skip
    return {name: answer for name, answer in found.items() if answer[1]}


def install(site: Path, metadata: str, entry_points: str, name: str = "acme", version: str = "1.0") -> None:
    """Write a metadata directory."""
    folder = site / metadata
    folder.mkdir(parents=True)
    kind = "METADATA" if metadata.endswith(".dist-info") else "PKG-INFO"
    (folder / kind).write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (folder / "entry_points.txt").write_text(entry_points)


def test_this_environment():
    """Name, version and entry points of everything installed here are those that importlib.metadata tells."""
    directories = search_path()
    found = our_answer(directories)
    assert found == standard_answer(directories)
    assert "styx-core" in found
    assert len(found) > 5


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[styx.clouds]\n",
        "[styx.clouds]\nacme = styx_acme.cloud:AcmeCloud\n",
        "[styx.clouds]\nacme=styx_acme.cloud:AcmeCloud",
        "\n\n[ styx.clouds ]\n  acme  =  styx_acme.cloud:AcmeCloud  \n\n[styx.plugins]\nacme = styx_acme\n",
        "# a comment\n[a]\n# x = y\nb = c\n",
        "[a]\nb = c:d [extra1, extra2]\n",
        "[a]\nb = c\n[a]\nd = e\n",
        "[a]\nb = c\nb = d\n",
        "[a]\r\nb = c\r\n",
        "[a.b-c]\nname with spaces = m.n:o.p\n",
        "[a]\nb = c = d\n",
        "[ä]\nö = ü:ß\n",
    ],
)
def test_odd_files(tmp_path: Path, text):
    """Odd but legal files mean what importlib.metadata takes them to mean."""
    install(tmp_path, "acme-1.0.dist-info", text)
    assert our_answer([str(tmp_path)]) == standard_answer([str(tmp_path)])


@pytest.mark.parametrize("content", [b"\xff\xfe[a]\nb = c", b"\x00\x01", b"b = c\n", b"[a\nb"])
def test_rubbish(tmp_path: Path, content):
    """A file that cannot be read, or says nothing in a group, has no entry points and hurts nobody."""
    install(tmp_path, "acme-1.0.dist-info", "")
    (tmp_path / "acme-1.0.dist-info" / "entry_points.txt").write_bytes(content)
    install(tmp_path, "other-2.dist-info", "[a]\nb = c\n", "other", "2")
    assert our_answer([str(tmp_path)]) == {"other": ("2", {"a": {"b": "c"}})}


@pytest.mark.parametrize(
    ("metadata", "name", "version"),
    [
        ("styx_acme-1.0.dist-info", "styx-acme", "1.0"),
        ("Styx_Acme-1.0.post1+local.2.dist-info", "styx-acme", "1.0.post1+local.2"),
        ("zope.interface-5.0.dist-info", "zope-interface", "5.0"),
        ("a__b.-c-1.dist-info", "a-b-", None),
        ("acme-1.0-py3.11.egg-info", "acme", "1.0"),
        ("acme.egg-info", "acme", ""),
    ],
)
def test_names(tmp_path: Path, metadata, name, version):
    """Names are normalised as pip does; an egg-info of a development tree has no version in its name."""
    install(tmp_path, metadata, "[a]\nb = c\n")
    (found,) = distributions([str(tmp_path)])
    assert found.name == name.rstrip("-")
    assert version is None or found.version == version


def test_the_first_copy_counts(tmp_path: Path):
    """Of two copies of a distribution the one that comes first on the path is there, as for imports."""
    install(tmp_path / "one", "styx_acme-2.0.dist-info", "[a]\nb = new\n", "styx-acme", "2.0")
    install(tmp_path / "two", "Styx_Acme-1.0.dist-info", "[a]\nb = old\n", "styx-acme", "1.0")
    path = [str(tmp_path / "one"), str(tmp_path / "two")]
    assert list(distributions(path)) == [Distribution("styx-acme", "2.0", {"a": {"b": "new"}})]


def test_a_first_copy_without_entry_points_hides_the_second(tmp_path: Path):
    """A newer copy that registers nothing any more hides what the older one registered."""
    install(tmp_path / "one", "acme-2.0.dist-info", "")
    install(tmp_path / "two", "acme-1.0.dist-info", "[a]\nb = old\n")
    assert list(distributions([str(tmp_path / "one"), str(tmp_path / "two")])) == []


def test_places_that_are_not_there(tmp_path: Path):
    """Directories that are missing, and files, hold nothing."""
    (tmp_path / "lib.zip").touch()
    assert metadata_names(str(tmp_path / "lib.zip")) == metadata_names(str(tmp_path / "none")) == []


def test_search_path_leaves_out_the_scripts_directory(monkeypatch):
    """The first entry is where the script or the user is, and is left out; with -P there is no such entry."""
    monkeypatch.setattr(sys, "path", ["/here", "/lib", "/site"])
    assert search_path() == ["/lib", "/site"]


@given(st.text(alphabet="[]=abc .:#;\n\t\r", max_size=60))
def test_any_text(tmp_path_factory, text):
    """Whatever a file says is read without an error, into texts without spaces around them."""
    site = tmp_path_factory.mktemp("site")
    install(site, "acme-1.0.dist-info", text)
    for found in distributions([str(site)]):
        for name, value in [pair for group in found.entry_points.values() for pair in group.items()]:
            assert (name, value) == (name.strip(), value.strip())
