"""Process ids that come to belong to somebody else, really: by the kernel's counter, and by a boot."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from styx.api import JobState
from styx.builtin.agent.backend import AgentBackend
from styx.testing.hosts import Host
from support.clusters import HostCluster, job, until

# Sets the counter of the host's own process ids until a process of ours gets the one that is wanted.
RECYCLE = """
for try in $(seq 200); do
  echo $(({pid} - 1)) >/proc/sys/kernel/ns_last_pid
  setsid sleep 4321 </dev/null >/dev/null 2>&1 &
  [ $! != {pid} ] || exit 0
  kill -9 $!
done
exit 1
"""


@pytest.fixture
async def cluster(backend: AgentBackend, host: Host) -> AsyncIterator[HostCluster]:
    """One host with process ids of its own, prepared; in the end nothing of ours runs there."""
    if not host.isolated:
        pytest.skip("needs hosts in namespaces, so root and `ip netns`")
    made = HostCluster([host])
    await backend.prepare(made)
    yield made
    await made.close()


async def run_and_lose(backend: AgentBackend, cluster: HostCluster) -> tuple[int, int]:
    """Run a job, then kill agent, shim and job at once; the job's number, and the pid of its shim."""
    host = cluster.hosts[0]
    number = await backend.submit(cluster, job("sleep 1245"))
    await until(lambda: any("sleep 1245" in line for line in host.processes()))
    state = f".styx/clusters/{cluster.key}/0"
    pid = int(host.run(f"cat {state}/jobs/{number}-0/process").split()[0])
    host.run(f"kill -9 $(cat {state}/lock) -{pid}; pkill -9 -x sleep || :")
    await until(lambda: host.processes() == [])
    return number, pid


def bystanders(host: Host) -> int:
    """How many processes run there that are none of our business."""
    return sum("sleep 4321" in line for line in host.processes())


async def test_a_recycled_pid_is_nobody_we_know(backend: AgentBackend, cluster: HostCluster, host: Host) -> None:
    """The job is lost, and whoever has its shim's pid and process group now outlives every end that we make."""
    number, pid = await run_and_lose(backend, cluster)
    host.run(RECYCLE.format(pid=pid))
    assert host.run(f"ps -o pid=,pgid=,args= -p {pid}").split() == [str(pid), str(pid), "sleep", "4321"]
    lost = await backend.wait(cluster, number)
    assert lost.state is JobState.LOST
    assert await backend.cancel(cluster, None) == []
    after = await backend.submit(cluster, job("sleep 1245"))
    assert await backend.cancel(cluster, [number, after]) == [after]
    await backend.shutdown(cluster)
    assert bystanders(host) == 1
    assert len(host.processes()) == 1


async def test_a_recycled_pid_is_not_killed_for_a_job_that_is_cancelled_meanwhile(
    backend: AgentBackend, cluster: HostCluster, host: Host
) -> None:
    """The cancel is what wakes the agent, which has yet to find out that nothing of the job runs any more."""
    number, pid = await run_and_lose(backend, cluster)
    host.run(RECYCLE.format(pid=pid))
    await backend.cancel(cluster, [number])
    assert (await backend.wait(cluster, number)).state in {JobState.LOST, JobState.CANCELLED}
    await backend.shutdown(cluster)
    assert bystanders(host) == 1


async def test_an_agent_whose_pid_is_somebody_elses_is_started_again(
    backend: AgentBackend, cluster: HostCluster, host: Host
) -> None:
    """What is in its lock says nothing without the lock; nobody waits for a stranger to end either."""
    pid = int(host.run(f"cat .styx/clusters/{cluster.key}/0/lock"))
    host.run(f"kill -9 {pid}")
    await until(lambda: host.processes() == [])
    host.run(RECYCLE.format(pid=pid))
    assert await backend.jobs(cluster) == []
    await backend.shutdown(cluster)
    assert bystanders(host) == 1
    assert not (host.home / ".styx").exists()


async def test_the_same_process_of_another_boot_is_another(
    backend: AgentBackend, cluster: HostCluster, host: Host
) -> None:
    """With the pid and the start time of the job's shim, as can be on a machine that boots the same every time."""
    number, _ = await run_and_lose(backend, cluster)
    host.reboot()
    host.run("tr a-f0-9 b-f0-9a </proc/sys/kernel/random/boot_id >/tmp/boot")
    host.run("mount --bind /tmp/boot /proc/sys/kernel/random/boot_id")
    host.run("setsid sleep 4321 </dev/null >/dev/null 2>&1 &")
    stat = "$(pgrep -x sleep) $(cut -d' ' -f22 /proc/$(pgrep -x sleep)/stat)"
    record = f".styx/clusters/{cluster.key}/0/jobs/{number}-0/process"
    host.run(f'read -r _ _ boot <{record}; echo "{stat} $boot" >{record}')
    assert (await backend.wait(cluster, number)).state is JobState.LOST
    after = await backend.submit(cluster, job("true"))
    assert (await backend.wait(cluster, after)).state is JobState.SUCCEEDED
    await backend.shutdown(cluster)
    assert bystanders(host) == 1
