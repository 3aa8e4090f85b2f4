"""Doing something to each of several machines, one request each, until the provider wants a pause."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from styx.api.errors import Conflict, NotFound, NotYet, OutcomeUnknown, ProviderError, RateLimited
from styx.api.nodes import Cause, NodeState
from styx.api.simple.errors import translated
from styx.api.simple.machine import Machine, Rest
from styx.api.simple.turn import Memory, Turn

if TYPE_CHECKING:
    from styx.api.simple.cloud import SimpleCloud

GOING = {"state": NodeState.TERMINATING, "error": None, "cause": Cause.UNKNOWN}
AGAIN = 2.0  # seconds until something that could not be done yet is tried again


@dataclass(frozen=True, slots=True)
class Step:
    """One request that may safely be sent again; ``after`` is what it changes of the machine as it is listed."""

    what: str
    machine_id: str
    do: Callable[[], None]
    after: Mapping[str, Any]
    gone_is_fine: bool = True


def remove(cloud: SimpleCloud, memory: Memory, turn: Turn, doomed: Sequence[Machine | Rest]) -> None:
    """Delete all of these, as far as it goes now. What is gone already is fine; so is what is going.

    Machines first: what belongs to them can often be removed only once they are gone.
    """
    machines = [each for each in doomed if isinstance(each, Machine) and not each.leaving]
    rest = [each for each in doomed if isinstance(each, Rest)]
    steps = [Step(f"removing {one.name or one.id}", one.id, partial(cloud.delete, one.id), GOING) for one in machines]
    steps += [Step(f"removing the {one.kind} {one.id}", one.id, partial(cloud.delete_rest, one), GOING) for one in rest]
    each_once(cloud, memory, turn, steps)


def each_once(cloud: SimpleCloud, memory: Memory, turn: Turn, steps: Sequence[Step]) -> None:
    """Take every step in spite of the failures of some.

    Raises NotYet where something has to wait or its answer was lost, or else the first error. A step that was taken is
    not taken again before the next listing: else a provider that wants a pause after each would never get to the last.
    """
    problem: ProviderError | None = None
    waiting: NotYet | None = None
    for step in steps:
        turn.take(f"the next request ({step.what})")
        try:
            with translated(cloud.errors, step.what, writing=True):
                step.do()
        except NotFound as error:
            if not step.gone_is_fine:
                problem = problem or error
        except RateLimited:
            raise
        except (Conflict, OutcomeUnknown) as error:  # the next listing shows whether it is done
            waiting = waiting or NotYet(AGAIN, error.message)
            continue
        except NotYet as error:
            waiting = waiting or error
            continue
        except ProviderError as error:
            problem = problem or error
            continue
        memory.mark(step.machine_id, step.after)
    if problem is not None:
        raise problem
    if waiting is not None:
        memory.forget_listing()
        raise waiting
