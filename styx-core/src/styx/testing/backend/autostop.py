"""Rules about stopping a cluster that nobody uses."""

from __future__ import annotations

import contextlib
from pathlib import Path

from styx.api import Autostop, Backend, JobState
from styx.testing.backend.base import BackendRules
from styx.testing.backend.bench import Bench
from styx.testing.verdict import GaveUp, expect, succeeds


class AutostopRules(BackendRules):
    """What autostop() must and must not do. A policy of 0 minutes acts as soon as the cluster is idle."""

    async def test_an_idle_cluster_stops_itself(self, bench: Bench, stop_patience: float) -> None:
        """Once the policy is due, every node runs its own command for stopping."""
        await bench.start(bench.job("true"))
        await self._set(bench, Autostop(0, wait_for="jobs"))
        stopped = await self._stopped(bench, stop_patience)
        expect(
            stopped == {0: "stop", 1: "stop"},
            did=f"idle under Autostop(0), these nodes of two have stopped themselves: {stopped}",
            contract="stop the cluster after this much idleness, all of its nodes",
            change="run cluster.self_stop_command(rank, down=False) on each node, the head last",
        )

    async def test_down_removes_instead(self, bench: Bench, stop_patience: float) -> None:
        """With ``down`` the nodes run their command for removing themselves."""
        await bench.start(bench.job("true"))
        await self._set(bench, Autostop(0, down=True, wait_for="jobs"))
        stopped = await self._stopped(bench, stop_patience)
        expect(
            stopped == {0: "down", 1: "down"},
            did=f"idle under Autostop(0, down=True), the nodes did {stopped}",
            contract="with down remove the cluster",
            change="run cluster.self_stop_command(rank, down=True)",
        )

    async def test_jobs_keep_it_awake(self, bench: Bench, stop_patience: float) -> None:
        """While a job goes on the cluster is not idle; when the job is over, it is."""
        gate, number = await self._held(bench)
        await self._set(bench, Autostop(0, wait_for="jobs"))
        await bench.settle()
        early = bench.cluster.self_stops()
        gate.touch()
        await bench.until(lambda: bench.cluster.self_stops() or not gate.exists(), "autostop")
        stopped = await self._stopped(bench, stop_patience)
        expect(
            not early and len(stopped) == 2,
            did=f"under Autostop(0) the nodes did {early or 'nothing'} while job {number} ran, {stopped} afterwards",
            contract="idleness begins when the last job has ended",
            change="count from the end of the last job, not from its start",
        )

    async def test_without_waiting_jobs_do_not_count(self, bench: Bench, stop_patience: float) -> None:
        """With ``wait_for="none"`` the time runs though a job does."""
        await bench.running("sleep 600")
        await self._set(bench, Autostop(0, wait_for="none"))
        stopped = await self._stopped(bench, stop_patience)
        expect(
            len(stopped) == 2,
            did=f"under Autostop(0, wait_for='none') with a job running, the nodes did {stopped or 'nothing'}",
            contract="wait_for: jobs_and_ssh, jobs or none",
            change="count from when the policy was set",
        )

    async def test_a_cleared_policy_does_nothing(self, bench: Bench) -> None:
        """After autostop(None) the cluster stays up, however idle."""
        gate, number = await self._held(bench)
        await self._set(bench, Autostop(0, wait_for="jobs"))
        await self._set(bench, None)
        gate.touch()
        await bench.wait(number)
        await bench.settle()
        stopped = bench.cluster.self_stops()
        expect(
            not stopped,
            did=f"after the policy was cleared the nodes did {stopped}",
            contract="autostop(None) clears the policy",
            change="forget the policy and whatever timer it has",
        )

    async def test_idleness_has_to_last(self, bench: Bench) -> None:
        """A policy of an hour does nothing at once."""
        await bench.start(bench.job("true"))
        await self._set(bench, Autostop(60))
        await bench.settle()
        stopped = bench.cluster.self_stops()
        expect(
            not stopped,
            did=f"at once after Autostop(60) the nodes did {stopped}",
            contract="after this much idleness; idle_minutes is minutes",
            change="compare minutes * 60 with seconds",
        )

    async def test_setting_and_clearing_again_succeeds(self, bench: Bench) -> None:
        """autostop() is idempotent, in both directions."""
        await bench.start(bench.job("true"))
        with succeeds(
            "setting and clearing the policy twice each",
            contract="autostop() is idempotent",
            change="clearing what is not set is success",
        ):
            for policy in (None, None, Autostop(60), Autostop(60), None):
                await self._set(bench, policy)

    async def test_a_fresh_object_can_clear_it(self, bench: Bench, fresh: object) -> None:
        """The policy belongs to the cluster: what one client set, the next one clears."""
        assert callable(fresh)
        other: Backend = fresh()
        gate, number = await self._held(bench)
        await self._set(bench, Autostop(0, wait_for="jobs"))
        await bench.call(other.autostop(bench.cluster, None), "autostop()")
        gate.touch()
        info = await bench.wait(number)
        await bench.settle()
        stopped = bench.cluster.self_stops()
        expect(
            info.state is JobState.SUCCEEDED and not stopped,
            did=f"one object set the policy, another cleared it, and the nodes did {stopped}",
            contract="autostop() sets the policy of the cluster",
            change="keep the policy on the cluster, not in the object",
        )

    @staticmethod
    async def _held(bench: Bench) -> tuple[Path, int]:
        """A running job, and the file that lets it end once it is there."""
        gate = bench.cluster.root / "gate"
        return gate, await bench.running(f"until [ -e {gate} ]; do sleep 0.05; done")

    @staticmethod
    async def _set(bench: Bench, policy: Autostop | None) -> None:
        await bench.call(bench.backend.autostop(bench.cluster, policy), "autostop()")

    @staticmethod
    async def _stopped(bench: Bench, within: float) -> dict[int, str]:
        """What the nodes have done, once all did something or the time is over."""
        with contextlib.suppress(GaveUp):
            await bench.until(lambda: len(bench.cluster.self_stops()) == len(bench.cluster.nodes), "autostop", within)
        return bench.cluster.self_stops()
