"""The agent backend on real hosts: over SSH, with the head reaching its peers by a key of the cluster's own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from styx.api import BackendError, JobState, TransportError
from styx.builtin.agent.backend import AgentBackend
from styx.builtin.agent.node import RETRY_DELAYS
from styx.testing.hosts import Host
from styx.transports import connect
from support.clusters import HostCluster, job, output, until

USERS_OWN = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOyRmJxU9dQ8DDp7G5G1CvVgkQvDPLbGeXmRJ0LYQ6mS me@home"  # without a newline
)


MakeCluster = Callable[[Sequence[Host]], HostCluster]


@pytest.fixture
def isolated(hosts: list[Host]) -> list[Host]:
    """Two hosts with namespaces of their own; those on loopback overrule the commands of keys."""
    if not hosts[0].isolated:
        pytest.skip("needs hosts in namespaces, so root and `ip netns`")
    return hosts


@pytest.fixture
async def cluster_of() -> AsyncIterator[MakeCluster]:
    """Makes clusters of hosts, whose transports are closed in the end."""
    async with AsyncExitStack() as stack:

        def make(hosts: Sequence[Host]) -> HostCluster:
            cluster = HostCluster(hosts)
            stack.push_async_callback(cluster.close)
            return cluster

        yield make


@pytest.fixture
async def pair(backend: AgentBackend, cluster_of: MakeCluster, isolated: list[Host]) -> AsyncIterator[HostCluster]:
    """Two hosts, prepared."""
    cluster = cluster_of(isolated)
    await backend.prepare(cluster)
    yield cluster
    await backend.shutdown(cluster)


def everything(host: Host) -> list[str]:
    """All files in the host's home and /tmp."""
    return sorted(host.run("find . /tmp -mindepth 1").splitlines())


async def test_a_gang_runs_over_two_hosts_and_leaves_nothing(
    backend: AgentBackend, cluster_of: MakeCluster, isolated: list[Host]
):
    """It runs, streams, is cancelled; afterwards no process, no file and no key of it is left."""
    for host in isolated:
        (host.home / ".ssh").mkdir(mode=0o700)
        (host.home / ".ssh" / "authorized_keys").write_text(USERS_OWN)
    before = [everything(host) for host in isolated]
    cluster = cluster_of(isolated)
    await backend.prepare(cluster)
    await backend.prepare(cluster)
    first = await backend.submit(
        cluster, job('echo "$STYX_NODE_RANK of $STYX_NUM_NODES on $(hostname)" $STYX_NODE_IPS', num_nodes=2)
    )
    ips = " ".join(host.address for host in isolated)
    assert await output(backend, cluster, first) == {
        rank: f"{rank} of 2 on {host.name} {ips}\n" for rank, host in enumerate(isolated)
    }
    second = await backend.submit(cluster, job("echo up; sleep 1242", num_nodes=2))
    await until(lambda: all(any("sleep 1242" in line for line in host.processes()) for host in isolated))
    assert await backend.cancel(cluster, [second]) == [second]
    assert not any("sleep 1242" in line for host in isolated for line in host.processes())
    assert (await backend.wait(cluster, second)).state is JobState.CANCELLED
    assert [sample.rank for sample in await backend.metrics(cluster)] == [0, 1]
    await backend.shutdown(cluster)
    await backend.shutdown(cluster)
    assert [everything(host) for host in isolated] == before
    assert [host.processes() for host in isolated] == [[], []]
    assert [(host.home / ".ssh" / "authorized_keys").read_text().strip() for host in isolated] == [USERS_OWN] * 2


