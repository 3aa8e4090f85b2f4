"""What a listing of one place says: machines, what they left behind, and what became of launches."""

from __future__ import annotations

from styx.api import LaunchOutcome, LaunchState, Leftover, ProviderError, Scope, from_wire
from styx.testing.bazaar import shown
from styx.testing.bazaar.habits import Habits
from styx.testing.bazaar.market import Turn
from styx.testing.bazaar.state import Machine, Order
from styx.testing.bazaar.trade import owner_of

OUTCOME_SECONDS = 3600.0  # for which the provider tells what became of a launch


def machines(turn: Turn, scope: Scope, habits: Habits) -> list[Machine]:
    """The machines that a listing of this place has."""
    here = [machine for machine in turn.state.machines.values() if machine.place == scope.name]
    return [m for m in here if shown.is_listed(m, habits, turn.now, turn.state.listings)]


def left_over(turn: Turn, scope: Scope) -> list[Leftover]:
    """Parts whose machine is gone."""
    leftovers = []
    for part in turn.state.parts.values():
        machine = turn.state.machines.get(part.machine)
        if part.place == scope.name and (machine is None or not machine.exists(turn.now)):
            known = owner_of(part.name, part.tags)
            leftovers.append(shown.leftover(part, None if known is None else known[0]))
    return leftovers


def outcomes(turn: Turn, scope: Scope) -> list[LaunchOutcome]:
    """What became of the launches that the provider remembers, where it knows whose they were."""
    orders = [o for o in turn.state.orders if o.place == scope.name and turn.now - o.at < OUTCOME_SECONDS]
    found = []
    for order in orders:
        known = owner_of(order.name, order.tags)
        if known is not None and order.token:
            found.append(LaunchOutcome(order.token, known[0], *_outcome(order, turn.now)))
    return found


def _outcome(order: Order, now: float) -> tuple[LaunchState, ProviderError | None]:
    if order.refused is None or order.error is None or now < order.refused:
        return LaunchState.ACCEPTED, None
    error = from_wire(order.error)
    assert isinstance(error, ProviderError)
    return LaunchState.FAILED, error
