"""Rules about machines that are taken back: what the nodes hear of it, core is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta

import pytest
import pytest_asyncio

from styx.api import Backend
from styx.testing.backend.base import BackendRules
from styx.testing.backend.bench import Bench
from styx.testing.cluster import ProcessCluster
from styx.testing.since import since
from styx.testing.verdict import GaveUp, expect

TOLD_TEST = "test_a_notice_is_told_with_its_rank"


class NoticeRules(BackendRules):
    """What a backend must do with ``preemption_notice_command``. It may ask the nodes, or have them tell."""

    @pytest_asyncio.fixture
    async def spot(
        self,
        backend: Backend,
        make_spot_cluster: Callable[[int], AbstractAsyncContextManager[ProcessCluster]],
        patience: float,
        settled: float,
    ) -> AsyncIterator[Bench]:
        """The backend on a cluster whose two nodes can be given notice; nothing is prepared yet."""
        async with make_spot_cluster(2) as cluster:
            bench = Bench(backend, cluster, patience, settled)
            yield bench
            await bench.clean_up()

    @since(1, 1)
    async def test_a_notice_is_told_with_its_rank(self, spot: Bench) -> None:
        """The node that was given notice is told of while a job runs there, and no other is; none is without notice."""
        await spot.running("sleep 600", num_nodes=2)
        await spot.settle()
        await spot.jobs()
        early = dict(spot.cluster.noticed)
        before = spot.backend.services.clock.now()
        spot.cluster.give_notice(1)
        told = await self._told(spot, spot.backend)
        late = [at for at in told.values() if at.utcoffset() != timedelta(0) or abs(at - before) > timedelta(minutes=2)]
        expect(
            not early and set(told) == {1} and not late,
            did=f"with notice given to rank 1 of two at {before}, told was {_words(told)}, and {_words(early)} before",
            contract="preemption_noticed(rank, at) as soon as a backend hears that this node was given notice",
            change="run cluster.preemption_notice_command() on every node; it succeeds on those that have notice",
        )

    @since(1, 1)
    async def test_a_fresh_object_tells_the_same_notice(self, spot: Bench, fresh: Callable[[], Backend]) -> None:
        """The next client hears of it too, with the time that the first one heard: one notice is one event."""
        await spot.running("sleep 600", num_nodes=2)
        spot.cluster.give_notice(1)
        try:
            first = await self._told(spot, spot.backend)
        except GaveUp as error:
            pytest.skip(f"needs a notice; {TOLD_TEST} shows what is wrong ({error})")
        await spot.settle()
        spot.cluster.noticed.clear()
        second = await self._told(spot, fresh())
        expect(
            first == second,
            did=f"of one notice, one object told {_words(first)} and the next {_words(second)}",
            contract="when this node was given notice; whoever asks, it was given once",
            change="keep on the node, or in the cluster's runtime, when the notice was seen first",
        )

    @staticmethod
    async def _told(bench: Bench, backend: Backend) -> dict[int, datetime]:
        """What the cluster is told while a backend is asked for jobs, again and again."""
        for _ in range(max(1, round(bench.patience / max(bench.settled, 0.1)))):
            await bench.call(backend.jobs(bench.cluster), "jobs()")
            if bench.cluster.noticed:
                return dict(bench.cluster.noticed)
            await bench.settle()
        raise GaveUp(f"preemption_noticed() was not called within {bench.patience:g} s of jobs()")


def _words(told: dict[int, datetime]) -> str:
    return ", ".join(f"rank {rank} at {at}" for rank, at in sorted(told.items())) or "nothing"
