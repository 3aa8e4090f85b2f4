"""What a copy or a synchronisation has to do, from what is at both ends. Pure: names in, names out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """What to copy and what to remove, each in order; names are paths relative to both ends.

    What is removed ``first`` stands in the way of something that is copied: a file where a directory is to be, or the
    other way round. The rest goes ``last``, so that one who is interrupted has not lost what the other end lacks.
    """

    moves: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    unchanged: int = 0

    @property
    def removals(self) -> tuple[str, ...]:
        """All that is removed, in order."""
        return tuple(sorted((*self.first, *self.last)))


def plan(
    source: Collection[str],
    target: Collection[str],
    same: Callable[[str], bool],
    *,
    delete: bool = False,
    kept: Callable[[str], bool] = lambda _name: False,
) -> Plan:
    """The plan by which the target has all that the source has; with ``delete``, nothing else either.

    ``same`` is asked about names that are at both ends. What is ``kept`` is not removed.
    """
    there = set(target)
    moves = sorted(name for name in set(source) if name not in there or not same(name))
    if not delete:
        return Plan(tuple(moves), unchanged=len(set(source)) - len(moves))
    surplus = sorted(name for name in there - set(source) if not kept(name))
    first = tuple(in_the_way(moves, surplus))
    last = tuple(name for name in surplus if name not in set(first))
    return Plan(tuple(moves), first, last, len(set(source)) - len(moves))


def in_the_way(moves: Collection[str], there: Collection[str]) -> Iterator[str]:
    """Those of the files there that have the name of a directory to come, or are in one with the name of a file."""
    files, directories = set(moves), {above for name in moves for above in parents(name)}
    for name in there:
        if name in directories or any(above in files for above in parents(name)):
            yield name


def parents(name: str) -> Iterator[str]:
    """The directories that a file is in, the innermost first."""
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def batches(sizes: Mapping[str, int], most_files: int, most_bytes: int) -> Iterator[list[str]]:
    """The names in order, so many at a time; a file that is larger than a batch is one by itself."""
    batch: list[str] = []
    total = 0
    for name, size in sizes.items():
        if batch and (len(batch) >= most_files or total + size > most_bytes):
            yield batch
            batch, total = [], 0
        batch.append(name)
        total += size
    if batch:
        yield batch
