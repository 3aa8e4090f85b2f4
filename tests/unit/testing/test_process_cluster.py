"""Clusters of processes, on which backends are tested."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from styx.api import Owner, TransportError
from styx.testing import ProcessCluster, process_cluster


async def test_nodes_are_apart() -> None:
    """Every node has a home and an address of its own, and a name that tells rank and owner."""
    async with process_cluster(3) as cluster:
        homes = [(await cluster.transport(rank).run("pwd -P")).text for rank in range(3)]
        assert len(set(homes)) == 3
        assert len({node.private_ip for node in cluster.nodes}) == 3
        assert [Owner.parse(node.name) for node in cluster.nodes] == [
            (cluster.nodes[0].owner, rank) for rank in range(3)
        ]


async def test_what_runs_on_nodes_is_seen_and_ended() -> None:
    """A process that a node's command left behind is listed, and gone after the block with all homes."""
    async with process_cluster(1) as cluster:
        await cluster.transport(0).run("setsid sleep 321 >/dev/null 2>&1 </dev/null &")
        # The shell that has left it behind may not be gone yet, and nothing tells when it is.
        while len(left := cluster.processes()) != 1:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        (command,) = left.values()
        assert "sleep 321" in command  # or what is about to become it
        assert os.getpid() not in left
    assert cluster.processes() == {}
    assert not cluster.root.exists()


async def test_self_stop_is_noted() -> None:
    """A node that runs its command for stopping is known to have stopped, and how."""
    async with process_cluster(2) as cluster:
        assert cluster.self_stops() == {}
        await cluster.transport(1).run(cluster.self_stop_command(1, down=True) or "exit 1")
        assert cluster.self_stops() == {1: "down"}


async def test_nodes_may_be_unable_to_stop(tmp_path: Path) -> None:
    """With self_stop off there is no command, as on clouds where a guest cannot end itself."""
    cluster = ProcessCluster(tmp_path / "nodes", self_stop=False)
    assert cluster.self_stop_command(0, down=False) is None
    await cluster.close()


async def test_a_node_that_is_not_there_is_unreachable() -> None:
    """Asking for a rank beyond the cluster is a TransportError, as core's own clusters raise."""
    async with process_cluster(1) as cluster:
        with pytest.raises(TransportError, match="no node 1"):
            cluster.transport(1)
