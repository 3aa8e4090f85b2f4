"""Copying and synchronising between a directory and stores, as somebody asks for it."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from styx.api import BadInput, InvalidRequest, NotFound, PluginError, QuotaExceeded, RateLimited, Transient, Unsupported
from styx.engine.storage import Mode, StorageWork
from styx.engine.storage.ends import PARTIAL
from styx.engine.storage.transfer import Tally
from styx.testing.memory import MemoryObjects, MemoryStorage
from support.disks import small_disk
from support.stores import work as work_of

ONE, ALL, SYNC, MIRROR = Mode(), Mode(recursive=True), Mode(sync=True), Mode(sync=True, delete=True)
FILES = {"a.txt": "a", "sub/deep/b.txt": "bb", ".dot": "", "with space": "s"}


def write(root: Path, files: Mapping[str, str]) -> Path:
    """A directory with these files."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def tree(root: Path) -> dict[str, str]:
    """All files below a directory."""
    return {p.relative_to(root).as_posix(): p.read_text() for p in root.rglob("*") if p.is_file()}


async def keys(work: StorageWork, uri: str) -> list[str]:
    """The keys at or below a URI."""
    return [thing.key for thing in await work.objects(uri)]


async def copy(work: StorageWork, source: object, target: object, mode: Mode) -> tuple[list[str], list[str]]:
    """Plan it and do it; what was copied and removed."""
    planned = await work.plan(str(source), str(target), mode)
    moved: list[int] = []
    await work.carry_out(planned, moved.append)
    assert sum(moved) == sum(planned.sizes.values())
    return list(planned.plan.moves), list(planned.plan.removals)


@pytest.mark.parametrize("scheme", ["file", "memory"])
@pytest.mark.parametrize("mode", [ALL, SYNC])
async def test_a_directory_comes_back_as_it_went(work: StorageWork, tmp_path: Path, scheme: str, mode: Mode) -> None:
    """Up and down again, every file has its place and its content; nothing else is left beside them."""
    source = write(tmp_path / "source", FILES)
    await copy(work, source, f"{scheme}://b/data", mode)
    assert await keys(work, f"{scheme}://b") == sorted(f"data/{name}" for name in FILES)
    await copy(work, f"{scheme}://b/data", tmp_path / "back", mode)
    assert tree(tmp_path / "back") == FILES
    assert sorted(p.name for p in (tmp_path / "back").iterdir()) == [".dot", "a.txt", "sub", "with space"]


@pytest.mark.parametrize("scheme", ["file", "memory"])
async def test_what_is_the_same_is_left_alone(work: StorageWork, tmp_path: Path, scheme: str) -> None:
    """A second synchronisation copies what has changed since, in either direction."""
    source = write(tmp_path / "source", FILES)
    for path in source.rglob("*"):
        os.utime(path, (0, 0))  # the clock of the store in memory is not ours
    await copy(work, source, f"{scheme}://b", SYNC)
    assert await copy(work, source, f"{scheme}://b", SYNC) == ([], [])
    (source / "a.txt").write_text("longer")
    assert await copy(work, source, f"{scheme}://b", SYNC) == (["a.txt"], [])
    back = tmp_path / "back"
    await copy(work, f"{scheme}://b", back, SYNC)
    assert await copy(work, f"{scheme}://b", back, SYNC) == ([], [])
    (back / "a.txt").write_text("edited")  # of the same size, later
    os.utime(back / "a.txt", (4e9, 4e9))
    assert await copy(work, f"{scheme}://b", back, SYNC) == (["a.txt"], [])
    assert (back / "a.txt").read_text() == "longer"


async def test_from_store_to_store(work: StorageWork, tmp_path: Path) -> None:
    """Objects go from one kind of store to another, and within one; what is there already is not copied again."""
    await copy(work, write(tmp_path / "source", FILES), "file://b/x", ALL)
    assert len((await copy(work, "file://b/x", "memory://b/y", SYNC))[0]) == len(FILES)
    assert len((await copy(work, "memory://b/y", "memory://b/z", ALL))[0]) == len(FILES)
    await copy(work, "memory://b/z", tmp_path / "back", SYNC)
    assert tree(tmp_path / "back") == FILES
    assert await copy(work, "file://b/x", "file://b/x2", SYNC) != ([], [])
    assert await copy(work, "file://b/x", "file://b/x2", SYNC) == ([], [])


