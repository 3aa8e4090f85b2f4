"""A launch whose answer was lost, where nothing says that it may be sent again."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from styx.api import Idempotency, NodeState, NoOffer, OutcomeUnknown
from styx.store.records import AttemptState
from styx.store.states import ClusterState
from styx.testing.bazaar import Habits
from styx.testing.memory.account import Machine
from support.bazaar_world import BazaarWorld
from support.world import HELLO, Killed, Life, World, quiet

PAIR = HELLO.nodes(2)
LOST = OutcomeUnknown("no answer")


def attempts(world: World) -> list[tuple[tuple[int, ...], AttemptState]]:
    """The intents of cluster ``c``: the ranks and what became of them."""
    return [(a.prepared.ranks, a.state) for a in world.store.attempts.of("c")]


@pytest.fixture
def searchable(tmp_path: Path) -> World:
    """A cloud whose machines can be found, and nothing more."""
    return World(tmp_path, Idempotency.SEARCH, offers=None)


async def test_a_call_that_did_nothing_is_made_again(searchable: World) -> None:
    """Once it is certain that nothing came of the call, the ranks are asked for again."""
    searchable.account.fail_next("launch", LOST)
    await searchable.engine().launch(PAIR, "c", quiet)
    assert len(searchable.machines()) == 2
    assert attempts(searchable) == [((0, 1), AttemptState.SETTLED)] * 2


async def test_a_call_that_did_it_all_is_found(searchable: World) -> None:
    """All ranks turn up: nothing is asked for again."""
    searchable.account.fail_next("launch", LOST, after=True)
    await searchable.engine().launch(PAIR, "c", quiet)
    assert len(searchable.machines()) == 2
    assert attempts(searchable) == [((0, 1), AttemptState.SETTLED)]
    assert [call.method for call in searchable.account.calls].count("launch") == 1


async def test_only_what_is_missing_is_asked_for(searchable: World) -> None:
    """Of two ranks one came: one more machine is bought, and each rank has one."""
    searchable.account.fail_next("launch", LOST, after=True)
    _lose_one_machine(searchable)
    await searchable.engine().launch(PAIR, "c", quiet)
    machines = searchable.machines()
    assert sorted(machine.tags["styx-rank"] for machine in machines) == ["0", "1"]
    assert attempts(searchable) == [((0, 1), AttemptState.SETTLED), ((1,), AttemptState.SETTLED)]
    await searchable.engine().down("c", quiet)
    assert searchable.machines() == []


def _lose_one_machine(world: World) -> None:
    """The next call makes one machine fewer than it was asked for."""
    create = world.account.create

    def one_fewer(*arguments: object) -> list[str]:
        world.account.create = create  # type: ignore[method-assign]
        ids = create(*arguments)  # type: ignore[arg-type]
        world.account.delete(ids[-1])
        return ids

    world.account.create = one_fewer  # type: ignore[method-assign]


async def test_a_machine_too_many_is_given_back(searchable: World) -> None:
    """What appears twice for one rank is kept once."""
    _make_twice(searchable)
    await searchable.engine().launch(PAIR, "c", quiet)
    kept = searchable.machines()
    assert sorted(machine.tags["styx-rank"] for machine in kept) == ["0", "1"]
    ids = {node.node_id for node in searchable.store.nodes.of("c")}
    assert ids == {machine.id for machine in kept}


def _make_twice(world: World) -> None:
    """The next creation happens twice, as behind a proxy that repeats what it thinks was lost."""
    create = world.account.create

    def twice(*arguments: object) -> list[str]:
        world.account.create = create  # type: ignore[method-assign]
        create(*arguments)  # type: ignore[arg-type]
        return create(*arguments)  # type: ignore[arg-type]

    world.account.create = twice  # type: ignore[method-assign, assignment]


async def test_a_machine_too_many_that_comes_late_is_given_back_by_status(searchable: World) -> None:
    """A rank's second machine that shows up once the cluster is in use goes at the next look; the first stays."""
    await searchable.engine().launch(HELLO, "c", quiet)
    (first,) = searchable.machines()
    extra = _copy(searchable, first)
    assert len(searchable.machines()) == 2
    await searchable.engine().status(refresh=True)
    assert [machine.id for machine in searchable.machines()] == [first.id]
    assert extra != first.id
    record = searchable.record()
    assert record is not None
    assert record.state is ClusterState.UP


def _copy(world: World, machine: Machine) -> str:
    def make(_rank: int, id_: str) -> Machine:
        return Machine(id_, machine.place, machine.kind, machine.name, machine.tags, "", 900)

    return world.account.create(make, [0], "", world.clock)[0]


async def test_a_cloud_without_names_buys_again_and_shows_the_other(tmp_path: Path) -> None:
    """Where nobody can tell whose a machine is, the one whose answer was lost is shown and never touched."""
    world = World(tmp_path, Idempotency.NONE)
    world.account.fail_next("launch", LOST, after=True)
    await world.engine().launch(HELLO, "c", quiet)
    assert len(world.machines()) == 2
    (node,) = world.store.nodes.of("c")
    found = await world.engine().orphans()
    (stranger,) = found.orphans
    assert stranger.owner is None
    assert {stranger.name, node.node_id} == {machine.id for machine in world.machines()}
    await world.engine().down("c", quiet)
    assert [machine.id for machine in world.machines()] == [stranger.name]
    await world.engine().discard(stranger, quiet)
    assert world.machines() == []
    assert (await world.engine().orphans()).orphans == ()


