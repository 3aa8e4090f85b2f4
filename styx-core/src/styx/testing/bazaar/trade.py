"""Asking the bazaar for machines: tokens, names, shortages, and refusals that come later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from styx.api import (
    Conflict,
    Idempotency,
    InsufficientCapacity,
    InvalidRequest,
    NotFound,
    Owner,
    ProviderError,
    QuotaExceeded,
)
from styx.testing.bazaar import life
from styx.testing.bazaar.habits import Habits
from styx.testing.bazaar.state import Machine, Order, Part, State


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a launch asks for. ``names`` and ``tags`` are by rank, and empty where the provider keeps none."""

    token: str
    place: str
    zone: str
    kind: str
    price: Decimal
    ranks: Sequence[int]
    names: Mapping[int, str]
    tags: Mapping[int, Mapping[str, str]]
    text: str  # all of it, to compare with
    spot: bool = False
    ports: Sequence[int] = ()


def rent(state: State, habits: Habits, wanted: Wanted, now: float, boot_seconds: float) -> dict[int, str]:
    """Make the machines, or find those that an earlier call made; the ids of the ranks that were accepted.

    Raises what the provider would.
    """
    state.launches += 1
    if habits.idempotency is Idempotency.TOKEN:
        order = _remembered(state, habits, wanted, now)
        if order is not None:
            return _replayed(state, habits, order, wanted, now)
    taken = _by_name(state, wanted, now) if habits.unique_names else {}
    if taken and habits.idempotency is not Idempotency.NAME:
        name = next(iter(taken.values())).name
        raise Conflict(f"the name {name} is taken", owner=name)
    missing = [rank for rank in wanted.ranks if rank not in taken]
    fitting, refusal = _fitting(state, habits, wanted, len(missing), now)
    if refusal is not None and not habits.late_refusals and not fitting:
        raise refusal
    accepted = missing if habits.late_refusals else missing[:fitting]
    ids = {rank: machine.id for rank, machine in taken.items()}
    for number, rank in enumerate(accepted):
        machine = _made(state, habits, wanted, rank, now + boot_seconds, now)
        if number >= fitting:
            machine.refused = now + habits.late_refusals
        ids[rank] = machine.id
    late = refusal if habits.late_refusals else None
    state.orders.append(_order(habits, wanted, ids, now, late))
    return ids


def _remembered(state: State, habits: Habits, wanted: Wanted, now: float) -> Order | None:
    for order in state.orders:
        here = order.token == wanted.token and (not habits.zonal_tokens or order.zone == wanted.zone)
        if here and now - order.at < habits.token_lifetime:
            return order
    return None


def _replayed(state: State, habits: Habits, order: Order, wanted: Wanted, now: float) -> dict[int, str]:
    if habits.strict_tokens and order.text != wanted.text:
        raise InvalidRequest("the token was used with other parameters", field="token")
    if habits.spent_tokens and any(not _there(state, id_, now) for id_ in order.ids.values()):
        raise NotFound("a machine that was launched with this token has been terminated")
    return {int(rank): id_ for rank, id_ in order.ids.items()}


def _there(state: State, id_: str, now: float) -> bool:
    machine = state.machines.get(id_)
    return machine is not None and machine.exists(now) and machine.going is None


def _by_name(state: State, wanted: Wanted, now: float) -> dict[int, Machine]:
    known = {machine.name: machine for machine in life.existing(state, now, wanted.place) if machine.name}
    return {rank: known[name] for rank, name in wanted.names.items() if name in known}


def _fitting(state: State, habits: Habits, wanted: Wanted, count: int, now: float) -> tuple[int, ProviderError | None]:
    """How many of so many new machines there will be, and why not all."""
    quota, used = state.quota.get(wanted.place), len(life.existing(state, now, wanted.place))
    room = life.free(state, habits, wanted.place, wanted.kind, now)
    refusal: ProviderError
    if quota is not None and used + count > quota:
        refusal = QuotaExceeded(
            f"this account may have {quota} machines in {wanted.place}, and has {used}",
            scope=wanted.place, resource="machines", limit=quota, used=used,
        )  # fmt: skip
        fitting = max(0, quota - used)
    elif room < count:
        refusal = InsufficientCapacity(f"no {wanted.kind} left in {wanted.place}", scope=wanted.place)
        fitting = max(0, room)
    else:
        return count, None
    return (fitting if habits.partial else 0), refusal


def _made(state: State, habits: Habits, wanted: Wanted, rank: int, ready: float, now: float) -> Machine:
    state.number += 1
    state.made += 1
    number = state.number
    machine = Machine(
        f"m-{number:06d}", number, wanted.place, wanted.zone, wanted.kind, wanted.names.get(rank, ""),
        dict(wanted.tags.get(rank, {})), wanted.token, wanted.spot, str(wanted.price), born=now, ready=ready,
        address=number, ports=list(wanted.ports),
    )  # fmt: skip
    state.machines[machine.id] = machine
    if state.doomed > 0:
        state.doomed -= 1
        machine.fails = (now + ready) / 2
    for kind in ("disk", "nic") if habits.leftovers else ():
        part = Part(f"{kind}-{number:06d}", kind, machine.id, machine.place, machine.tags, machine.name)
        state.parts[part.id] = part
    return machine


def _order(habits: Habits, wanted: Wanted, ids: Mapping[int, str], now: float, late: ProviderError | None) -> Order:
    first = wanted.ranks[0] if wanted.ranks else 0
    return Order(
        token=wanted.token, zone=wanted.zone, text=wanted.text, tags=dict(wanted.tags.get(first, {})),
        name=wanted.names.get(first, ""), place=wanted.place, at=now, ids={str(rank): id_ for rank, id_ in ids.items()},
        refused=None if late is None else now + habits.late_refusals, error=None if late is None else late.to_wire(),
    )  # fmt: skip


def owner_of(name: str, tags: Mapping[str, str]) -> tuple[Owner, int | None] | None:
    """Whose a machine is and which rank it has, by its tags or else by its name; None when neither says."""
    by_tags = Owner.from_tags(dict(tags))
    if by_tags is not None:
        rank = tags.get("styx-rank")
        return by_tags, None if rank is None else int(rank)
    return Owner.parse(name)
