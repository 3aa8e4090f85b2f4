"""Nodes whose home is no place for a job table: on a network, shared with other nodes, read-only or full."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator

import pytest

from styx.api import BackendError
from styx.builtin.agent.backend import AgentBackend
from styx.testing.hosts import Host, Hosts
from support.clusters import HostCluster, job, output

LOCAL = "/var/tmp/styx-0"


def own_disk(host: Host) -> None:
    """Give the host a /var/tmp of its own, which hosts else share with this machine."""
    if not host.isolated:
        pytest.skip("needs hosts in namespaces, so root and `ip netns`")
    host.run("mkdir -m 1777 /tmp/local && mount --bind /tmp/local /var/tmp")


@pytest.fixture
def sharing() -> Iterator[list[Host]]:
    """Three hosts that have one home, as over NFS; a FUSE file system stands in for that."""
    if shutil.which("bindfs") is None:
        pytest.skip("needs bindfs, for a home that is not on a disk")
    with Hosts(3) as hosts, tempfile.TemporaryDirectory(dir="/var/tmp") as home:
        for host in hosts:
            if not host.isolated:
                pytest.skip("needs hosts in namespaces, so root and `ip netns`")
            host.run(f"bindfs {home} /root")
            own_disk(host)
        yield hosts


async def test_nodes_that_share_a_network_home_run_a_gang(backend: AgentBackend, sharing: list[Host]) -> None:
    """Each keeps its state on its own disk, and the head's key opens on each the agent of that rank."""
    cluster = HostCluster(sharing)
    await backend.prepare(cluster)
    number = await backend.submit(
        cluster, job("echo $STYX_NODE_RANK $(hostname); pwd -P; touch here-$STYX_NODE_RANK", num_nodes=3)
    )
    assert await output(backend, cluster, number) == {
        rank: f"{rank} {host.name}\n/root\n" for rank, host in enumerate(sharing)
    }
    names = ".ssh here-0 here-1 here-2"
    for rank, host in enumerate(sharing):
        assert host.run("ls -A").split() == names.split()
        assert host.run(f"ls {LOCAL}/.styx/clusters/{cluster.key}") == str(rank)
        assert host.run(f"stat -c %a {LOCAL}") == "700"
        # Who cleans up by age takes a lock of its own first, which is refused while an agent lives there.
        assert host.run(f"flock -n {LOCAL} true || echo kept") == "kept"
    await backend.shutdown(cluster)
    for host in sharing:
        assert host.run("ls -A; ls -A /var/tmp").split() == names.split()[1:]
        assert [line for line in host.processes() if not line.startswith("bindfs")] == []
    await cluster.close()


async def test_a_read_only_home_is_enough(backend: AgentBackend, host: Host) -> None:
    """Also where sockets cannot be forwarded, and the way to the agent is a program that is elsewhere then."""
    own_disk(host)
    host.configure(AllowStreamLocalForwarding="no")
    host.run("mount -o remount,ro,bind /root")
    cluster = HostCluster([host])
    await backend.prepare(cluster)
    number = await backend.submit(cluster, job("pwd; touch x || echo refused"))
    text = (await output(backend, cluster, number))[0]
    assert text.startswith("/root\n")
    assert text.endswith("refused\n")
    await backend.shutdown(cluster)
    assert host.run("ls -A; ls -A /var/tmp") == ""
    await cluster.close()


async def test_somebody_elses_directory_is_not_used(backend: AgentBackend, host: Host) -> None:
    """Any user may make one of that name first."""
    own_disk(host)
    host.run(f"mount -o remount,ro,bind /root; mkdir {LOCAL}; chown 1 {LOCAL}")
    cluster = HostCluster([host])
    with pytest.raises(BackendError, match="belongs to somebody else"):
        await backend.prepare(cluster)
    assert host.run(f"ls -A {LOCAL}") == ""
    await cluster.close()


async def test_a_full_home_is_said_before_any_job(backend: AgentBackend, host: Host) -> None:
    """With what the node itself said; room is all that it takes."""
    if not host.isolated:
        pytest.skip("needs hosts in namespaces, so root and `ip netns`")
    host.run("mount -t tmpfs -o size=64k tmpfs /root && cd /root && head -c 1000000 /dev/zero >ballast || :")
    cluster = HostCluster([host])
    with pytest.raises(BackendError, match="No space left on device"):
        await backend.prepare(cluster)
    host.run("cd /root && rm ballast && mount -o remount,size=8m /root")
    await backend.prepare(cluster)
    assert await output(backend, cluster, await backend.submit(cluster, job("echo hi"))) == {0: "hi\n"}
    await backend.shutdown(cluster)
    assert host.run("cd /root && ls -A") == ""
    await cluster.close()
