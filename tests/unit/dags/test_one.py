"""One task of a run: what is bought for it, and what becomes of it where the network or the database fails."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from styx.api import InsufficientCapacity, JobInfo, LogChunk, StoreError, Transient, TransportError, Unsupported
from styx.api.transport import CommandResult
from styx.dags import outputs
from styx.dags.one import PATIENCE, RECONNECT_SECONDS
from styx.dags.outputs import MOST_BYTES
from styx.dags.schedule import TaskState
from styx.engine.engine import Engine
from styx.testing.memory.account import MemoryAccount
from styx.testing.memory.cloud import MemoryCloud
from support.dag_machines import Machines, task
from support.world import TableBackend, World


def launches(account: MemoryAccount) -> int:
    """How often machines were asked for."""
    return len([call for call in account.calls if call.method == "launch"])


class TestMoney:
    """Nothing is bought that was not agreed to."""

    def _two(self, world: World, cheap: str | None, dear: str) -> None:
        first = replace(world.account.offers[0], vcpus=8, memory_gib=32, available=None)
        world.account.offers = tuple(
            replace(first, instance_type=name, hourly_price=None if price is None else Decimal(price))
            for name, price in (("cheap", cheap), ("dear", dear))
        )

    async def test_the_next_best_is_not_taken_at_any_price(self, machines: Machines, world: World) -> None:
        """The cheapest is sold out when its turn comes: the task fails, and says what it would have cost."""
        self._two(world, "0.02", "19.20")
        world.account.fail_next("launch", InsufficientCapacity("none left"))
        result = await machines.run(task("a"))
        assert (result.tasks[0].state, launches(world.account)) == (TaskState.FAILED, 1)
        assert "costs $19.20/h, and $0.02/h were agreed to" in result.tasks[0].reason

    async def test_what_was_free_is_not_paid_for(self, machines: Machines, world: World) -> None:
        """A plan that costs nothing is carried out without a question; so nothing that costs may be made for it."""
        own = MemoryAccount("own-account")
        world.clouds["own"] = (Own, own)
        for _ in own.offers:
            own.fail_next("launch", InsufficientCapacity("taken"))
        result = await machines.run(task("a"))
        assert (result.succeeded, launches(world.account)) == (False, 0)

    async def test_it_runs_where_the_plan_said(self, machines: Machines, world: World) -> None:
        """The plan is made under the same conditions as the launch: clusters that go by themselves, unless kept."""
        weak = MemoryAccount("weak-account")
        world.clouds["weak"] = (Weak, weak)
        assert (await machines.run(task("a"))).succeeded
        assert (launches(weak), launches(world.account)) == (0, 1)
        assert (await machines.run(task("a"), keep=True)).succeeded
        assert (launches(weak), launches(world.account)) == (1, 1)

    async def test_what_is_to_be_kept_anyway(self, machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
        """A launch that is refused is not tried again for that, and nobody is warned that the cluster would stay."""
        asked: list[str] = []

        async def launch(_engine: Engine, _task: Any, name: str, *_: Any, **_more: Any) -> Any:
            asked.append(name)
            raise Unsupported("no ports there", capability="ports")

        monkeypatch.setattr(Engine, "launch", launch)
        await machines.run(task("a"), keep=True)
        assert (len(asked), [text for _, kind, text in machines.told if kind == "note"]) == (1, [])

    async def test_prices_that_rise_after_the_question(self, machines: Machines, world: World) -> None:
        """What was agreed to a moment ago counts, not what the run finds now."""
        self._two(world, "0.03", "19.20")
        refused = await machines.run(task("a"), agreed=(Decimal("0.02"),))
        assert "costs $0.03/h, and $0.02/h were agreed to" in refused.tasks[0].reason
        assert (await machines.run(task("a"), agreed=(Decimal("0.03"),))).succeeded

    async def test_yes_to_an_unknown_price(self, machines: Machines, world: World) -> None:
        """Who has said yes to an unknown price has said it to what may be made where nobody is asked."""
        self._two(world, "1.92", "19.20")
        world.account.fail_next("launch", InsufficientCapacity("none left"))
        assert (await machines.run(task("a"), agreed=(None,))).succeeded


class Own(MemoryCloud):
    """Machines that cost nothing."""

    name = "own"

    def offers(self, query: Any) -> Any:
        """As the others have it, for nothing."""
        return [replace(each, cloud="own", hourly_price=Decimal(0)) for each in super().offers(query)]


class Weak(MemoryCloud):
    """Cheap, but its machines cannot remove themselves."""

    name = "weak"
    traits = replace(MemoryCloud.traits, self_stop=frozenset())

    def offers(self, query: Any) -> Any:
        """As the others have it, for a hundredth."""
        return [
            replace(each, cloud="weak", hourly_price=(each.hourly_price or 0) / 100) for each in super().offers(query)
        ]


class TestOutages:
    """A job goes on without us."""

    def _down(self, world: World, looks: int) -> None:
        """From the first pause after a broken connection on, the provider cannot be asked either, so many times."""
        sleep = world.clock.sleep

        async def down(seconds: float) -> None:
            if seconds == RECONNECT_SECONDS:
                for _ in range(looks):
                    world.account.fail_next("observe", Transient("no route to host"))
                world.clock.sleep = sleep  # type: ignore[method-assign]
            await sleep(seconds)

        world.clock.sleep = down  # type: ignore[method-assign]

    async def test_a_network_that_is_down_for_a_moment(self, machines: Machines, world: World) -> None:
        """A cluster that merely cannot be seen is waited for; its job is not run again."""
        machines.broken = 1
        self._down(world, 10)
        result = await machines.run(task("a"))
        assert (result.succeeded, result.tasks[0].tries) == (True, 1)

    async def test_a_node_that_never_answers_again(self, machines: Machines, world: World) -> None:
        """Patience ends, and then the cluster goes."""
        machines.broken = 10_000
        before = world.clock.now()
        result = await machines.run(task("a"))
        assert (result.tasks[0].state, result.tasks[0].reason) == (TaskState.FAILED, "the connection broke")
        assert PATIENCE <= (world.clock.now() - before).total_seconds() < 2 * PATIENCE
        assert world.machines() == []

    async def test_the_output_goes_on_where_it_broke_off(
        self, machines: Machines, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What was shown is not shown again, and nothing is missing."""
        machines.broken = 1
        honest, written = TableBackend.wait, b"one\ntwo\n"

        async def wait(backend: Any, cluster: Any, job_id: int) -> JobInfo:
            await asyncio.sleep(0.01)  # the output comes first
            return await honest(backend, cluster, job_id)

        async def logs(backend: Any, *_args: Any, offsets: dict[int, int] | None = None, **_more: Any) -> Any:
            begin = (offsets or {}).get(0, 0)
            yield LogChunk(0, begin, written[begin : begin + 4])
            if begin == 0:
                raise TransportError("the connection broke")

        monkeypatch.setattr(TableBackend, "wait", wait)
        monkeypatch.setattr(TableBackend, "logs", logs)
        assert (await machines.run(task("a"))).succeeded
        assert "".join(text for _, kind, text in machines.told if kind == "log") == written.decode()

    async def test_outputs_are_asked_for_again(self, machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
        """A connection that breaks after the job's end costs nothing but time."""
        machines.outputs["a"] = "X=1\n"
        honest, breaks = Engine.command, [TransportError("the connection broke")]

        async def command(engine: Engine, name: str, rank: int, command: str) -> CommandResult:
            if breaks:
                raise breaks.pop()
            return await honest(engine, name, rank, command)

        monkeypatch.setattr(Engine, "command", command)
        result = await machines.run(task("a").output_names("X"))
        assert result.tasks[0].outputs == {"X": "1"}


class TestTries:
    """Two tries never run at once."""

    @pytest.fixture
    def running(self, machines: Machines, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """How many jobs ran at each wait of these machines. The first wait ends without its job's end."""
        honest, seen = TableBackend.wait, list[int]()

        async def wait(backend: Any, cluster: Any, job_id: int) -> JobInfo:
            seen.append(sum(not job.state.ended for job in backend._runtime(cluster).jobs))
            if len(seen) == 1:
                raise StoreError("the database is locked")
            return await honest(backend, cluster, job_id)

        monkeypatch.setattr(TableBackend, "wait", wait)
        return seen

    async def test_a_try_that_was_given_up_is_ended(self, machines: Machines, running: list[int]) -> None:
        """Its job is cancelled before the next one begins."""
        assert (await machines.run(task("a").retries(1))).succeeded
        assert running == [1, 1]

    async def test_a_try_that_cannot_be_ended(
        self, machines: Machines, running: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The task fails, and says why it is not tried again."""

        async def cancel(*_: Any) -> list[int]:
            raise StoreError("the database is locked")

        monkeypatch.setattr(TableBackend, "cancel", cancel)
        result = await machines.run(task("a").retries(1))
        assert (result.succeeded, running) == (False, [1])
        assert result.tasks[0].reason == "the database is locked; it is not tried again, as it may still run"


async def test_a_letter_that_comes_in_two_pieces(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    """The output is shown as it was written, whatever comes from other nodes meanwhile."""

    async def logs(backend: Any, *_args: Any, **_more: Any) -> Any:
        for rank, data in ((0, b"caf\xc3"), (1, b"th\xc3"), (0, b"\xa9\n"), (1, b"\xa9\n"), (0, b"\xc3")):
            yield LogChunk(rank, 0, data)

    monkeypatch.setattr(TableBackend, "logs", logs)
    await machines.run(task("a"))
    assert "".join(text for _, kind, text in machines.told if kind == "log") == "cafth\u00e9\n\u00e9\n\ufffd"


@pytest.mark.parametrize(("size", "succeeds"), [(MOST_BYTES, True), (MOST_BYTES + 1, False)])
async def test_half_a_value_is_none(machines: Machines, size: int, succeeds: bool) -> None:
    """A file of values that is too long to be read whole is refused: what was cut off must not pass for it."""
    machines.outputs["a"] = "X=".ljust(size, "y")
    result = await machines.run(task("a").output_names("X"))
    assert result.succeeded == succeeds
    assert succeeds or "more than 64 KiB" in result.tasks[0].reason
    assert f"head -c {MOST_BYTES + 1} " in outputs.reading("key")
