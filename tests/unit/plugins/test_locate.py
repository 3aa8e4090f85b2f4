"""Finding modules without importing anything."""

import sys

import pytest

from styx.plugins.locate import find_spec, package_directories


@pytest.mark.parametrize("module", ["json", "json.decoder", "click", "sys", "xml.etree.ElementTree", "styx.api.errors"])
def test_there(module):
    """Modules are found whatever kind they are: built in, in the standard library, installed, editable."""
    assert find_spec(module) is not None


@pytest.mark.parametrize(
    "module", ["acme_sdk", "json.nothing", "json.decoder.nothing", "sys.nothing", "", ".", "a b", "json:x", "..json"]
)
def test_not_there(module):
    """What is not there, or is no name of a module, is None and never an error."""
    assert find_spec(module) is None


def test_nothing_is_imported(site):
    """Looking below a package does not run the package, which importlib.util.find_spec does."""
    package = site / "loud_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    (package / "inner.py").touch()
    assert find_spec("loud_package.inner") is not None
    assert package_directories("loud_package") == [str(package)]
    assert "loud_package" not in sys.modules


def test_directories():
    """A module that is no package has no directories."""
    assert package_directories("json.decoder") == []
    assert len(package_directories("json")) == 1


def test_an_editable_install_with_a_finder_of_its_own(monkeypatch, tmp_path):
    """Finders that installers put on ``sys.meta_path`` are asked as well; those of the old kind are passed over."""
    from importlib.machinery import PathFinder

    (tmp_path / "only_there").mkdir()
    (tmp_path / "only_there" / "__init__.py").touch()

    class Editable:
        @staticmethod
        def find_spec(name, path=None, target=None):
            return PathFinder.find_spec(name, [str(tmp_path)])

    monkeypatch.setattr(sys, "meta_path", [object(), *sys.meta_path, Editable])
    assert package_directories("only_there") == [str(tmp_path / "only_there")]
