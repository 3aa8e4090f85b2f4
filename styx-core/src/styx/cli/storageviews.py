"""How what is in stores is shown, to people and to programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from styx.cli.render import iso, moment, table
from styx.words import count, size

if TYPE_CHECKING:
    from styx.api.storage import StoredObject
    from styx.engine.storage import BucketInfo, Transfer


class Entry(NamedTuple):
    """A line of a listing: an object, or (with a number of ``objects``) all that is below a key."""

    uri: str
    size: int
    modified_at: datetime
    objects: int | None = None


def entries(uri: str, found: Sequence[StoredObject], *, recursive: bool) -> list[Entry]:
    """What is directly at or below the URI; or with ``recursive`` every object."""
    from styx.engine.storage.uri import Uri

    place = Uri.parse(uri)
    single = {thing.key for thing in found} == {place.key}
    base = len(place.key if single else place.prefix)
    shown: dict[str, Entry] = {}
    for thing in found:
        head, slash, _ = thing.key[base:].partition("/")
        below = bool(slash) and not recursive and len(thing.key) > base
        key = thing.key[:base] + head + slash if below else thing.key
        before = shown.get(key)
        latest = max(thing.modified_at, before.modified_at) if before else thing.modified_at
        number = (before.objects or 0) + 1 if below and before else 1
        shown[key] = Entry(
            place.at(key), thing.size + (before.size if before else 0), latest, number if below else None
        )
    return list(shown.values())


def entry_table(found: Sequence[Entry]) -> str:
    """For people."""
    rows = [(moment(e.modified_at), size(e.size), e.objects, e.uri) for e in found]
    return table(("MODIFIED", "SIZE", "OBJECTS", "URI"), rows)


def entry_shape(entry: Entry) -> dict[str, Any]:
    """For programs."""
    return {**entry._asdict(), "modified_at": iso(entry.modified_at)}


def bucket_table(found: Sequence[BucketInfo]) -> str:
    """For people."""
    rows = [
        (
            bucket.uri,
            "many" if bucket.objects is None else bucket.objects,
            None if bucket.size is None else size(bucket.size),
            bucket.modified_at and moment(bucket.modified_at),
            bucket.store,
        )
        for bucket in found
    ]
    return table(("BUCKET", "OBJECTS", "SIZE", "MODIFIED", "STORE"), rows)


def bucket_shape(bucket: BucketInfo) -> dict[str, Any]:
    """For programs."""
    return {
        "store": bucket.store,
        "uri": bucket.uri,
        "objects": bucket.objects,
        "size": bucket.size,
        "modified_at": None if bucket.modified_at is None else iso(bucket.modified_at),
    }


def would(planned: Transfer) -> Iterator[str]:
    """What a copy would do, a line for each file."""
    source, target = planned.source, planned.target
    for name in planned.plan.first:
        yield f"Would remove {target.show(name)}"
    for name, number in planned.sizes.items():
        yield f"Would copy {source.show(name)} to {target.show(name)} ({size(number)})"
    for name in planned.plan.last:
        yield f"Would remove {target.show(name)}"
    if not (planned.plan.moves or planned.plan.removals):
        yield "There is nothing to do."


def done(planned: Transfer, seconds: float) -> str:
    """What a copy has done, on one line."""
    moves, removals, unchanged = planned.plan.moves, planned.plan.removals, planned.plan.unchanged
    total = sum(planned.sizes.values())
    parts = []
    if moves:
        rate = size(total / max(seconds, 0.001))
        parts.append(f"copied {count(len(moves), 'file')}, {size(total)}, in {seconds:.1f} s ({rate}/s)")
    if removals:
        parts.append(f"removed {len(removals)}")
    if unchanged:
        parts.append(f"{unchanged} unchanged")
    said = "; ".join(parts if moves or removals else ["nothing to copy", *parts])
    return f"{said[0].upper()}{said[1:]}."


def transfer_shape(planned: Transfer, seconds: float | None) -> dict[str, Any]:
    """What a copy has done, or would do, for programs."""
    source, target, sizes = planned.source, planned.target, planned.sizes
    return {
        "copied": [{"source": source.show(n), "target": target.show(n), "size": s} for n, s in sizes.items()],
        "removed": [target.show(name) for name in planned.plan.removals],
        "unchanged": planned.plan.unchanged,
        "left_out": list(planned.left_out),
        "bytes": sum(sizes.values()),
        "seconds": seconds,
    }
