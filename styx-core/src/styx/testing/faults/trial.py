"""One point: something goes wrong in one place, other clients come by, and everything is compared."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import Any

from styx.api import ClusterNotFound, StyxError
from styx.engine.engine import Engine
from styx.engine.operation import LEASE_SECONDS
from styx.testing.faults import audit, operations
from styx.testing.faults.audit import Flaw, Harm
from styx.testing.faults.client import CLUSTER, Step
from styx.testing.faults.fork import End, Ended
from styx.testing.faults.kinds import KILLS, SUSPENSIONS, Fault, Role
from styx.testing.faults.operations import OPERATIONS, Operation
from styx.testing.faults.recovery import lose_database, recover
from styx.testing.faults.tap import FaultTap
from styx.testing.faults.world import World, ids_of, shown

ROUNDS = 3  # of waiting and looking, until everything that was given up has to be gone
LEAST_WAIT = 60.0  # virtual seconds, each
ANY = object()  # whatever state the cluster is in


class Then(StrEnum):
    """What the user does after it went wrong, when `styx status` has said what is there."""

    AGAIN = "again"
    DOWN = "down"
    TWICE = "again, killed at its first change, and again"
    RECOVER = "the database is lost, and what is there taken up again"


def thens(fault: Fault, role: Role) -> tuple[Then, ...]:
    """What may follow: whoever goes on with something half done may be killed as well."""
    half_done = fault in {Fault.UNREAD, Fault.UNANSWERED, Fault.LATE} and role in {Role.BUY, Role.CHANGE}
    if half_done:
        return tuple(Then)
    forgotten = (Then.RECOVER,) if fault is Fault.UNCOMMITTED and role in {Role.BUY, Role.CHANGE} else ()
    return (Then.AGAIN, Then.DOWN, *forgotten)


@dataclass(frozen=True, slots=True)
class Point:
    """``fault`` at the call numbered ``call`` (from 0), which is one of ``method``, during ``operation``."""

    variant: str
    operation: str
    call: int
    method: str
    fault: Fault
    then: Then

    def __str__(self) -> str:
        where = f"{self.variant} " if self.variant else ""
        return f"{where}{self.operation} call {self.call} {self.method}: {self.fault}; then {self.then}"


@dataclass
class Outcome:
    """What became of a point. ``reached`` is false when the client made fewer calls this time."""

    point: Point
    reached: bool = True
    story: list[str] = field(default_factory=list)
    flaws: list[Flaw] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, harm: Harm) -> int:
        """How many flaws of this kind."""
        return sum(flaw.harm is harm for flaw in self.flaws)


def try_point(world: World, point: Point) -> Outcome:
    """Let it happen in a world that is ready for the operation, and see what comes of it."""
    outcome, began = Outcome(point), time.monotonic()
    operation = OPERATIONS[point.operation]
    victim = _Victim(world, operation, point)
    if point.fault in SUSPENSIONS:
        _while_suspended(outcome, world, operation, victim)
    else:
        _afterwards(outcome, world, operation, victim)
    outcome.seconds = time.monotonic() - began
    return outcome


def _afterwards(outcome: Outcome, world: World, operation: Operation, victim: _Victim) -> None:
    """Others come by when it is over."""
    well = victim.end(outcome)
    if not outcome.reached:
        return
    _expect(outcome, outcome.point.fault, went_well=well)
    if outcome.point.then is Then.RECOVER:
        lose_database(world.home)
        _next(outcome, world, "recover", partial(_recover, world, operation))
        _next(outcome, world, "down", partial(_down, world))
        return
    _next(outcome, world, "status", partial(_status, world, operation, operation.wanted if well else ANY))
    if outcome.point.then is Then.TWICE:
        second = _Victim(world, operation, replace(outcome.point, fault=Fault.UNREAD), strike_at=None)
        second.end(outcome)
        outcome.reached = True  # if there was nothing left to change, it has come to its end
        _next(outcome, world, "status", partial(_status, world, operation, ANY))
    if outcome.point.then is not Then.DOWN:
        _next(outcome, world, f"{operation.name} again", partial(_again, world, operation))
    _next(outcome, world, "down", partial(_down, world))


def _while_suspended(outcome: Outcome, world: World, operation: Operation, victim: _Victim) -> None:
    """Others come by when nobody believes any more that it is still at work; then it goes on."""
    if not victim.client.stops():
        victim.end(outcome)
        outcome.reached = False
        return
    world.bench.pass_time(2 * LEASE_SECONDS)
    _next(outcome, world, "status", partial(_status, world, operation, ANY))
    if outcome.point.then is Then.AGAIN:
        _next(outcome, world, f"{operation.name} by another", partial(_again, world, operation))
    else:
        _next(outcome, world, "down by another", partial(_remove, world))
    victim.end(outcome)
    wanted = operation.wanted if outcome.point.then is Then.AGAIN else ANY
    kept = replace(operation, kept=operation.kept and outcome.point.then is Then.AGAIN)
    _next(outcome, world, "status", partial(_status, world, kept, wanted))
    _next(outcome, world, "down", partial(_down, world))


class _Victim:
    """The client to which it happens."""

    def __init__(self, world: World, operation: Operation, point: Point, **tapped: Any) -> None:
        tap = FaultTap(world.bench, point.fault, **{"strike_at": point.call, "refusals": operation.refusals, **tapped})

        async def act(engine: Engine) -> tuple[bool, str, list[Flaw]]:
            try:
                await operation.act(engine)
            except StyxError as error:
                return tap.struck, f"{type(error).__name__}: {error.message}", []
            return tap.struck, "", []

        self._name = operation.name
        self.client = world.begin(act, tap)

    def end(self, outcome: Outcome) -> bool:
        """Wait for its end; whether it said that all went well."""
        ended = self.client.ended()
        _tell(outcome, self._name, ended)
        outcome.reached = ended.how is End.KILLED or (ended.how is End.DONE and ended.value[0])
        return ended.how is End.DONE and ended.value[1] == ""


def _next(outcome: Outcome, world: World, name: str, step: Step) -> None:
    _tell(outcome, name, world.client(step))


def _expect(outcome: Outcome, fault: Fault, *, went_well: bool) -> None:
    """What core repeats by itself must not reach the user; who is killed must not go on."""
    if fault in {Fault.CUT, Fault.THROTTLED, Fault.TWICE, Fault.STALE} and not went_well:
        outcome.flaws.append(Flaw(Harm.WRONG, f"{fault} once, and the command failed: {outcome.story[-1]}"))
    if fault in KILLS and "killed" not in outcome.story[-1]:
        outcome.flaws.append(Flaw(Harm.WRONG, "it outlived its own death"))


def _tell(outcome: Outcome, what: str, ended: Ended) -> None:
    """Take down how a client ended and what it found."""
    if ended.how is End.DONE:
        _, said, flaws = ended.value
        outcome.story.append(f"{what}: {said or 'done'}")
        outcome.flaws += [Flaw(flaw.harm, f"after {what}: {flaw.what}") for flaw in flaws]
        return
    outcome.story.append(f"{what}: {ended.how}{f', {ended.said}' if ended.said else ''}")
    if ended.how is not End.KILLED:
        outcome.flaws.append(Flaw(Harm.WRONG, f"{what} {ended.how}: {ended.said}"))


async def _status(world: World, operation: Operation, wanted: object, engine: Engine) -> Any:
    """Look at what is on record as it was left, then at what a status makes of it."""
    kept = _kept(world, operation)
    book, truth = await world.book(engine), world.truth()
    flaws = audit.leaks(book, truth, world.keep)
    await engine.status()
    book, truth = await world.book(engine), world.truth()
    flaws += audit.leaks(book, truth, world.keep)
    flaws += audit.losses(book, truth, kept) + audit.untruths(book, truth)
    if wanted is not ANY:
        flaws += _not_as_wanted(engine, wanted, "a command said that all went well")
    return True, _state(engine), flaws


async def _again(world: World, operation: Operation, engine: Engine) -> Any:
    """The next command succeeds."""
    try:
        await operation.act(engine)
    except ClusterNotFound:
        if operation.wanted is not None:
            raise
    book, truth = await world.book(engine), world.truth()
    flaws = audit.leaks(book, truth, world.keep) + audit.untruths(book, truth)
    flaws += audit.losses(book, truth, _kept(world, operation))
    flaws += _not_as_wanted(engine, operation.wanted, "it was done again")
    return True, _state(engine), flaws


async def _recover(world: World, operation: Operation, engine: Engine) -> Any:
    """Take up all that there is of ours, once it is sure to be listed, or remove what cannot be a cluster."""
    _pass_time(world, engine)
    told = await recover(engine)
    book, truth = await world.book(engine), world.truth()
    flaws = audit.leaks(book, truth, world.keep) + audit.untruths(book, truth)
    flaws += audit.losses(book, truth, _kept(world, operation))
    return True, told, flaws


async def _remove(world: World, engine: Engine) -> Any:
    """Remove the cluster, if there is one."""
    flaws: list[Flaw] = []
    if engine.context.store.clusters.get(CLUSTER) is not None:
        await operations.down(engine)
        book, truth = await world.book(engine), world.truth()
        flaws += audit.leaks(book, truth, world.keep)
    return True, _state(engine), flaws


async def _down(world: World, engine: Engine) -> Any:
    """At last everything is removed, and after some time nothing is left but what others have."""
    _, _, flaws = await _remove(world, engine)
    for _ in range(ROUNDS):
        _pass_time(world, engine)
        await engine.status(refresh=True)
    book, truth = await world.book(engine), world.truth()
    left = audit.left_over(truth, world.keep, ())
    if left:
        strangers = [orphan for orphan in await shown(engine) if orphan.owner is None]
        left = audit.left_over(truth, world.keep, ids_of(strangers))
    flaws += left + audit.losses(book, truth, _others(world)) + audit.unfinished(book)
    if engine.context.store.clusters.get(CLUSTER) is not None:
        flaws.append(Flaw(Harm.WRONG, f"it was removed, and is {_state(engine)}"))
    return True, f"{len(truth.things)} things left", flaws


def _pass_time(world: World, engine: Engine) -> None:
    settle = engine.context.clouds.get(world.bench.name).cloud.traits.settle_after
    world.bench.pass_time(max(2 * settle, LEAST_WAIT))


def _kept(world: World, operation: Operation) -> Iterable[tuple[str, frozenset[str]]]:
    return (*_others(world), (CLUSTER, world.keep.mine if operation.kept else frozenset()))


def _others(world: World) -> Iterable[tuple[str, frozenset[str]]]:
    return (("the bystander", world.keep.bystander), ("another installation", world.keep.neighbour))


def _not_as_wanted(engine: Engine, wanted: object, when: str) -> list[Flaw]:
    record = engine.context.store.clusters.get(CLUSTER)
    state = None if record is None else record.state
    if state is wanted:
        return []
    return [Flaw(Harm.WRONG, f"{when}, and the cluster is {state or 'gone'} instead of {wanted or 'gone'}")]


def _state(engine: Engine) -> str:
    record = engine.context.store.clusters.get(CLUSTER)
    if record is None:
        return "gone"
    why = (record.error or {}).get("message", "")
    return f"{record.state}{f' ({why})' if why else ''}"