@pytest.mark.parametrize("target", ["file://b/there", "directory"])
async def test_delete_makes_a_mirror(work: StorageWork, tmp_path: Path, target: str) -> None:
    """With --delete what the source lacks goes, also where a file stands in the way of a directory, and back."""
    target = target if "://" in target else str(tmp_path / target)
    await copy(
        work, write(tmp_path / "old", {"a": "file", "b/c": "in b", "old/er/x": "x", "kept": "k"}), "file://b/1", ALL
    )
    await copy(work, write(tmp_path / "new", {"a/b": "dir now", "b": "file now", "kept": "k"}), "file://b/2", ALL)
    await copy(work, "file://b/1", target, SYNC)
    moved, removed = await copy(work, "file://b/2", target, MIRROR)
    assert (set(moved), set(removed)) == ({"a/b", "b", "kept"}, {"a", "b/c", "old/er/x"}) or moved == ["a/b", "b"]
    await copy(work, target, tmp_path / "check", MIRROR) if "://" in target else None
    root = tmp_path / "check" if "://" in target else Path(target)
    assert tree(root) == {"a/b": "dir now", "b": "file now", "kept": "k"}
    assert sorted(p.name for p in root.iterdir()) == ["a", "b", "kept"]  # directories that are empty go too


async def test_without_delete_what_is_in_the_way_is_told(work: StorageWork, tmp_path: Path) -> None:
    """A file in the place of a directory is not removed unasked: nothing is done, and the error names it."""
    await copy(work, write(tmp_path / "s", {"a/b": "x"}), "file://b", ALL)
    target = write(tmp_path / "t", {"a": "mine"})
    with pytest.raises(BadInput, match="'a'"):
        await work.plan("file://b", str(target), SYNC)
    assert tree(target) == {"a": "mine"}


async def test_ignored_files_stay_where_they_are(work: StorageWork, tmp_path: Path) -> None:
    """What an ignore file names is not brought, and --delete does not remove it at either end; cp copies all."""
    source = write(tmp_path / "s", {"a": "a", "x.log": "x", "d/.gitignore": "tmp/", "d/tmp/y": "y", "d/z": "z"})
    (source / ".gitignore").write_text("*.log\n")
    await copy(work, write(tmp_path / "o", {"theirs.log": "t", "d/tmp/t": "t", "gone": "g"}), "file://b", ALL)
    moved, removed = await copy(work, source, "file://b", MIRROR)
    assert (moved, removed) == ([".gitignore", "a", "d/.gitignore", "d/z"], ["gone"])
    assert await copy(work, "file://b", source, MIRROR) == (["d/tmp/t", "theirs.log"], [])
    assert (source / "x.log").exists()
    await copy(work, source, "file://b/all", ALL)
    assert "all/x.log" in await keys(work, "file://b")


async def test_links(work: StorageWork, tmp_path: Path) -> None:
    """A link to a file is that file; one to a directory, or to nowhere, is left out and told."""
    source = write(tmp_path / "s", {"a": "a"})
    (source / "link").symlink_to("a")
    (source / "dir").symlink_to(tmp_path)
    (source / "dangling").symlink_to("nowhere")
    planned = await work.plan(str(source), "file://b", SYNC)
    assert (list(planned.plan.moves), planned.left_out) == (["a", "link"], ("dangling", "dir"))


async def test_single_files(work: StorageWork, tmp_path: Path) -> None:
    """One file goes under a new name, or under its own where the target is a directory or a bucket."""
    file = write(tmp_path / "s", {"a.txt": "a"}) / "a.txt"
    for target in ("file://b", "file://b/", "file://b/new/", "file://b/other.txt"):
        await copy(work, file, target, ONE)
    assert await keys(work, "file://b") == ["a.txt", "new/a.txt", "other.txt"]
    for target, there in (("x/", "x/a.txt"), (".", "a.txt"), ("y.txt", "y.txt"), ("x/z", "x/z")):
        await copy(work, "file://b/new/a.txt", f"{tmp_path}/w/{target}", ONE)
        assert (tmp_path / "w" / there).read_text() == "a"
    await copy(work, "file://b/a.txt", "memory://b/c", ONE)
    assert await keys(work, "memory://b") == ["c"]


