"""What the conformance rules do not ask: links, pipes, foreign directories, killed writers, full disks, settings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from styx.api import Conflict, InvalidConfig, InvalidRequest, NotFound, ProviderError, QuotaExceeded
from styx.builtin.file.config import FileConfig
from styx.builtin.file.storage import FileStorage
from styx.plugins.config import validated
from styx.testing import services
from support.disks import small_disk

SECRET = "do not tell"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the buckets are."""
    return tmp_path / "root"


@pytest.fixture
def store(tmp_path: Path, root: Path) -> FileStorage:
    """A store with the bucket ``ours``."""
    store = FileStorage(services(tmp_path, FileConfig(root=root), installation="abc123"))
    store.create("ours")
    return store


def keys(store: FileStorage, uri: str = "file://ours") -> list[str]:
    """The keys at or below a URI."""
    return [found.key for found in store.list(uri)]


def put(store: FileStorage, key: str, data: bytes, tmp_path: Path) -> None:
    """Store one object."""
    source = tmp_path / "source"
    source.write_bytes(data)
    store.upload(source, f"file://ours/{key}")


def test_links_in_a_bucket_lead_nowhere(store: FileStorage, root: Path, tmp_path: Path) -> None:
    """Links that somebody planted are no objects, and nothing is read or written through them."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text(SECRET)
    (root / "ours" / "dir").symlink_to(outside)
    (root / "ours" / "file").symlink_to(outside / "secret")
    assert keys(store) == []
    for key in ("dir/secret", "file", "dir/", "dir"):
        with pytest.raises(ProviderError):
            store.download(f"file://ours/{key}", tmp_path / "got")
    assert not (tmp_path / "got").exists()
    with pytest.raises(InvalidRequest):
        put(store, "dir/planted", b"x", tmp_path)
    put(store, "file", b"mine", tmp_path)  # takes the link's place
    assert (outside / "secret").read_text() == SECRET
    assert sorted(path.name for path in outside.iterdir()) == ["secret"]
    assert keys(store) == ["file"]


def test_a_link_in_a_buckets_place_is_none(store: FileStorage, root: Path, tmp_path: Path) -> None:
    """A link beside the buckets is not followed, and its name is not given to anybody."""
    (root / "linked").symlink_to(root / "ours")
    with pytest.raises(NotFound):
        keys(store, "file://linked")
    with pytest.raises(Conflict):
        store.create("linked")
    with pytest.raises(Conflict):
        store.delete("linked")
    assert (root / "linked").is_symlink()
    assert store.buckets() == ["ours"]


def test_pipes_are_not_waited_for(store: FileStorage, root: Path, tmp_path: Path) -> None:
    """A pipe is neither an object nor a source, and opening one would wait for ever."""
    os.mkfifo(root / "ours" / "pipe")
    (tmp_path / "tree").mkdir()
    os.mkfifo(tmp_path / "tree" / "pipe")
    (tmp_path / "tree" / "file").write_text("x")
    assert keys(store) == []
    store.upload(tmp_path / "tree", "file://ours/tree/")
    assert keys(store) == ["tree/file"]
    with pytest.raises(InvalidRequest):
        store.upload(tmp_path / "tree" / "pipe", "file://ours/pipe")


def test_directories_that_nobody_marked_can_be_read_only(store: FileStorage, root: Path, tmp_path: Path) -> None:
    """A directory that was not made as a bucket is somebody's: it can be read, but not written, claimed or removed."""
    (root / "datasets").mkdir()
    (root / "datasets" / "a").write_text("a")
    assert keys(store, "file://datasets") == ["a"]
    assert store.buckets() == ["ours"]
    with pytest.raises(Conflict, match="was not made by Styx"):
        store.upload(root / "datasets" / "a", "file://datasets/b")
    with pytest.raises(Conflict, match="was not made by Styx"):
        store.create("datasets")
    with pytest.raises(Conflict):
        store.delete("datasets")
    assert (root / "datasets" / "a").read_text() == "a"


def test_another_installation_reads_and_does_not_write(store: FileStorage, root: Path, tmp_path: Path) -> None:
    """A bucket is readable by whoever may read the disk, and written by those who made it."""
    put(store, "a", b"a", tmp_path)
    other = FileStorage(services(tmp_path, FileConfig(root=root), installation="zzz999"))
    assert keys(other) == ["a"]
    with pytest.raises(Conflict, match="belongs to the installation abc123"):
        put(other, "a", b"b", tmp_path)
    assert (root / "ours" / "a").read_bytes() == b"a"


def test_an_objects_key_cannot_be_a_directory_too(store: FileStorage, tmp_path: Path) -> None:
    """``a`` and ``a/b`` do not both fit on a disk: the second is refused and the first stays."""
    put(store, "a", b"a", tmp_path)
    with pytest.raises(InvalidRequest):
        put(store, "a/b", b"b", tmp_path)
    put(store, "c/d", b"d", tmp_path)
    with pytest.raises(InvalidRequest):
        put(store, "c", b"c", tmp_path)
    assert keys(store) == ["a", "c/d"]


def test_a_file_needs_a_key(store: FileStorage, tmp_path: Path) -> None:
    """A file cannot go to a prefix."""
    for key in ("", "dir/"):
        with pytest.raises(InvalidRequest, match="a file needs a key"):
            put(store, key, b"x", tmp_path)


