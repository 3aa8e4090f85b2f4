"""How what is in stores is shown."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api import StoredObject
from styx.cli import storageviews
from styx.cli.storageviews import Entry, entries
from styx.engine.storage import Transfer
from styx.engine.storage.ends import LocalEnd, LocalFile
from styx.engine.storage.plan import Plan
from styx.words import size

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
KEYS = st.lists(st.sampled_from(["a", "b", "a.txt"]), min_size=1, max_size=3).map("/".join)


def stored(key: str, bytes_: int = 1) -> StoredObject:
    """An object of now."""
    return StoredObject(key, bytes_, NOW)


def test_a_level_of_a_bucket() -> None:
    """What is directly there is shown by itself, what is deeper by its directory, with its sum."""
    found = [stored("a", 3), stored("d/x", 10), stored("d/y/z", 20), stored("e", 1)]
    assert entries("file://b", found, recursive=False) == [
        Entry("file://b/a", 3, NOW),
        Entry("file://b/d/", 30, NOW, 2),
        Entry("file://b/e", 1, NOW),
    ]
    below = [thing for thing in found if thing.key.startswith("d/")]
    for uri in ("file://b/d", "file://b/d/"):
        assert [e.uri for e in entries(uri, below, recursive=False)] == ["file://b/d/x", "file://b/d/y/"]
    assert [e.uri for e in entries("file://b", found, recursive=True)] == [f"file://b/{o.key}" for o in found]


def test_an_object_and_what_is_below_its_key() -> None:
    """A key may be an object and the beginning of others; both are shown."""
    assert [e.uri for e in entries("s3://b/a", [stored("a")], recursive=False)] == ["s3://b/a"]
    found = entries("s3://b/a", [stored("a"), stored("a/b"), stored("a/c/d")], recursive=False)
    assert [(e.uri, e.objects) for e in found] == [("s3://b/a", None), ("s3://b/a/b", None), ("s3://b/a/c/", 1)]


@given(keys=st.sets(KEYS), recursive=st.booleans())
def test_nothing_is_counted_twice_or_lost(keys: set[str], recursive: bool) -> None:
    """The lines together have as many objects and bytes as there are."""
    found = [stored(key, len(key)) for key in sorted(keys)]
    shown = entries("s3://b", found, recursive=recursive)
    assert sum(1 if e.objects is None else e.objects for e in shown) == len(found)
    assert sum(e.size for e in shown) == sum(thing.size for thing in found)
    assert len({e.uri for e in shown}) == len(shown)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (Plan(("a", "b")), "Copied 2 files, 1.5 KiB, in 2.0 s (768 B/s)."),
        (Plan(("a",), ("x",), ("y",), 7), "Copied 1 file, 1.0 KiB, in 2.0 s (512 B/s); removed 2; 7 unchanged."),
        (Plan((), (), ("y",), 1), "Removed 1; 1 unchanged."),
        (Plan(unchanged=3), "Nothing to copy; 3 unchanged."),
        (Plan(), "Nothing to copy."),
    ],
)
def test_the_line_at_the_end(plan: Plan, said: str) -> None:
    """What was done, and how fast; nothing is said of what did not happen."""
    files = {"a": LocalFile(Path("/s/a"), 1024), "b": LocalFile(Path("/s/b"), 512)}
    planned = Transfer(LocalEnd(Path("/s"), files), LocalEnd(Path("/t")), plan)
    assert storageviews.done(planned, 2.0) == said
    lines = list(storageviews.would(planned))
    assert len(lines) == max(1, len(plan.moves) + len(plan.removals))
    shape: dict[str, Any] = storageviews.transfer_shape(planned, None)
    assert (len(shape["copied"]), len(shape["removed"]), shape["unchanged"], shape["seconds"]) == (
        len(plan.moves), len(plan.removals), plan.unchanged, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (10240, "10 KiB"), (1.5 * 2**30, "1.5 GiB"), (2**62, "4096 PiB")],
)
def test_sizes(number: float, text: str) -> None:
    """In the largest unit that fits, with one digit more where it is small."""
    assert size(number) == text