@pytest.mark.parametrize(
    ("source", "target", "mode", "problem"),
    [
        ("{here}/s", "{here}/t", ALL, "neither"),
        ("{here}/s", "file://b", ONE, "is a directory"),
        ("{here}/nowhere", "file://b", ONE, "does not exist"),
        ("{here}/s/a.txt", "file://b", SYNC, "is a file"),
        ("file://b/x", "{here}/t", ONE, "is no single object"),
        ("file://b/nothing", "{here}/t", SYNC, "there is nothing below"),
        ("file://b/nothing", "{here}/t", ONE, "there is nothing at"),
        ("file://none", "{here}/t", SYNC, "there is no bucket"),
        ("file://b/x", "{here}/s/a.txt", SYNC, "is a file"),
        ("file://b/x", "file://b/x/", SYNC, "one place"),
        ("file://b/x", "file://b/", MIRROR, "--delete would remove"),
        ("file://", "{here}/t", SYNC, "names no bucket"),
        ("s4://b/x", "{here}/t", SYNC, "no installed storage understands s4://"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    work: StorageWork, tmp_path: Path, source: str, target: str, mode: Mode, problem: str
) -> None:
    """Before anything is done, with a sentence and mostly a hint."""
    await copy(work, write(tmp_path / "s", FILES), "file://b/x", ALL)
    with pytest.raises((BadInput, NotFound, Unsupported), match=problem):
        await work.plan(source.format(here=tmp_path), target.format(here=tmp_path), mode)


async def test_a_mistyped_prefix_empties_nothing(work: StorageWork, tmp_path: Path) -> None:
    """To mirror a place where nothing is would remove everything: it is taken for a slip."""
    target = write(tmp_path / "t", FILES)
    with pytest.raises(NotFound):
        await work.plan("file://b/slip", str(target), MIRROR)
    assert tree(target) == FILES


async def test_a_disk_that_is_not_mounted_empties_nothing(work: StorageWork, tmp_path: Path) -> None:
    """Of a directory without a file, and of links that lead nowhere, it is not believed that all of it has gone."""
    source = write(tmp_path / "s", FILES)
    await copy(work, source, "file://b/x", ALL)
    before = await keys(work, "file://b/x")
    (tmp_path / "empty" / "folder").mkdir(parents=True)
    with pytest.raises(BadInput, match="there is no file in"):
        await work.plan(str(tmp_path / "empty"), "file://b/x", MIRROR)
    for name in FILES:
        top = source / name.partition("/")[0]
        if not top.is_symlink():
            shutil.rmtree(top) if top.is_dir() else top.unlink()
            top.symlink_to("/nowhere/else")
    (source / "new").write_text("new")
    assert await copy(work, source, "file://b/x", MIRROR) == (["new"], [])
    assert set(await keys(work, "file://b/x")) == {*before, "x/new"}


async def test_keys_that_are_no_paths(work: StorageWork, objects: MemoryObjects, tmp_path: Path) -> None:
    """Keys that would lead out of the directory are refused by name; what stands for a directory is none."""
    now = work.stores.get("memory").services.clock.now()
    objects.buckets["b"].objects |= {"d/dir/": (b"", now), "d/dir/a": (b"a", now)}
    assert (await copy(work, "memory://b/d", tmp_path / "t", SYNC))[0] == ["dir/a"]
    for key in ("d/../out", "d//x", "d/./y", "d/\0"):
        objects.buckets["b"].objects = {key: (b"x", now)}
        with pytest.raises(BadInput, match="cannot be files"):
            await work.plan("memory://b/d", str(tmp_path / "t"), SYNC)
    objects.buckets["b"].objects = {"d/a": (b"x", now), "d/a/b": (b"x", now)}
    with pytest.raises(BadInput, match="beside each other"):
        await work.plan("memory://b/d", str(tmp_path / "t"), SYNC)
    assert tree(tmp_path / "t") == {"dir/a": "a"}


class Flaky(MemoryStorage):
    """Fails every call for a while, in the ways that mean "again"."""

    failures: list[Exception]

    def put(self, bucket, files, moved=None):
        """Store one file more each time it is called."""
        for key, path in files.items():
            if self.failures:
                raise self.failures.pop(0)
            super().put(bucket, {key: path}, moved)


async def test_what_says_again_is_asked_again(tmp_path: Path) -> None:
    """A store that is busy or drops connections is asked again, without waiting in the test; bytes are counted once."""
    work = work_of(tmp_path / "home", memory=(Flaky, MemoryObjects()))
    storage = work.stores.get("memory")
    assert isinstance(storage, Flaky)
    await work.create("memory://b")
    source = write(tmp_path / "s", FILES)
    storage.failures = [Transient("reset"), RateLimited("slow down", retry_after=30.0), Transient("reset")]
    await copy(work, source, "memory://b", ALL)
    assert len(await keys(work, "memory://b")) == len(FILES)
    assert storage.services.clock.monotonic() >= 30.0
    storage.failures = [Transient("reset")] * 100
    with pytest.raises(Transient, match="reset"):
        await copy(work, source, "memory://b", ALL)
    storage.failures = [InvalidRequest("no")]
    with pytest.raises(InvalidRequest):
        await copy(work, source, "memory://b", ALL)


class Interrupted(MemoryStorage):
    """Fetches half of what it is asked for, and fails."""

    broken = True

    def get(self, bucket, files, moved=None):
        """Some of them."""
        half = dict(list(files.items())[: len(files) // 2]) if self.broken else files
        super().get(bucket, half, moved)
        if self.broken:
            raise InvalidRequest("enough")


async def test_a_failed_fetch_leaves_whole_files_only(tmp_path: Path) -> None:
    """Nothing of an unfinished batch is among the files; the next run goes on and clears up."""
    work = work_of(tmp_path / "home", memory=(Interrupted, MemoryObjects()))
    storage = work.stores.get("memory")
    assert isinstance(storage, Interrupted)
    await work.create("memory://b")
    await copy(work, write(tmp_path / "s", FILES), "memory://b", ALL)
    with pytest.raises(InvalidRequest):
        await copy(work, "memory://b", tmp_path / "t", SYNC)
    (partial,) = (tmp_path / "t").iterdir()
    assert partial.name.startswith(PARTIAL)
    assert (await work.plan(str(tmp_path / "t"), "memory://b/up", SYNC)).plan.moves == ()
    storage.broken = False
    await copy(work, "memory://b", tmp_path / "t", MIRROR)
    assert tree(tmp_path / "t") == FILES
    assert not partial.exists()


async def test_a_full_disk_is_said_and_the_rest_comes_later(work: StorageWork, tmp_path: Path) -> None:
    """Where the disk fills up on the way down, the error says what to do; with room, the next run goes on."""
    source = write(tmp_path / "s", {"a": "a", "large": "x" * (3 << 20)})
    await copy(work, source, "file://b", ALL)
    with small_disk(tmp_path / "small", "size=2m") as place:
        with pytest.raises(QuotaExceeded) as full:
            await copy(work, "file://b", place / "t", SYNC)
        assert "Free some space" in (full.value.hint or "")
        assert "large" not in tree(place / "t")
        await asyncio.to_thread(subprocess.run, ["mount", "-o", "remount,size=8m", place], check=True)
        await copy(work, "file://b", place / "t", SYNC)
        assert tree(place / "t") == tree(source)


async def test_two_who_fetch_the_same_into_one_place(work: StorageWork, tmp_path: Path) -> None:
    """The second is refused while the first is at it, for they would take files from under each other."""
    await copy(work, write(tmp_path / "s", FILES), "file://b", ALL)
    target = str(tmp_path / "t")
    plans = [await work.plan("file://b", target, SYNC) for _ in range(2)]
    done = await asyncio.gather(*(work.carry_out(each, lambda _: None) for each in plans), return_exceptions=True)
    assert set(map(type, done)) == {BadInput, type(None)}
    assert tree(Path(target)) == FILES


class Lying(MemoryStorage):
    """Lists what is no object, and fails as code does."""

    def list(self, uri):
        """Names alone."""
        return ["a", "b"]

    def put(self, bucket, files, moved=None):
        """Not written yet."""
        raise KeyError("bucket")


async def test_a_store_that_is_wrong_is_named_with_its_method(tmp_path: Path) -> None:
    """What is no answer of a store, or no error of one, is the plugin's fault, and says where."""
    work = work_of(tmp_path / "home", memory=(Lying, MemoryObjects()))
    await work.create("memory://b")
    with pytest.raises(PluginError, match=r"'memory' failed in list: .* which is no StoredObject"):
        await work.objects("memory://b")
    planned = await work.plan(str(write(tmp_path / "s", {"a": "a"})), "memory://b", ALL)
    with pytest.raises(PluginError, match="'memory' failed in put: KeyError"):
        await work.carry_out(planned, lambda _: None)


async def test_removing_objects(work: StorageWork, tmp_path: Path) -> None:
    """One object alone, or all at or below a key; buckets stay."""
    await copy(work, write(tmp_path / "s", FILES), "file://b/x", ALL)
    await work.remove(await work.find("file://b/x/a.txt"))
    assert "x/a.txt" not in await keys(work, "file://b")
    with pytest.raises(BadInput, match="no single object"):
        await work.find("file://b/x")
    found = await work.find("file://b/x", recursive=True)
    assert (len(found.objects), found.size) == (3, 3)
    await work.remove(found)
    await work.remove(found)
    assert await keys(work, "file://b") == []
    with pytest.raises(NotFound):
        await work.find("file://b/x", recursive=True)


def test_a_tally_forgets_what_a_failed_try_moved() -> None:
    """Whoever adds up what he was told has the truth at any time."""
    told: list[int] = []
    tally = Tally(told.append)
    tally(5)
    tally.settle(0)
    tally(3)
    tally.settle(8)
    assert (told, sum(told), tally.total) == ([5, -5, 3, 5], 8, 8)