def test_the_private_part_cannot_be_uploaded(store: FileStorage, tmp_path: Path) -> None:
    """A directory with the bucket's private name at its top is refused whole, before anything is copied."""
    tree = tmp_path / "tree"
    (tree / ".styx").mkdir(parents=True)
    (tree / ".styx" / "owner").write_text("zzz999")
    (tree / ".a").write_text("a")
    with pytest.raises(InvalidRequest):
        store.upload(tree, "file://ours/")
    assert keys(store) == []
    store.upload(tree, "file://ours/below/")
    assert keys(store) == ["below/.a", "below/.styx/owner"]
    assert store.buckets() == ["ours"]


def test_a_killed_writer_leaves_the_old_object(store: FileStorage, root: Path, tmp_path: Path) -> None:
    """A client killed in the middle of an upload leaves the old object and a draft, which goes after a day."""
    put(store, "model", b"old", tmp_path)
    code = (
        "import io, os, signal, sys; from pathlib import Path; from styx.builtin.file import tree\n"
        "class Source(io.RawIOBase):\n"
        "    def read(self, n=-1):\n"
        "        if self.tell_once: os.kill(os.getpid(), signal.SIGKILL)\n"
        "        self.tell_once = True; return b'new' * 1000\n"
        "source = Source(); source.tell_once = False\n"
        f"tree.replace(Path({str(root / 'ours')!r}), ['model'], source, '.styx')\n"
    )
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    drafts = root / "ours" / ".styx" / "drafts"
    assert [found.size for found in store.list("file://ours")] == [3]
    assert len(list(drafts.iterdir())) == 1
    put(store, "other", b"x", tmp_path)
    (draft,) = drafts.iterdir()  # it might still be somebody's
    os.utime(draft, (draft.stat().st_mtime - 90000, draft.stat().st_mtime - 90000))
    put(store, "other", b"x", tmp_path)
    assert list(drafts.iterdir()) == []


@pytest.fixture
def small_root(tmp_path: Path) -> Iterator[Path]:
    """A root on a disk of one mebibyte."""
    with small_disk(tmp_path / "small", "size=1m") as place:
        yield place


def test_a_full_disk_is_said_and_loses_nothing(small_root: Path, tmp_path: Path) -> None:
    """An upload that does not fit fails with the reason, leaves the old object, and nothing half written."""
    store = FileStorage(services(tmp_path, FileConfig(root=small_root / "root")))
    store.create("ours")
    put(store, "model", b"old", tmp_path)
    with pytest.raises(QuotaExceeded, match="No space left") as full:
        put(store, "model", b"x" * (2 << 20), tmp_path)
    assert full.value.hint
    store.download("file://ours/model", tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == b"old"
    put(store, "fits", b"x" * (1 << 19), tmp_path)  # what was half written is gone


def test_the_root_may_turn_out_to_be_a_file(tmp_path: Path) -> None:
    """check() names the root and the setting."""
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidRequest, match="is not a directory") as wrong:
        FileStorage(services(tmp_path, FileConfig(root=tmp_path / "file" / "below"))).check()
    assert "storage.file.root" in (wrong.value.hint or "")


def test_nothing_is_fetched_from_a_disk_that_nodes_do_not_see(store: FileStorage) -> None:
    """Without ``shared`` there is no command for nodes."""
    assert store.fetch_command("file://ours/a", "a") is None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"rot": "/x"}, "storage.file: unknown key 'rot'; did you mean 'root'?"),
        ({"root": "relative"}, "storage.file.root: relative must be an absolute path"),
        ({"root": 5}, "storage.file.root"),
        ({"shared": "perhaps"}, "storage.file.shared"),
    ],
)
def test_settings_that_make_no_sense_name_the_field(data: dict[str, object], message: str) -> None:
    """Errors in config.yaml say where."""
    with pytest.raises(InvalidConfig) as wrong:
        validated("file", "styx.builtin.file.config:FileConfig", data, "storage.file")
    assert message in wrong.value.message


PART = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=12).filter(
    lambda part: part not in {".", "..", ".styx"} and len(part.encode()) < 100
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=st.dictionaries(st.lists(PART, min_size=1, max_size=3).map("/".join), st.binary(max_size=20), max_size=8))
def test_any_tree_comes_back_as_it_went(store: FileStorage, tmp_path: Path, tree: dict[str, bytes]) -> None:
    """Whatever keys there are, they are listed sorted, from any on; and what is downloaded is what was uploaded."""
    store.delete("ours")
    store.create("ours")
    kept: dict[str, bytes] = {}
    for key, data in tree.items():
        try:
            put(store, key, data, tmp_path)
        except InvalidRequest:  # a key that is another one's directory
            assert any(key.startswith(f"{other}/") or other.startswith(f"{key}/") for other in kept)
        else:
            kept[key] = data
    assert keys(store) == sorted(kept)
    for key in tree:
        assert [thing.key for thing in store.list_after("file://ours", key)] == sorted(k for k in kept if k > key)
    if kept:
        target = tmp_path / "back"
        subprocess.run(["rm", "-rf", str(target)], check=True)
        store.download("file://ours/", target)
        assert {key: (target / key).read_bytes() for key in kept} == kept
    for key in kept:
        assert keys(store, f"file://ours/{key}") == [key]
