"""A copy or synchronisation that has been planned, and doing what the plan says.

Files are moved in batches. What comes from a store is fetched into a hidden directory beside the target and takes its
place from there, so that one who is killed leaves whole files and that directory; run again, it goes on in there.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from styx.api.errors import BadInput, QuotaExceeded, StyxError
from styx.api.storage import Moved
from styx.engine.storage.ends import PARTIAL, End, LocalEnd, StoreEnd
from styx.engine.storage.plan import Plan, batches, in_the_way
from styx.engine.storage.stores import Stores, paths

FILES_AT_ONCE = 1000  # of a batch, which is what is repeated when a store says "again"
BYTES_AT_ONCE = 8 << 30
BYTES_BETWEEN = 1 << 30  # the same from store to store: so much of this machine's disk is needed


@dataclass(frozen=True, slots=True)
class Transfer:
    """What is to go from one end to the other."""

    source: End
    target: End
    plan: Plan

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes in bytes of what is to be copied, in order."""
        sizes = self.source.sizes
        return {name: sizes[name] for name in self.plan.moves}

    @property
    def left_out(self) -> tuple[str, ...]:
        """Files of the source that cannot be objects: links to directories or nowhere, names that are no text."""
        return self.source.left_out if isinstance(self.source, LocalEnd) else ()


class Tally:
    """Counts bytes that have gone over, for whoever watches; what a failed try had moved is taken off again."""

    def __init__(self, moved: Moved) -> None:
        self._moved = moved
        self._lock = Lock()
        self.total = 0

    def __call__(self, count: int) -> None:
        """Count some more."""
        with self._lock:
            self.total += count
        self._moved(count)

    def settle(self, total: int) -> None:
        """Say what the count really is now."""
        with self._lock:
            rest, self.total = total - self.total, total
        if rest:
            self._moved(rest)


async def carry_out(stores: Stores, transfer: Transfer, moved: Moved) -> None:
    """Do it; ``moved`` is told of bytes that have gone over, from any thread. Raises provider errors and BadInput.

    Interrupted, it has done a part: planned anew, the rest is left.
    """
    tally = Tally(moved)
    await _remove(stores, transfer.target, transfer.plan.first)
    source, target = transfer.source, transfer.target
    if isinstance(source, LocalEnd) and isinstance(target, StoreEnd):
        await _up(stores, source, target, transfer.sizes, tally)
    elif isinstance(source, StoreEnd) and isinstance(target, LocalEnd):
        await _down(stores, source, target, transfer.sizes, tally)
    elif isinstance(source, StoreEnd) and isinstance(target, StoreEnd):
        await _across(stores, source, target, transfer.sizes, tally)
    await _remove(stores, target, transfer.plan.last)


async def _up(stores: Stores, source: LocalEnd, target: StoreEnd, sizes: dict[str, int], tally: Tally) -> None:
    for batch in batches(sizes, FILES_AT_ONCE, BYTES_AT_ONCE):
        await _put(stores, target, {target.key(name): source.path(name) for name in batch}, tally)
        _count(tally, sizes, batch)


async def _down(stores: Stores, source: StoreEnd, target: LocalEnd, sizes: dict[str, int], tally: Tally) -> None:
    if not sizes:
        return
    with _partial(target.root, source) as place:
        for batch in batches(sizes, FILES_AT_ONCE, BYTES_AT_ONCE):
            await _get(stores, source, {source.key(name): place / name for name in batch}, tally)
            await asyncio.to_thread(_settle, source, target, place, batch)
            _count(tally, sizes, batch)


async def _across(stores: Stores, source: StoreEnd, target: StoreEnd, sizes: dict[str, int], tally: Tally) -> None:
    """Through this machine: a store knows nothing of another."""
    for batch in batches(sizes, FILES_AT_ONCE, BYTES_BETWEEN):
        with tempfile.TemporaryDirectory(prefix="styx-between-") as scratch:
            files = {name: Path(scratch, str(number)) for number, name in enumerate(batch)}  # keys need be no paths
            await _get(stores, source, {source.key(name): path for name, path in files.items()}, Tally(_unseen))
            await _put(stores, target, {target.key(name): path for name, path in files.items()}, tally)
        _count(tally, sizes, batch)