async def test_a_late_machine_dies_at_any_look_at_its_place(searchable: World) -> None:
    """What an attempt that was given up brings forth is removed by whoever looks there next, for whatever reason."""
    await searchable.engine().launch(HELLO, "c", quiet)
    (machine,) = searchable.machines()
    await searchable.engine().down("c", quiet, forget=True)
    assert [each.id for each in searchable.machines()] == [machine.id]
    await searchable.engine().launch(HELLO, "other", quiet)
    (other,) = searchable.machines()
    assert other.tags["styx-cluster"] == "other"


async def test_one_list_serves_all_clusters_of_a_place(searchable: World) -> None:
    """However many clusters there are, a look at all of them is one list per place."""
    for number in range(20):
        await searchable.engine().launch(HELLO, f"c{number}", quiet)
    before = [call.method for call in searchable.account.calls].count("observe")
    records = await searchable.engine().status(refresh=True)
    assert [record.state for record in records] == [ClusterState.UP] * 20
    assert [call.method for call in searchable.account.calls].count("observe") - before == 1


async def test_launches_at_the_same_time_share_their_looks(tmp_path: Path) -> None:
    """Twenty launches side by side look little more often than one."""
    alone, crowd = World(tmp_path / "a", Idempotency.TOKEN), World(tmp_path / "b", Idempotency.TOKEN)
    await alone.engine().launch(HELLO, "c", quiet)
    engine = crowd.engine()
    await asyncio.gather(*(engine.launch(HELLO, f"c{number}", quiet) for number in range(20)))
    looks = [[call.method for call in world.account.calls].count("observe") for world in (alone, crowd)]
    assert len(crowd.machines()) == 20
    assert looks[1] <= 3 * looks[0]


async def test_a_removal_says_why_it_waits_once_nothing_is_listed(searchable: World) -> None:
    """A list so soon after the launch proves nothing: it is looked again, once, and that is told with the time."""
    told: list[str] = []
    await searchable.engine().launch(HELLO, "c", quiet)
    await searchable.engine().down("c", lambda _, line: told.append(line))
    waits = [line for line in told if line.startswith("nothing is listed any more; looking again in ")]
    assert len(waits) == 1, told
    assert searchable.record() is None


async def test_what_a_launch_costs_in_calls(tmp_path: Path) -> None:
    """Where machines boot at once, a launch is the provider's own minimum (ask, look) and one question who we are."""
    world = World(tmp_path, Idempotency.TOKEN, boot_seconds=0.0)
    await world.engine().launch(PAIR, "c", quiet)
    assert [call.method for call in world.account.calls] == ["offers", "check", "prepare", "launch", "observe"]


async def test_a_search_that_fails_again_and_again_is_given_up(searchable: World) -> None:
    """A provider that never answers is asked a few times, and then nothing of it is left."""
    for _ in range(6):
        searchable.account.fail_next("launch", LOST, after=True)
    # Machines are made and vanish each time, so that nothing ever comes of a call.
    create = searchable.account.create
    searchable.account.create = lambda *arguments: [searchable.account.delete(i) or i for i in create(*arguments)]  # type: ignore[method-assign, func-returns-value]
    with pytest.raises(NoOffer):
        await searchable.engine().launch(HELLO, "c", quiet)
    assert searchable.machines() == []
    assert not searchable.store.attempts.unclosed()


@pytest.mark.parametrize("kind", [Idempotency.SEARCH, Idempotency.NONE])
async def test_a_client_killed_while_it_asked_again(tmp_path: Path, kind: Idempotency) -> None:
    """Killed at any step of settling a lost answer, the next launch ends with one machine a rank."""
    for number in range(200):
        world = World(tmp_path / str(number), kind)
        world.account.fail_next("launch", LOST)
        life = Life(number)
        try:
            with suppress(Killed):
                await world.engine(life).launch(PAIR, "c", quiet)
            if not life.over:
                assert number > 5
                return
            await world.engine().status()
            await world.engine().launch(PAIR, "c", quiet)
            record = world.record()
            assert record is not None
            assert record.state is ClusterState.UP
            strangers = (await world.engine().orphans()).orphans
            assert len(world.machines()) == 2 + len(strangers), life.steps[-1]
            assert all(machine.state is NodeState.RUNNING for machine in world.machines())
            await world.engine().down("c", quiet)
            assert len(world.machines()) == len(strangers)
            assert kind is Idempotency.NONE or not strangers
        finally:
            await world.close()
    raise AssertionError("it never came to its end")


async def test_why_machines_went_while_they_booted(tmp_path: Path) -> None:
    """What the provider says of machines that it lost is passed on."""
    world = BazaarWorld(tmp_path, Habits())
    world.market.doom(20)
    with pytest.raises(NoOffer, match=r"vanished while they booted: host-failure"):
        await world.engine().launch(HELLO, "c", quiet)
    await world.close()