async def test_the_clusters_key_opens_the_bridge_and_nothing_else(backend: AgentBackend, pair: HostCluster):
    """No command, no terminal, no forwarding, no other user of it; and its private half is on the head alone."""
    head, peer = pair.hosts
    state = (await backend._node(pair, 0).places()).state
    assert head.run(f"stat -c %a {state}/peer_key") == "600"
    peer_state = (await backend._node(pair, 1).places()).state
    assert peer.run(f"ls {peer_state}").find("peer_key") < 0
    lines = (peer.home / ".ssh" / "authorized_keys").read_text().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith('restrict,command="')
    assert not (head.home / ".ssh" / "authorized_keys").exists()
    ssh = (
        f"ssh -F /dev/null -i {state}/peer_key -o IdentitiesOnly=yes -o HostKeyAlias=styx-node-1 "
        f"-o UserKnownHostsFile={state}/peer_hosts -o BatchMode=yes -o ConnectTimeout=5"
    )
    for command in ("touch intruder", "1; touch intruder", "../1", "7"):
        head.run(f"! {ssh} root@{peer.address} '{command}' </dev/null")
    assert not (peer.home / "intruder").exists()
    head.run(f"{ssh} -tt root@{peer.address} </dev/null 2>&1 | grep -q 'PTY allocation request failed'")
    head.run(f"! {ssh} -N -L 127.0.0.1:9999:127.0.0.1:22 -o ExitOnForwardFailure=yes root@{peer.address} -W x:1 2>&1")


async def test_the_heads_peers_are_pinned(backend: AgentBackend, pair: HostCluster):
    """A peer that shows another host key is not talked to by the head either."""
    head, peer = pair.hosts
    state = (await backend._node(pair, 0).places()).state
    ssh = (
        f"ssh -F /dev/null -i {state}/peer_key -o IdentitiesOnly=yes -o HostKeyAlias=styx-node-1 "
        f"-o UserKnownHostsFile={state}/peer_hosts -o BatchMode=yes root@{peer.address} 1 </dev/null 2>&1"
    )
    head.run(ssh)
    peer.change_host_key()
    head.run(f"{ssh} | grep -q 'Host key verification failed'")


async def test_a_head_without_ssh_says_what_to_install(
    backend: AgentBackend, cluster_of: MakeCluster, isolated: list[Host]
):
    """Before any job; one node alone needs none."""
    head = isolated[0]
    head.run("mkdir bin && ln -s /bin/* /usr/local/bin/* bin/ 2>/dev/null; rm -f bin/ssh bin/ssh-keygen")
    head.configure(SetEnv="PATH=/root/bin")
    cluster = cluster_of(isolated)
    with pytest.raises(BackendError, match="no SSH client") as caught:
        await backend.prepare(cluster)
    assert "openssh-client" in (caught.value.hint or "")
    await backend.shutdown(cluster)
    alone = cluster_of(isolated[:1])
    await backend.prepare(alone)
    assert (await backend.wait(alone, await backend.submit(alone, job("true")))).state is JobState.SUCCEEDED
    await backend.shutdown(alone)


async def test_a_peer_that_the_head_cannot_reach_is_named(
    backend: AgentBackend, cluster_of: MakeCluster, isolated: list[Host]
):
    """With what ssh said about it."""
    isolated[1].configure(AuthorizedKeysFile="/etc/ssh/authorized_keys")
    cluster = cluster_of(isolated)
    with pytest.raises(
        BackendError, match=r"cannot reach node 1 over SSH at .* port 22: .*Permission denied"
    ) as caught:
        await backend.prepare(cluster)
    assert "authorized_keys" in (caught.value.hint or "")
    await backend.shutdown(cluster)


async def test_it_works_where_forwarding_is_forbidden(backend: AgentBackend, cluster_of: MakeCluster, host: Host):
    """Through the bridge that the installation has put there, from the first call to the last."""
    host.configure(AllowStreamLocalForwarding="no", MaxSessions="3")
    cluster = cluster_of([host])
    await backend.prepare(cluster)
    number = await backend.submit(cluster, job("for n in 1 2 3; do echo $n; sleep 0.1; done"))
    assert await output(backend, cluster, number) == {0: "1\n2\n3\n"}
    await backend.shutdown(cluster)