async def _put(stores: Stores, target: StoreEnd, files: dict[str, Path], tally: Tally) -> None:
    await _move(stores, target, target.storage.put, files, tally)


async def _get(stores: Stores, source: StoreEnd, files: dict[str, Path], tally: Tally) -> None:
    await _move(stores, source, source.storage.get, files, tally)


async def _move(stores: Stores, end: StoreEnd, work: Callable[..., None], files: dict[str, Path], tally: Tally) -> None:
    before = tally.total

    def move() -> None:
        tally.settle(before)
        work(end.place.bucket, files, tally)

    await stores.call(end.storage, move, done=lambda: tally.total, name=work.__name__)


def _count(tally: Tally, sizes: dict[str, int], batch: Sequence[str]) -> None:
    """Count a batch as its files' sizes, whatever its store has told; names are in order, so all before it are over."""
    over = 0
    for name, size in sizes.items():
        over += size
        if name == batch[-1]:
            break
    tally.settle(over)


def _unseen(count: int) -> None:
    """Count what nobody watches."""


@contextmanager
def _partial(root: Path, source: StoreEnd) -> Iterator[Path]:
    """The hidden directory for what is fetched from there, the same each time; removed once all has been.

    Raises BadInput where another process fetches the same into the same place.
    """
    place = root / f"{PARTIAL}{hashlib.sha256(str(source.place).encode()).hexdigest()[:8]}"
    with _refusals(f"write to {root}"):
        place.mkdir(parents=True, exist_ok=True)
        held = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput(
                f"another process is copying {source.place} to {root}", hint="Wait for it, or end it first."
            ) from None
        yield place
        shutil.rmtree(place, ignore_errors=True)
    finally:
        os.close(held)


def _settle(source: StoreEnd, target: LocalEnd, place: Path, batch: Sequence[str]) -> None:
    """Give fetched files the time of their objects, by which they are known again, and put them in their places."""
    made: set[Path] = set()
    for name in batch:
        # A microsecond earlier: rounded, it must not come out as later than the object.
        path, written = target.path(name), (int(source.objects[name].modified_at.timestamp() * 1e6) - 1) * 1000
        with _refusals(f"write {path}"):
            if path.parent not in made:
                path.parent.mkdir(parents=True, exist_ok=True)
                made.add(path.parent)
            os.utime(place / name, ns=(written, written))
            os.replace(place / name, path)  # noqa: PTH105 - ten thousand times


async def _remove(stores: Stores, end: End, names: Collection[str]) -> None:
    if not names:
        return
    if isinstance(end, LocalEnd):
        await asyncio.to_thread(_unlink, end, names)
        return
    for batch in batches(dict.fromkeys(names, 0), FILES_AT_ONCE, BYTES_AT_ONCE):
        await stores.call(end.storage, end.storage.remove, end.place.bucket, [end.key(name) for name in batch])


def _unlink(end: LocalEnd, names: Collection[str]) -> None:
    """Remove files, and the directories that are empty then."""
    for name in names:
        path = end.path(name)
        with _refusals(f"remove {path}"):
            path.unlink(missing_ok=True)
            with suppress(OSError):  # not empty, or another has removed it
                for above in path.relative_to(end.root).parents:
                    if above != Path():
                        (end.root / above).rmdir()


def require_room(target: LocalEnd, plan: Plan) -> None:
    """Raise BadInput where files are in the way of those that would be copied, and are to stay."""
    there = set(target.files) - set(plan.first)
    blocked = dict.fromkeys(in_the_way(plan.moves, there))
    if blocked:
        raise BadInput(
            f"in {target.root} are files in the way of what is to be copied: {paths(blocked)}",
            hint="Move them away; `styx storage sync --delete` removes what is not at the source.",
        )


def require_tree(plan: Plan, where: str) -> None:
    """Raise BadInput for keys of which one would be a directory of another: no file system has both."""
    both = dict.fromkeys(in_the_way(plan.moves, plan.moves))
    if both:
        raise BadInput(f"below {where} are keys that cannot be files beside each other: {paths(both)}")


@contextmanager
def _refusals(action: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _refused(error, action) from error


def _refused(error: OSError, action: str) -> StyxError:
    import errno

    message = f"cannot {action}: {error.strerror or error}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return QuotaExceeded(message, hint="Free some space and run the command again: it goes on where it was.")
    return BadInput(message)
