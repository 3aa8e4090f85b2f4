"""What a user does when something goes wrong, what was there before, and what the next command has to bring about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from styx.engine.engine import Engine
from styx.store.states import ClusterState
from styx.testing.faults.client import BYSTANDER, CLUSTER, TASK, Step, quiet
from styx.testing.faults.kinds import Fault


async def launch(engine: Engine) -> Any:
    """Launch the cluster."""
    return await engine.launch(TASK, CLUSTER, quiet)


async def launch_until_up(engine: Engine) -> Any:
    """Launch it, as often as it takes: a cloud may have one offer only."""
    return await engine.launch(TASK, CLUSTER, quiet, retry_until_up=True)


async def launch_bystander(engine: Engine) -> Any:
    """Launch a cluster that nobody touches afterwards."""
    return await engine.launch(TASK, BYSTANDER, quiet)


async def start(engine: Engine) -> Any:
    """Start the cluster."""
    return await engine.start(CLUSTER, None, quiet)


async def stop(engine: Engine) -> Any:
    """Stop it."""
    return await engine.stop(CLUSTER, quiet)


async def down(engine: Engine) -> Any:
    """Remove it."""
    return await engine.down(CLUSTER, quiet)


@dataclass(frozen=True, slots=True)
class Operation:
    """``act`` on what ``before`` has made leaves the cluster in the state ``wanted``; None is gone.

    ``kept`` says whether the machines there were before must be there afterwards.
    """

    name: str
    act: Step
    wanted: ClusterState | None
    before: Sequence[Step] = ()
    kept: bool = False
    refusals: Sequence[Fault] = field(default=())
    needs_stop: bool = False


OPERATIONS: dict[str, Operation] = {
    each.name: each
    for each in (
        Operation("launch", launch, ClusterState.UP),
        Operation("failover", launch_until_up, ClusterState.UP, refusals=(Fault.NO_CAPACITY, Fault.OVER_QUOTA)),
        Operation("stop", stop, ClusterState.STOPPED, (launch,), kept=True, needs_stop=True),
        Operation("start", start, ClusterState.UP, (launch, stop), kept=True, needs_stop=True),
        Operation("down", down, None, (launch,)),
    )
}
