"""What a shutdown does to a machine is set before the policy that relies on it is given to the nodes."""

from __future__ import annotations

import pytest

from styx.api import Autostop, PermissionDenied, SelfStop
from styx.store.states import ClusterState
from support.world import HELLO, Life, World, quiet

STOPS, GOES = Autostop(10), Autostop(10, down=True)
SET = "before memory.set_shutdown"


def modes(world: World) -> list[SelfStop]:
    """What was asked for, oldest first."""
    return [call.arguments[-1] for call in world.account.calls if call.method == "set_shutdown"]


@pytest.mark.parametrize(("policy", "mode"), [(STOPS, SelfStop.STOP), (GOES, SelfStop.TERMINATE)])
async def test_a_launch(policy: Autostop, mode: SelfStop, world: World) -> None:
    """Once the runtime runs, for until then the watchdog counts on what a new machine does; and before the policy."""
    life = Life()
    await world.engine(life).launch(HELLO, "c", quiet, autostop=policy)
    assert modes(world) == [mode]
    assert [machine.shutdown for machine in world.machines()] == [mode]
    steps = [step for step in life.steps if step.startswith("before backend") or step == SET]
    assert steps[:3] == ["before backend.prepare", SET, "before backend.autostop"]


async def test_a_cluster_without_a_policy(world: World) -> None:
    """Nobody is asked; a policy that is taken away needs nothing either."""
    await world.engine().launch(HELLO, "c", quiet)
    await world.engine().autostop("c", None)
    assert modes(world) == []


async def test_a_start(world: World) -> None:
    """Machines that were started are stopped by a shutdown, until the policy says otherwise."""
    await world.engine().launch(HELLO, "c", quiet, autostop=GOES)
    await world.engine().stop("c", quiet)
    await world.engine().start("c", None, quiet)
    assert [machine.shutdown for machine in world.machines()] == [SelfStop.STOP]
    await world.engine().stop("c", quiet)
    await world.engine().start("c", GOES, quiet)
    assert [machine.shutdown for machine in world.machines()] == [SelfStop.TERMINATE]


async def test_a_policy_that_changes(world: World) -> None:
    """Both ways, by autostop and by a launch on a cluster that is up."""
    await world.engine().launch(HELLO, "c", quiet, autostop=STOPS)
    await world.engine().autostop("c", GOES)
    await world.engine().launch(HELLO, "c", quiet, autostop=STOPS)
    assert modes(world) == [SelfStop.STOP, SelfStop.TERMINATE, SelfStop.STOP]


async def test_a_provider_that_refuses(world: World) -> None:
    """The nodes get no policy that they could not keep, and the record promises none."""
    await world.engine().launch(HELLO, "c", quiet, autostop=STOPS)
    world.account.fail_next("set_shutdown", PermissionDenied("you may not", action="modify"))
    with pytest.raises(PermissionDenied):
        await world.engine().autostop("c", GOES)
    record = world.record()
    assert record is not None
    assert (record.state, record.autostop, record.autostop_set) == (ClusterState.UP, GOES, False)
    (runtime,) = world.runtimes.values()
    assert runtime.autostop == STOPS
