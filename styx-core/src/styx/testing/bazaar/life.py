"""The life of machines: how they boot, fail, stop, start and go. Functions on the state, at a moment."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal
from pathlib import Path

from styx.api import InsufficientCapacity, NotFound
from styx.testing.bazaar.habits import Habits, Interruption
from styx.testing.bazaar.state import EVIDENCE, Machine, Part, State

NOTICE_SECONDS = 30.0  # between the notice of an interruption and the end
DETACH_SECONDS = 3.0  # for which a disk cannot be removed once its machine is gone
KEPT = 50  # machines that are gone, and orders, on record
SHUTDOWN_FILE = ".shutdown"  # a guest writes "stop" or "terminate" here to end itself
NOTICE_FILE = ".preempted"  # the provider writes here when it is about to take the machine back


def age(state: State, habits: Habits, now: float) -> None:
    """Let everything happen that was to happen until now."""
    for machine in state.machines.values():
        if machine.refused is not None and machine.gone is None and now >= machine.refused:
            machine.gone = machine.refused
        if machine.fails is not None and machine.gone is None and now >= machine.fails:
            fail(machine, habits, machine.fails)
        if machine.home:
            _obey_the_guest(state, machine, habits, now)
            if not machine.exists(now):
                state.chores.append(("erase", machine.home))
                machine.home = ""
    over = [id_ for id_, machine in state.machines.items() if not machine.exists(now)]
    held = {part.machine for part in state.parts.values()}
    for id_ in over[: max(0, len(over) - KEPT)]:
        if id_ not in held:
            del state.machines[id_]
    del state.orders[: max(0, len(state.orders) - KEPT)]


def _obey_the_guest(state: State, machine: Machine, habits: Habits, now: float) -> None:
    wish = Path(machine.home) / SHUTDOWN_FILE
    if not wish.exists() or machine.off is not None:
        return
    mode = wish.read_text().strip()
    wish.unlink()
    if mode == "terminate" and not habits.billed_when_off:
        remove(state, habits, [machine.id], now)
    else:
        switch_off(state, machine, now, "self")


def removal_seconds(habits: Habits) -> float:
    """How long a machine takes to go."""
    return max(habits.slow_removal, 1.0 if habits.leftovers else 0.0, 2.0 if habits.not_yet else 0.0)


def existing(state: State, now: float, place: str | None = None) -> list[Machine]:
    """The machines that exist, oldest first."""
    return [m for m in state.machines.values() if m.exists(now) and place in {None, m.place}]


def remove(state: State, habits: Habits, ids: Collection[str], now: float) -> None:
    """Begin to remove these machines; those that are not there are fine."""
    for id_ in ids:
        machine = state.machines.get(id_)
        if machine is None or not machine.exists(now):
            continue
        soon = now + removal_seconds(habits)
        machine.going = now if machine.going is None else min(machine.going, now)
        machine.gone = soon if machine.gone is None else min(machine.gone, soon)
        if machine.home:
            state.chores.append(("halt", machine.id))


def remove_parts(state: State, parts: Iterable[Part], now: float) -> list[Part]:
    """Remove disks and NICs; those that are attached still, to a machine that is there or just went, are returned."""
    blocked = []
    for part in list(parts):
        machine = state.machines.get(part.machine)
        if machine is not None and (machine.gone is None or now < machine.gone + DETACH_SECONDS):
            blocked.append(part)
        else:
            state.parts.pop(part.id, None)
    return blocked


def switch_off(state: State, machine: Machine, now: float, who: str) -> None:
    """Stop a machine; its disk stays."""
    if machine.off is None or (machine.off_by == "self" and who == "user"):  # a guest's shutdown may still be billed
        machine.off, machine.off_by = now, who
        if machine.home:
            state.chores.append(("halt", machine.id))


def switch_on(state: State, habits: Habits, ids: Collection[str], now: float, boot_seconds: float) -> None:
    """Start stopped machines, all or none; those that run are left alone. Raises NotFound, InsufficientCapacity."""
    there = {machine.id: machine for machine in existing(state, now) if machine.going is None}
    missing = sorted(set(ids) - set(there))
    if missing:
        raise NotFound(f"there is no machine {', '.join(missing)} any more")
    off = [there[id_] for id_ in ids if there[id_].off is not None]
    for place, kind in {(machine.place, machine.kind) for machine in off} if habits.homeless else ():
        if free(state, habits, place, kind, now) < sum(1 for m in off if (m.place, m.kind) == (place, kind)):
            raise InsufficientCapacity(f"the place of a stopped {kind} was given to somebody else", scope=place)
    for machine in off:
        machine.off, machine.off_by, machine.ready = None, "", now + boot_seconds
        if habits.restless:
            state.number += 1
            machine.address = state.number
            machine.price = str(Decimal(machine.price) * Decimal("1.5"))


def free(state: State, habits: Habits, place: str, kind: str, now: float) -> int:
    """How many more machines of that kind there is room for."""
    room = state.room.get(f"{place}/{kind}")
    if room is None:
        return 1_000_000
    held = [m for m in existing(state, now, place) if m.kind == kind and m.refused is None]
    return room - sum(1 for machine in held if machine.off is None or not habits.homeless)


def fail(machine: Machine, habits: Habits, now: float) -> None:
    """The host of a machine fails. What becomes visible of it is a matter of habit."""
    if machine.gone is not None:
        return
    machine.going, machine.gone = now, now if habits.vanishing else now + EVIDENCE
    machine.evidence = "host-failure"


def interrupt(machine: Machine, habits: Habits, now: float) -> None:
    """Take a spot machine back, with a notice or without."""
    if machine.gone is not None:
        return
    if habits.interruption is Interruption.SILENT:
        machine.going = machine.gone = now
        return
    machine.taken, machine.noticed, machine.evidence = True, now, "spot-reclaimed"
    machine.going, machine.gone = now + NOTICE_SECONDS, now + NOTICE_SECONDS + EVIDENCE
    if machine.home:
        (Path(machine.home) / NOTICE_FILE).touch()
