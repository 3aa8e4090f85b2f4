"""The stored index of all manifests: when it is used, when it is made anew, and what cannot break it."""

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from styx.plugins import discovery, index, paths
from styx.plugins.entries import PluginEntry
from support.plugin_packages import MANIFEST, Package

CLAMPED = 315532800  # 1980-01-01, as in images whose times were reset


def acme() -> PluginEntry | None:
    """The plugin of these tests as a new process would find it; others may be installed as well."""
    index.read.cache_clear()
    sys.path_importer_cache.clear()
    return next((entry for entry in index.read()["plugins"] if entry["distribution"] == "styx-acme"), None)


def names() -> list[str]:
    """The names of the plugins of these tests, as a new process would find them."""
    found = acme()
    return [found["manifest"]["name"]] if found else []


def stored() -> list[Path]:
    """The files in the cache."""
    return sorted(Path(paths.cache_dir()).iterdir())


@pytest.fixture
def builds(monkeypatch) -> list[object]:
    """One item for each time that the manifests were read."""
    counted: list[object] = []
    real = discovery.discover

    def discover(directories):
        counted.append(directories)
        return real(directories)

    monkeypatch.setattr(discovery, "discover", discover)
    return counted


def clamp(directory: Path) -> None:
    """Set all times below (and of) the directory to one moment, as reproducible images do."""
    for path in [directory, *directory.rglob("*")]:
        os.utime(path, (CLAMPED, CLAMPED))


def test_nothing_changed(site: Path, builds):
    """The manifests are read once, and from then on the stored index answers, the same."""
    Package().install(site)
    index.read.cache_clear()
    first = index.read()
    assert (names(), len(builds), len(stored())) == (["acme"], 1, 1)
    assert index.read() == first


def test_install_remove_reinstall_edit(site: Path, builds):
    """Every change of what is installed is noticed at once."""
    assert names() == []
    manifest = Package().install(site)
    assert names() == ["acme"]
    Package(version="2.0").install(site)
    assert acme()["version"] == "2.0"
    Package(version="2.0").install(site)
    names()
    manifest.write_text(MANIFEST.replace("Machines", "Fine machines"))
    assert names() == ["acme"]
    assert acme()["manifest"]["summary"] == "Fine machines of Acme Inc."
    Package().uninstall(site)
    assert names() == []
    assert len(builds) == 6  # one for each change and the first


def test_a_manifest_that_was_missing(site: Path):
    """A manifest that was not there when the index was made is noticed when it appears."""
    Package(manifest=None).install(site)
    assert acme()["problem"]["reason"].endswith("styx-plugin.toml does not exist")
    (site / "styx_acme" / "styx-plugin.toml").write_text(MANIFEST)
    assert acme()["problem"] is None


def test_a_package_that_was_missing(site: Path, tmp_path: Path):
    """A package that could not be found is looked for again every time: it may turn up anywhere."""
    Package().install(site)
    shutil.move(site / "styx_acme", tmp_path / "styx_acme")
    clamp(site)
    assert acme()["problem"]["status"] == "broken"
    shutil.move(tmp_path / "styx_acme", site / "styx_acme")
    clamp(site)
    assert acme()["problem"] is None


def test_clamped_times(site: Path):
    """Where all times are the same, the names of what is installed still tell a change."""
    clamp(site)
    assert names() == []
    Package().install(site)
    clamp(site)
    assert names() == ["acme"]
    Package(version="1.1").install(site)
    clamp(site)
    assert acme()["version"] == "1.1"
    Package().uninstall(site)
    clamp(site)
    assert names() == []


def test_the_first_entry_of_the_path_does_not_matter(site: Path, builds, monkeypatch):
    """``styx`` and ``python -m styx``, and every working directory, share one index."""
    names()
    monkeypatch.setattr(sys, "path", ["/somewhere/else", *sys.path[1:]])
    names()
    assert (len(builds), len(stored())) == (1, 1)


