"""What is written for a new plugin, and what is refused."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api import CONTRACT, BadInput
from styx.plugins.kinds import KINDS
from styx.plugins.manifest import NAME, parse_manifest
from styx.plugins.scaffold import write_package


@pytest.mark.parametrize("kind", KINDS)
def test_the_package_has_its_parts(kind: str, tmp_path: Path) -> None:
    """Every kind gets a project file, a manifest, its class, settings, errors, tests and a README."""
    package = write_package("acme-gpu", kind, tmp_path)
    assert package == tmp_path / "styx-acme-gpu"
    source = package / "src" / "styx_acme_gpu"
    parts = [source / name for name in ("__init__.py", "styx-plugin.toml", f"{kind}.py", "config.py", "errors.py")]
    parts += [package / name for name in ("pyproject.toml", "README.md", "tests/test_acme_gpu.py")]
    assert [part for part in parts if not part.is_file()] == []


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_template_is_left(kind: str, tmp_path: Path) -> None:
    """No word of the templates stays unfilled, in a name or in a file, and all Python parses."""
    package = write_package("acme", kind, tmp_path)
    for path in package.rglob("*"):
        assert not re.search(r"@[A-Z]+@|\.tmpl", str(path.relative_to(package)))
        if path.is_file():
            assert not re.search(r"@[A-Z]+@", path.read_text()), path
            if path.suffix == ".py":
                ast.parse(path.read_text(), str(path))


@pytest.mark.parametrize("kind", KINDS)
def test_the_manifest_is_what_core_reads(kind: str, tmp_path: Path) -> None:
    """The manifest names the contract of today and a class that is there."""
    package = write_package("acme-gpu", kind, tmp_path)
    path = package / "src" / "styx_acme_gpu" / "styx-plugin.toml"
    manifest = parse_manifest(tomllib.loads(path.read_text()), str(path))
    assert manifest["name"] == "acme-gpu"
    assert manifest["contract"] == {kind: list(CONTRACT[kind])}
    module, _, name = manifest["provides"][0]["target"].partition(":")
    tree = ast.parse((package / "src" / f"{module.replace('.', '/')}.py").read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.ClassDef)}


@pytest.mark.parametrize("kind", KINDS)
def test_the_project_registers_what_the_manifest_says(kind: str, tmp_path: Path) -> None:
    """Entry points name the package for core and the same class as the manifest."""
    package = write_package("acme", kind, tmp_path)
    points = tomllib.loads((package / "pyproject.toml").read_text())["project"]["entry-points"]
    manifest = tomllib.loads((package / "src" / "styx_acme" / "styx-plugin.toml").read_text())
    assert points == {
        "styx.plugins": {"acme": "styx_acme"},
        KINDS[kind].group: {"acme": manifest["provides"][0]["target"]},
    }


@pytest.mark.parametrize("name", ["", "Acme", "acme_gpu", "-acme", "acme-", "9acme", "a b", "../acme", "a" * 32, "ünï"])
def test_a_bad_name_is_refused(name: str, tmp_path: Path) -> None:
    """A name that core would not read is refused before anything is written."""
    with pytest.raises(BadInput, match="cannot be the name of a plugin"):
        write_package(name, "cloud", tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["core", "local", "ssh", "agent", "file"])
def test_a_name_of_core_is_refused(name: str, tmp_path: Path) -> None:
    """A name that a plugin inside core has would be in conflict for ever."""
    with pytest.raises(BadInput, match="taken by styx-core"):
        write_package(name, "cloud", tmp_path)


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    """The error names the kinds that there are."""
    with pytest.raises(BadInput, match="no kind of plugin 'database'") as refused:
        write_package("acme", "database", tmp_path)
    assert "sandbox" in (refused.value.hint or "")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A directory that is there is refused, and stays as it was."""
    (tmp_path / "styx-acme").mkdir()
    (tmp_path / "styx-acme" / "mine.txt").write_text("mine")
    with pytest.raises(BadInput, match="is there already"):
        write_package("acme", "cloud", tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["styx-acme", "mine.txt"]


def test_what_cannot_be_written_is_bad_input(tmp_path: Path) -> None:
    """A path below a file is refused with what to do, and leaves nothing."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot write"):
        write_package("acme", "cloud", tmp_path / "file" / "below")


def test_nothing_else_is_left_in_the_directory(tmp_path: Path) -> None:
    """The package is made beside its place and moved there; afterwards it is alone."""
    write_package("acme", "engine", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["styx-acme"]


@given(
    name=st.from_regex(NAME.pattern, fullmatch=True).filter(lambda name: len(name) <= 31),
    kind=st.sampled_from(list(KINDS)),
)
def test_every_name_that_core_reads_gives_python(
    name: str, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever the name, the class is not one that it imports, and the file parses."""
    place = tmp_path_factory.mktemp("new")
    try:
        package = write_package(name, kind, place)
    except BadInput:
        assert name in {"core", "local", "ssh", "agent", "file"}
        return
    tree = ast.parse((package / "src" / f"styx_{name.replace('-', '_')}" / f"{kind}.py").read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert imported.isdisjoint({node.name for node in tree.body if isinstance(node, ast.ClassDef)})


def test_a_simple_cloud_is_derived(tmp_path: Path) -> None:
    """The package has the parts of any other, with a class that is derived from a few calls."""
    package = write_package("acme-gpu", "cloud", tmp_path, simple=True)
    source = package / "src" / "styx_acme_gpu"
    assert "class AcmeGpuCloud(SimpleCloud)" in (source / "cloud.py").read_text()
    assert "ERRORS: ErrorMap" in (source / "errors.py").read_text()
    for path in package.rglob("*.*"):
        assert not re.search(r"@[A-Z]+@|\.tmpl", path.read_text()), path
        if path.suffix == ".py":
            ast.parse(path.read_text(), str(path))


def test_only_a_cloud_can_be_simple(tmp_path: Path) -> None:
    """A store or a backend has nothing to be derived from."""
    with pytest.raises(BadInput, match="no simple storage"):
        write_package("acme", "storage", tmp_path, simple=True)
    assert list(tmp_path.iterdir()) == []
