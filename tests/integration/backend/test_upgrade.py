"""A client of today and a cluster that one of yesterday has prepared: they talk, and preparing again upgrades it."""

from __future__ import annotations

import asyncio

import pytest

from styx.api import Autostop, JobState
from styx.builtin.agent import install
from styx.builtin.agent.backend import AgentBackend
from styx.testing.cluster import process_cluster
from styx.testing.hosts import Host
from support import before
from support.clusters import HostCluster, job, output, until

COUNT = "for n in $(seq 40); do echo $n; sleep 0.05; done"
COUNTED = "".join(f"{n}\n" for n in range(1, 41))


async def test_every_call_works_on_agents_of_the_build_before(
    backend: AgentBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs are submitted, listed, followed and cancelled, and nothing is upgraded behind anybody's back."""
    async with process_cluster(2) as cluster:
        with monkeypatch.context() as yesterday:
            yesterday.setattr(install, "archive", before.archive)
            await backend.prepare(cluster)
        number = await backend.submit(cluster, job("echo hi", num_nodes=2, secrets={"A": "b"}))
        assert await output(backend, cluster, number) == {0: "hi\n", 1: "hi\n"}
        failing = await backend.submit(cluster, job("exit 3", num_nodes=2))
        assert (await backend.wait(cluster, failing)).exit_code == 3
        hanging = await backend.submit(cluster, job("sleep 300", num_nodes=2))
        assert await backend.cancel(cluster, None) == [hanging]
        assert [found.id for found in await backend.jobs(cluster)] == [hanging, failing, number]
        await backend.autostop(cluster, Autostop(60))
        assert len(await backend.metrics(cluster)) == 2
        hello = await backend._node(cluster, 0).hello()
        assert hello["build"] == before.archive()[0]


async def test_preparing_again_upgrades_under_a_running_gang_over_ssh(
    backend: AgentBackend, hosts: list[Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gang goes on, whoever follows it sees every byte once, and the cluster's key has one line as before."""
    if not hosts[0].isolated:
        pytest.skip("needs hosts in namespaces, so root and `ip netns`")
    cluster = HostCluster(hosts)
    way_in = install._way_in_script
    with monkeypatch.context() as yesterday:
        yesterday.setattr(install, "archive", before.archive)
        yesterday.setattr(install, "_way_in_script", lambda *of: way_in(*of).partition(" --start")[0])
        await backend.prepare(cluster)
    number = await backend.submit(cluster, job(COUNT, num_nodes=2))
    following = asyncio.create_task(output(backend, cluster, number))
    keys = hosts[1].home / ".ssh" / "authorized_keys"
    line = keys.read_text()
    former = f'restrict,command="/root/.styx/agent/bridge /tmp/x" {line[line.index("ssh-ed25519") :]}'
    keys.write_text(former)  # what the build before had put there
    await backend.prepare(cluster)
    assert keys.read_text() == line
    hello = await backend._node(cluster, 1).hello()
    assert hello["build"] != before.archive()[0]
    assert await following == {0: COUNTED, 1: COUNTED}
    assert (await backend.wait(cluster, number)).state is JobState.SUCCEEDED
    again = await backend.submit(cluster, job("echo again", num_nodes=2))
    assert await output(backend, cluster, again) == {0: "again\n", 1: "again\n"}
    await backend.shutdown(cluster)
    await until(lambda: [host.processes() for host in hosts] == [[], []])
    await cluster.close()