async def test_a_cut_link_in_mid_run_costs_nothing(
    backend: AgentBackend, cluster_of: MakeCluster, host: Host, monkeypatch: pytest.MonkeyPatch
):
    """The job goes on; whoever follows it goes on where they were, and sees every byte once."""
    monkeypatch.setattr(connect, "KEEPALIVE_INTERVAL", 0.3)
    monkeypatch.setattr(connect, "CONNECT_TIMEOUT", 2.0)
    cluster = cluster_of([host])
    await backend.prepare(cluster)
    number = await backend.submit(cluster, job("for n in $(seq 60); do echo $n; sleep 0.1; done"))
    following = asyncio.create_task(output(backend, cluster, number))
    waiting = asyncio.create_task(backend.wait(cluster, number))
    await asyncio.sleep(1)
    host.cut()
    await asyncio.sleep(2)
    host.restore()
    assert await following == {0: "".join(f"{n}\n" for n in range(1, 61))}
    assert (await waiting).state is JobState.SUCCEEDED
    await backend.shutdown(cluster)


async def test_a_node_that_stays_away_is_a_transport_error(
    backend: AgentBackend, cluster_of: MakeCluster, host: Host, monkeypatch: pytest.MonkeyPatch
):
    """It says that the job goes on and how to come back."""
    monkeypatch.setattr(connect, "KEEPALIVE_INTERVAL", 0.3)
    monkeypatch.setattr(connect, "CONNECT_TIMEOUT", 0.5)
    monkeypatch.setattr("styx.builtin.agent.node.RETRY_DELAYS", (0.1, 0.1))
    cluster = cluster_of([host])
    await backend.prepare(cluster)
    number = await backend.submit(cluster, job("sleep 1243"))
    following = asyncio.create_task(output(backend, cluster, number))
    await asyncio.sleep(0.5)
    host.cut()
    began = time.monotonic()
    with pytest.raises(TransportError, match="connection to node 0 of hosts was lost") as caught:
        await following
    assert time.monotonic() - began < 15
    assert f"styx logs hosts {number}" in (caught.value.hint or "")
    host.restore()


async def test_a_node_that_was_given_notice_is_not_waited_for(
    backend: AgentBackend, cluster_of: MakeCluster, host: Host
):
    """Once its connection is lost it will not be back."""
    cluster = cluster_of([host])
    await backend.prepare(cluster)
    number = await backend.submit(cluster, job("sleep 1246"))
    waiting = asyncio.create_task(backend.wait(cluster, number))
    await until(lambda: any("sleep 1246" in line for line in host.processes()))
    backend._node(cluster, 0)._noticed = True
    began = time.monotonic()
    host.stop()
    with pytest.raises(TransportError) as caught:
        await waiting
    assert time.monotonic() - began < sum(RETRY_DELAYS) / 2
    assert "had announced" in (caught.value.hint or "")
    host.start()


async def test_a_rebooted_node_has_lost_its_jobs_and_works_again(
    backend: AgentBackend, cluster_of: MakeCluster, host: Host
):
    """The next call starts its agent, which knows what it was doing."""
    if not host.isolated:
        pytest.skip("a host on loopback does not take its processes with it")
    cluster = cluster_of([host])
    await backend.prepare(cluster)
    number = await backend.submit(cluster, job("sleep 1244"))
    await until(lambda: any("sleep 1244" in line for line in host.processes()))
    host.reboot()
    assert (await backend.wait(cluster, number)).state is JobState.LOST
    assert (await backend.wait(cluster, await backend.submit(cluster, job("true")))).state is JobState.SUCCEEDED
    await backend.shutdown(cluster)


async def test_shutdown_with_a_node_away_cleans_the_others(
    backend: AgentBackend, cluster_of: MakeCluster, isolated: list[Host], monkeypatch: pytest.MonkeyPatch
):
    """It says so, and can be repeated."""
    monkeypatch.setattr(connect, "CONNECT_TIMEOUT", 1.0)
    cluster = cluster_of(isolated)
    await backend.prepare(cluster)
    await cluster.close()
    isolated[1].cut()
    with pytest.raises(TransportError):
        await backend.shutdown(cluster)
    assert isolated[0].processes() == []
    assert not (isolated[0].home / ".styx").exists()
    isolated[1].restore()
    await until(lambda: Path(isolated[1].home, ".styx").exists())
    await asyncio.sleep(1)  # neighbours take a moment to find each other again
    await backend.shutdown(cluster)
    assert isolated[1].processes() == []
    assert not (isolated[1].home / ".styx").exists()
