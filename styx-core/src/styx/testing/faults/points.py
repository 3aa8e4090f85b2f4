"""Which points there are: every call that a client makes, in turn, with all that can go wrong there."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from styx.engine.engine import Engine
from styx.testing.faults.fork import End
from styx.testing.faults.kinds import POSSIBLE, Fault
from styx.testing.faults.operations import Operation
from styx.testing.faults.tap import Counted, FaultTap
from styx.testing.faults.trial import Point, thens
from styx.testing.faults.world import NoGround, World

ENDS = 2  # calls (or rounds) at the beginning and at the end of a row of the same that are tried
LONGEST = 4  # calls in a round: a look may take several requests


@dataclass(frozen=True, slots=True)
class Counts:
    """The calls of one client that nothing happened to, and how long an absence does not count there (seconds)."""

    calls: tuple[Counted, ...] = ()
    settle_after: float = 0.0


@dataclass
class Enumeration:
    """The points of one operation, and how many there are not, by the reason why."""

    points: list[Point] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


def dry_run(world: World, operation: Operation) -> Counts:
    """Count the calls. Raises NoGround when the operation fails though nothing happens to it."""
    tap = FaultTap(world.bench, refusals=operation.refusals)

    async def act(engine: Engine) -> Counts:
        await operation.act(engine)
        settle_after = engine.context.clouds.get(world.bench.name).cloud.traits.settle_after
        return Counts(tuple(tap.calls), settle_after)

    ended = world.begin(act, tap).ended()
    if ended.how is not End.DONE:
        raise NoGround(f"{operation.name} without any fault: {ended.how}, {ended.said}")
    counts: Counts = ended.value
    return counts


def enumerate_points(world: World, operation: Operation) -> Enumeration:
    """All points of the operation on this provider. Uses the world up."""
    counts, found = dry_run(world, operation), Enumeration()
    alike = repeated([call.name for call in counts.calls])
    for number, call in enumerate(counts.calls):
        for fault in POSSIBLE[call.role]:
            why = _why_not(world, counts, call, fault) or _endless(operation, fault)
            if number in alike:
                why = f"{call.name}: neither of the first {ENDS} nor of the last {ENDS} of a row of the same"
            if why:
                found.skipped[why if number in alike else f"{fault}: {why}"] += len(thens(fault, call.role))
            else:
                found.points += (
                    Point(world.bench.variant, operation.name, number, call.name, fault, then)
                    for then in thens(fault, call.role)
                )
    return found


def repeated(names: Sequence[str]) -> set[int]:
    """Which calls are in the middle of a row of the same, or of the same few in turn.

    Waiting for something, a client looks again and again, or removes and looks; the world is the same every time.
    """
    found: set[int] = set()
    for period in range(1, LONGEST + 1):
        start = 0
        while start < len(names):
            end = start + period
            while end < len(names) and names[end] == names[end - period]:
                end += 1
            found |= set(range(start + ENDS * period, end - ENDS * period))
            start = max(end - period + 1, start + 1)
    return found


def _why_not(world: World, counts: Counts, call: Counted, fault: Fault) -> str:
    """Why this cannot go wrong with that call; empty when it can."""
    if fault in world.bench.impossible:
        return world.bench.impossible[fault]
    if fault is Fault.LATE and not counts.settle_after:
        return "its traits say that what is not there at once will not be (settle_after is 0)"
    if fault is Fault.STALE:
        if not counts.settle_after:
            return "its traits say that lists are never behind (settle_after is 0)"
        if call.age is None:
            return "this client has not changed anything before that list"
        if call.age >= counts.settle_after:
            return "the last change is further back than settle_after"
    return ""


def _endless(operation: Operation, fault: Fault) -> str:
    if operation.refusals and fault is Fault.OUTAGE:
        return "who launches until it is up waits until the network is back"
    return ""


def every(points: Sequence[Point], step: int, offset: int) -> Iterator[Point]:
    """One of ``step`` parts of the points, the one numbered ``offset``: together they are all of them.

    Neighbours are much alike, and alternate in what comes after: a part is drawn from all over, the same every time.
    """
    numbers = list(range(len(points)))
    random.Random(len(points)).shuffle(numbers)
    chosen = set(numbers[offset % step :: step])
    yield from (point for number, point in enumerate(points) if number in chosen)
