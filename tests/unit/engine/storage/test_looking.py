"""Looking at what there is in stores: pages of objects, buckets, and names for them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from styx.api import BadInput, NotFound, PluginError, StoredObject
from styx.engine.storage import Mode, StorageWork
from styx.testing.memory import MemoryObjects, MemoryStorage
from support.stores import broken
from support.stores import work as work_of


async def test_a_page_at_a_time(work: StorageWork, tmp_path: Path) -> None:
    """Of a store that lists as it goes nothing is read beyond a page; together the pages are all there is, by key."""

    class Endless(MemoryStorage):
        def list(self, uri: str) -> Iterator[StoredObject]:
            del uri
            return (StoredObject(f"{number:09}", 0, datetime.now(UTC)) for number in count())

    endless = work_of(tmp_path / "other", memory=(Endless, MemoryObjects()))
    assert [thing.key for thing in await endless.objects("memory://b", 2, "000000041")] == ["000000042", "000000043"]
    names = ["a-b", "a/b-c", "a/b/c", "a0", "z", "\u00e9/x"]
    for name in names:
        (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / name).write_text("")
    await work.carry_out(
        await work.plan(str(tmp_path / "source"), "file://b", Mode(recursive=True)), lambda _moved: None
    )
    found: list[str] = []
    while page := await work.objects("file://b", 2, found[-1] if found else ""):
        found += [thing.key for thing in page]
    assert found == names


async def test_a_page_is_asked_for_from_where_it_begins(tmp_path: Path) -> None:
    """All pages of a bucket together take a store that can begin anywhere no more than one look at each object."""
    looked_at: list[str] = []

    class Counted(MemoryStorage):
        def list(self, uri: str) -> Iterator[StoredObject]:
            return self.list_after(uri, "")

        def list_after(self, uri: str, key: str) -> Iterator[StoredObject]:
            del uri
            for number in range(int(key or -1) + 1, 100):
                looked_at.append(f"{number:02}")
                yield StoredObject(f"{number:02}", 0, datetime.now(UTC))

    work, found = work_of(tmp_path, memory=(Counted, MemoryObjects())), list[str]()
    while page := await work.objects("memory://b", 10, found[-1] if found else ""):
        found += [thing.key for thing in page]
    assert found == looked_at == [f"{number:02}" for number in range(100)]


async def test_buckets_and_problems_are_told_together(tmp_path: Path, objects: MemoryObjects) -> None:
    """A store that cannot be asked does not silence the others; buckets of more objects than a page are not counted."""
    work = work_of(tmp_path / "home", memory=(MemoryStorage, objects), broken=broken("acme"))
    await work.create("memory://small")
    await work.create("memory://large")
    now = work.stores.get("memory").services.clock.now()
    objects.buckets["small"].objects["k"] = (b"1234", now)
    objects.buckets["large"].objects |= {f"{n:05}": (b"x", now) for n in range(1001)}
    found, problems = await work.buckets()
    assert [(b.uri, b.objects, b.size) for b in found] == [("memory://large", None, None), ("memory://small", 1, 4)]
    assert list(problems) == ["broken"]
    with pytest.raises(PluginError):
        await work.objects("other://b")


async def test_buckets_by_name_and_pattern(work: StorageWork) -> None:
    """A name is looked up in all stores; where several have it the URI has to be said."""
    await work.create("file://run-1")
    await work.create("memory://run-2")
    assert await work.named(["run-*"]) == ["file://run-1", "memory://run-2"]
    assert await work.named(["run-1", "memory://b"]) == ["file://run-1", "memory://b"]
    with pytest.raises(BadInput, match="several buckets"):
        await work.named(["b"])
    with pytest.raises(NotFound, match="no bucket of ours"):
        await work.named(["nope"])
    with pytest.raises(BadInput, match="not a bucket"):
        await work.named(["file://b/key"])
    assert len(await work.named([], everything=True)) == 4
