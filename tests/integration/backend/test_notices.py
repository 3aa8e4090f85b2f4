"""Notices of preemption reach the cluster that a backend was given, whatever it was asked."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from styx.builtin.agent.backend import AgentBackend
from styx.testing.cluster import ProcessCluster, process_cluster
from support.clusters import job, output

WAITS = 'until [ -e "$STYX_PREEMPTION_NOTICE" ]; do sleep 0.05; done'


@pytest.mark.parametrize("asked", ["jobs", "wait", "logs", "metrics", "prepare"])
async def test_a_notice_is_told_with_the_next_answer(backend: AgentBackend, asked: str) -> None:
    """To whoever asks about jobs, follows one, waits for one, looks at the nodes or prepares them again."""
    async with process_cluster(spot=True) as cluster:
        await backend.prepare(cluster)
        number = await backend.submit(cluster, job(WAITS))
        assert [found.id for found in await backend.jobs(cluster)] == [number]
        assert cluster.noticed == {}
        cluster.give_notice(0)
        if asked in {"logs", "wait"}:
            await (output(backend, cluster, number) if asked == "logs" else backend.wait(cluster, number))
        else:
            await _until_noticed(backend, cluster, asked)
        assert set(cluster.noticed) == {0}
        assert abs(cluster.noticed[0] - datetime.now(UTC)) < timedelta(minutes=1)


async def test_a_node_that_is_lost_after_a_notice_is_not_said_to_go_on(backend: AgentBackend) -> None:
    """Whoever followed a job there is told where to look."""
    async with process_cluster(spot=True) as cluster:
        await backend.prepare(cluster)
        node = backend._node(cluster, 0)
        assert "The job goes on" in (node.lost(OSError("gone"), 1).hint or "")
        cluster.give_notice(0)
        await _until_noticed(backend, cluster, "jobs")
        assert "Its provider had announced that it takes it back" in (node.lost(OSError("gone"), 1).hint or "")


async def _until_noticed(backend: AgentBackend, cluster: ProcessCluster, asked: str) -> None:
    async with asyncio.timeout(30):
        while not cluster.noticed:
            await getattr(backend, asked)(cluster)
            await asyncio.sleep(0.1)


async def test_nodes_of_clusters_that_are_not_taken_back_look_for_nothing(
    backend: AgentBackend, cluster: ProcessCluster
) -> None:
    """What looks like a notice is none there."""
    cluster.give_notice(0)
    await asyncio.sleep(2.5)
    await backend.metrics(cluster)
    assert cluster.noticed == {}
