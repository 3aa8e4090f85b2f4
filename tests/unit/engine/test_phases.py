"""How long each phase of a launch took is told, and kept among the events of the cluster."""

from __future__ import annotations

import pytest

from styx.api import BackendError, InsufficientCapacity, NoOffer
from styx.engine.phases import EVENT, Phases
from styx.spec import Resources
from styx.testing.clock import FakeClock
from support.world import HELLO, World, quiet


def kept(world: World) -> list[str]:
    """What the history of the cluster says of phases."""
    return [event.reason for event in world.store.events.of("c") if event.kind == EVENT]


def test_a_phase_lasts_until_the_next() -> None:
    """What is said within one, and notes, end none; one that comes again is added to."""
    clock, told = FakeClock(), []
    phases = Phases(clock, lambda phase, sentence: told.append((phase, sentence)))
    for phase, seconds in (("plan", 1.0), ("provision", 2.0), ("note", 3.0), ("provision", 4.0), ("plan", 0.5)):
        phases(phase, "on it")
        clock.advance(seconds)
    phases.end()
    assert phases.seconds == {"plan": 1.5, "provision": 9.0}
    assert str(phases) == "plan 1.50 s, provision 9.00 s"
    assert [sentence for phase, sentence in told if phase == "time"] == [
        "plan took 1.00 s", "provision took 9.00 s", "plan took 0.50 s"
    ]  # fmt: skip
    assert [phase for phase, _ in told if phase != "time"] == ["plan", "provision", "note", "provision", "plan"]


async def test_a_launch(world: World) -> None:
    """Each is told as it ends, in order; the time that a machine takes to boot is that of provisioning."""
    told: list[str] = []
    world.account.boot_seconds = 20.0
    await world.engine().launch(
        HELLO, "c", lambda phase, text: told.append(text.split()[0]) if phase == "time" else None
    )
    assert told == ["plan", "provision", "connect", "submit"]
    (sentence,) = kept(world)
    seconds = {phase: float(took) for phase, took, _ in map(str.split, sentence.split(", "))}
    assert 20.0 <= seconds["provision"] < 30.0
    assert max(took for phase, took in seconds.items() if phase != "provision") < 1.0


async def test_a_launch_on_what_is_there(world: World) -> None:
    """It has fewer phases, and a line of its own."""
    await world.engine().launch(HELLO, "c", quiet)
    await world.engine().launch(HELLO, "c", quiet)
    assert [line.split()[::3] for line in kept(world)][1] == ["plan", "agent", "submit"]


async def test_a_launch_that_fails(world: World) -> None:
    """How far it got is kept where there is a cluster; where there is none, nothing is."""
    world.failures.append(("backend.prepare", BackendError("no python")))
    with pytest.raises(BackendError):
        await world.engine().launch(HELLO, "c", quiet)
    assert [line.split()[::3] for line in kept(world)] == [["plan", "provision", "connect"]]
    await world.engine().down("c", quiet)
    for _ in range(2):
        world.account.fail_next("launch", InsufficientCapacity("none left"))
    with pytest.raises(NoOffer):
        await world.engine().launch(HELLO.resources(Resources(cpus="1000+")), "c", quiet)
    assert len(kept(world)) == 1
