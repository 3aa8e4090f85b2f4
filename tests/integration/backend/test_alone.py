"""Clusters that no client is around for: what was submitted runs to its end, over real hosts."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from styx.api import JobState
from styx.builtin.agent.backend import AgentBackend
from styx.testing.hosts import Host
from support import agents, doomed_client
from support.clusters import HostCluster, output, until

LARGE = 0.75  # of a node's CPUs: of two such jobs one waits for the other


@pytest.fixture
async def cluster(backend: AgentBackend, hosts: list[Host]) -> AsyncIterator[HostCluster]:
    """Two hosts that nobody has prepared."""
    if not hosts[0].isolated:
        pytest.skip("needs hosts in namespaces, so root and `ip netns`")
    made = HostCluster(hosts)
    yield made
    await backend.shutdown(made)
    await made.close()


def leave_alone(cluster: HostCluster, tmp_path: Path, *jobs: dict[str, Any]) -> list[int]:
    """Have a client submit these jobs and kill it while it follows the first; their numbers."""
    endpoints = [node.endpoint for node in cluster.nodes if node.endpoint is not None]
    told = tmp_path / "told.json"
    told.write_text(json.dumps({
        "name": cluster.name, "key": cluster.key, "state": str(tmp_path / "doomed"), "jobs": jobs,
        "endpoints": [[endpoint.kind, dict(endpoint.options)] for endpoint in endpoints],
        "addresses": [node.private_ip for node in cluster.nodes],
    }))  # fmt: skip
    with subprocess.Popen([sys.executable, doomed_client.__file__, told], stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        numbers: list[int] = json.loads(client.stdout.readline() or "[]")
        client.kill()
    assert len(numbers) == len(jobs)
    agents.until(lambda: not any(clients(host, cluster) for host in cluster.hosts))
    return numbers


def clients(host: Host, cluster: HostCluster) -> list[str]:
    """The addresses from outside the cluster that have a connection to the host."""
    inside = {other.address for other in cluster.hosts}
    peers = [line.split()[-1].rpartition(":")[0] for line in host.run("ss -Htn state established").splitlines()]
    return [peer for peer in peers if peer not in inside]


def cpus(host: Host) -> float:
    """What a job claims that leaves no room for another like it."""
    return LARGE * int(host.run("nproc"))


async def test_a_gang_starts_when_its_turn_comes_though_every_client_has_gone(
    backend: AgentBackend, cluster: HostCluster, tmp_path: Path
) -> None:
    """The head reaches the others by itself: both jobs run on both nodes, one after the other, to their ends."""
    head, peer = cluster.hosts
    claim = cpus(head)
    first, second = leave_alone(
        cluster, tmp_path,
        {"key": "one", "run": "echo one >>ran; until [ -e go ]; do sleep 0.05; done", "num_nodes": 2, "cpus": claim},
        {"key": "two", "run": 'echo "two $STYX_NODE_RANK of $STYX_NUM_NODES" >>ran; echo out', "num_nodes": 2,
         "setup": "echo set up", "cpus": claim},
    )  # fmt: skip
    await until(lambda: all((host.home / "ran").exists() for host in (head, peer)))
    for host in (head, peer):
        assert (host.home / "ran").read_text() == "one\n"
        (host.home / "go").touch()
    await until(lambda: all("two" in (host.home / "ran").read_text() for host in (head, peer)))
    for rank, host in enumerate((head, peer)):
        assert (host.home / "ran").read_text() == f"one\ntwo {rank} of 2\n"
        assert not clients(host, cluster)
    await asyncio.sleep(0.5)
    ended = {job.id: job for job in await backend.jobs(cluster)}  # the next client, the day after
    assert {number: job.state for number, job in ended.items()} == dict.fromkeys((first, second), JobState.SUCCEEDED)
    assert ended[second].ranks == {0: 0, 1: 0}
    assert await output(backend, cluster, second) == {0: "set up\nout\n", 1: "set up\nout\n"}


@pytest.mark.parametrize("how", ["killed", "rebooted"])
async def test_a_peer_whose_agent_is_down_is_woken_by_the_head(
    backend: AgentBackend, cluster: HostCluster, tmp_path: Path, how: str
) -> None:
    """A node that was booted anew while a job waited for its turn takes part in it, and no client is needed."""
    head, peer = cluster.hosts
    claim = cpus(head)
    _, second = leave_alone(
        cluster, tmp_path,
        {"key": "one", "run": "touch up; until [ -e go ]; do sleep 0.05; done", "cpus": claim},
        {"key": "two", "run": "echo two >>ran", "num_nodes": 2, "cpus": claim},
    )  # fmt: skip
    await until((head.home / "up").exists)
    if how == "killed":
        peer.run("kill -9 $(cat .styx/clusters/*/1/lock)")
    else:
        peer.reboot()
    assert peer.processes() == []
    (head.home / "go").touch()
    await until(lambda: all((host.home / "ran").exists() for host in (head, peer)))
    assert not any(clients(host, cluster) for host in (head, peer))
    assert (await backend.wait(cluster, second)).state is JobState.SUCCEEDED