def test_another_path_is_another_index(site: Path, monkeypatch):
    """Two search paths do not take turns in one file."""
    Package().install(site)
    assert names() == ["acme"]
    monkeypatch.setattr(sys, "path", sys.path[:-1])
    assert names() == []
    assert len(stored()) == 2


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\x00\xff\xfe", b"[]", b"null", b'{"key": []}', b'{"index": {"plugins": 7}}', b'"text"'],
)
def test_a_corrupt_file(site: Path, content):
    """Whatever is in the file, the right answer comes, and the file is good afterwards."""
    Package().install(site)
    names()
    (file,) = stored()
    file.write_bytes(content)
    assert names() == ["acme"]
    assert json.loads(file.read_text())["index"] == index.read()


def test_an_index_whose_inside_was_tampered_with(site: Path):
    """An index with the right key and stamp but entries of another shape is made anew."""
    Package().install(site)
    names()
    (file,) = stored()
    data = json.loads(file.read_text())
    data["index"]["plugins"] = [{"name": "acme"}]
    file.write_text(json.dumps(data))
    assert names() == ["acme"]


@pytest.mark.parametrize("obstacle", ["file", "directory"])
def test_a_cache_that_cannot_be_written(site: Path, styx_home: Path, builds, obstacle):
    """A home that cannot be written costs time and nothing else."""
    if obstacle == "file":
        styx_home.write_text("not a directory")
    else:
        names()
        (file,) = stored()
        file.unlink()
        file.mkdir()  # nothing can be renamed over a directory
        builds.clear()
    Package().install(site)
    assert names() == names() == ["acme"]
    assert len(builds) == 2
    assert index.read() is index.read()
    assert not list(styx_home.parent.rglob("*.tmp"))


def test_refresh(site: Path, builds):
    """Refreshing forgets every stored index, also of other search paths, and reads the manifests again."""
    names()
    (file,) = stored()
    (file.parent / "plugins-0123abcd.json").write_text("{}")
    (file.parent / "other.json").write_text("{}")
    index.refresh()
    assert [path.name for path in stored()] == sorted(["other.json", file.name])
    assert len(builds) == 2


def test_refresh_without_a_cache(styx_home: Path):
    """Refreshing where nothing has been stored yet is fine."""
    assert index.refresh()["plugins"]
    assert len(stored()) == 1


def _read_often(start: object, answers: object) -> None:
    start.wait()
    for _ in range(20):
        index.read.cache_clear()
        for path in stored() if Path(paths.cache_dir()).is_dir() else []:
            path.unlink(missing_ok=True)
        answers.put([entry["manifest"]["name"] for entry in index.read()["plugins"]])


def test_several_processes_at_once(site: Path):
    """Processes that make and remove the index at the same time all get the whole answer."""
    Package().install(site)
    fork = multiprocessing.get_context("fork")
    start, answers = fork.Event(), fork.Queue()
    readers = [fork.Process(target=_read_often, args=(start, answers)) for _ in range(3)]
    for reader in readers:
        reader.start()
    start.set()
    found = [answers.get(timeout=60) for _ in range(60)]
    for reader in readers:
        reader.join()
    assert {reader.exitcode for reader in readers} == {0}
    expected = [entry["manifest"]["name"] for entry in index.refresh()["plugins"]]
    assert "acme" in expected
    assert all(each == expected for each in found)


def test_reading_it_imports_nothing_heavy(site: Path):
    """A fresh index is read without pathlib, dataclasses, the contract, or any plugin."""
    code = (
        "import sys; from styx.plugins import index; print(len(index.read()['plugins']));"
        "print(*(m for m in ('pathlib', 'dataclasses', 'tomllib', 'styx.api', 'styx.builtin', 'styx_acme')"
        " if m in sys.modules))"
    )
    Package().install(site)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    for expected in (["pathlib", "dataclasses", "styx.api", "styx.builtin", "styx_acme"], ["tomllib"]):
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert not set(run.stdout.split()[1:]).intersection(expected), run.stdout
