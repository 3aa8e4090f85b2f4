"""A package written by ``styx plugins new`` is installed by pip, listed, checked, tested and removed elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from styx.plugins.kinds import KINDS

STYX = ("-c", "import sys; from styx.cli.main import main; sys.exit(main())")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Place:
    """An environment of its own that borrows the libraries of the one that runs these tests, and packages in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        venv.create(root / "venv", with_pip=False)
        self.python = root / "venv" / "bin" / "python"
        self.libraries = Path(sysconfig.get_path("purelib", vars={"base": str(root / "venv")}))
        # addsitedir, and not a plain line: the libraries' own .pth files count too, as for editable installs.
        borrowed = sysconfig.get_path("purelib")
        (self.libraries / "borrowed.pth").write_text(f"import site; site.addsitedir({borrowed!r})\n")
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(root), "STYX_HOME": str(root / "home"), "NO_COLOR": "1",
            "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore",
            "PIP_CONFIG_FILE": os.devnull,
        }  # fmt: skip

    def run(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run the environment's Python."""
        return subprocess.run(
            [str(self.python), *arguments], cwd=cwd or self.root, env=self.environment, check=False,
            capture_output=True, text=True, timeout=240,
        )  # fmt: skip

    def must(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run it, and return what it wrote; anything but success fails the test."""
        done = self.run(*arguments, cwd=cwd)
        assert done.returncode == 0, f"{arguments} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def install(self, *options: str) -> None:
        """Install all five packages by one call of pip, without asking an index for anything."""
        packages = [word for kind in KINDS for word in (*options, f"./styx-fresh-{kind}")]
        self.must("-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", *packages)

    def listed(self) -> dict[str, dict[str, object]]:
        """The plugins from outside core, by name, as ``styx plugins list`` tells them."""
        found = json.loads(self.must(*STYX, "plugins", "list", "-o", "json"))
        return {plugin["name"]: plugin for plugin in found if plugin["distribution"].startswith("styx-fresh-")}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """All five kinds, written by the command and installed."""
    place = written(tmp_path_factory)
    place.install()
    return place


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """All five kinds, written by the command and installed as their author does, with -e."""
    place = written(tmp_path_factory)
    place.install("--editable")
    return place


def written(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A place with a package of each kind, not installed yet."""
    place = Place(tmp_path_factory.mktemp("outside"))
    for kind in KINDS:
        place.must(*STYX, "plugins", "new", f"fresh-{kind}", "--kind", kind)
    return place


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_is_listed_as_ok(kind: str, place: Place) -> None:
    """Right after the installation it is there, by name and kind, with nothing wrong."""
    plugin = place.listed()[f"fresh-{kind}"]
    assert (plugin["status"], plugin["reason"]) == ("ok", "")
    assert plugin["provides"] == [{"kind": kind, "name": f"fresh-{kind}", "capabilities": []}]


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_keeps_what_its_manifest_promises(kind: str, place: Place) -> None:
    """``styx plugins check`` can load the class and the settings."""
    checked = json.loads(place.must(*STYX, "plugins", "check", f"fresh-{kind}", "-o", "json"))
    assert checked
    assert {row["status"] for row in checked} == {"ok"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_passes_its_conformance_tests(kind: str, place: Place) -> None:
    """``styx plugins test`` runs the kit on it as it was written, and nothing fails."""
    said = place.must(
        *STYX, "plugins", "test", ".", "--", "-q", "-p", "no:cacheprovider", cwd=place.root / f"styx-fresh-{kind}"
    )
    assert " passed" in said


def test_a_task_runs_on_a_new_cloud(place: Place) -> None:
    """With not a line of core changed, ``styx launch`` rents a machine there, runs a task, and removes it."""
    try:
        said = place.must(
            *STYX, "launch", "-y", "-c", "outside", "--infra", "fresh-cloud", "--", "echo hello from $STYX_NODE_RANK"
        )
        status = json.loads(place.must(*STYX, "status", "-o", "json"))
    finally:
        down = place.run(*STYX, "down", "-y", "outside")
    assert "hello from 0" in said
    assert [cluster["name"] for cluster in status] == ["outside"]
    assert down.returncode == 0, down.stderr
    assert [path for path in place.root.glob(".cache/styx-fresh-cloud/*/*") if not path.name.startswith(".")] == []


def test_an_emptied_method_fails_its_test(place: Place) -> None:
    """The tests that come with a package are not for show: a method that does nothing is noticed."""
    package = place.root / "styx-fresh-storage"
    source = place.libraries / "styx_fresh_storage" / "storage.py"
    written = source.read_text()
    assert "for name, path in sorted(self._objects(bucket))" in written
    source.write_text(written.replace("in sorted(self._objects(bucket))", "in self._objects(bucket)"))
    try:
        done = place.run(*STYX, "plugins", "test", ".", "--", "-q", "-p", "no:cacheprovider", cwd=package)
    finally:
        source.write_text(written)
    assert done.returncode == 1
    assert "test_listings_are_sorted" in done.stdout


def test_a_removed_plugin_is_gone(place: Place) -> None:
    """After pip has removed them, none is listed, and core's own plugins are as they were."""
    names = [f"styx-fresh-{kind}" for kind in KINDS]
    place.must("-m", "pip", "uninstall", "--quiet", "--yes", *names)
    assert place.listed() == {}


def test_an_editable_plugin_is_as_its_author_left_it(workshop: Place) -> None:
    """Listed, checked and tested where its sources are, and a change to them counts from the next command."""
    assert {name: plugin["status"] for name, plugin in workshop.listed().items()} == {
        f"fresh-{kind}": "ok" for kind in KINDS
    }
    checked = json.loads(workshop.must(*STYX, "plugins", "check", "-o", "json"))
    assert {row["status"] for row in checked} == {"ok"}
    package = workshop.root / "styx-fresh-storage"
    test = (*STYX, "plugins", "test", ".", "--", "-q", "-p", "no:cacheprovider")
    assert " passed" in workshop.must(*test, cwd=package)
    source = package / "src" / "styx_fresh_storage" / "storage.py"
    source.write_text("raise RuntimeError('half done')\n" + source.read_text())
    checked = workshop.run(*STYX, "plugins", "check", "fresh-storage")
    assert checked.returncode != 0
    assert "half done" in checked.stdout + checked.stderr


def test_this_environment_is_untouched() -> None:
    """Nothing was installed where these tests run."""
    listing = subprocess.run(
        [sys.executable, "-c", "import importlib.metadata as m; print([d.name for d in m.distributions()])"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert "styx-fresh" not in listing
