"""Jobs through the agent backend, on nodes of this machine."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from styx.api import Autostop, BackendError, JobNotFound, JobSpec, JobState
from styx.builtin.agent.backend import AgentBackend
from styx.testing.cluster import ProcessCluster, process_cluster
from support.clusters import job, output, until


async def test_a_job_runs_and_its_output_comes_back(backend: AgentBackend, cluster: ProcessCluster):
    """Set-up first, then the command, in the node's home, with its variables."""
    number = await backend.submit(
        cluster,
        job("echo run $A $STYX_NODE_RANK; pwd; exit 3", setup="echo set up", envs={"A": "b"}, name="n", task_id="t"),
    )
    ended = await backend.wait(cluster, number)
    assert (ended.state, ended.exit_code, ended.ranks, ended.name) == (JobState.FAILED, 3, {0: 3}, "n")
    assert await output(backend, cluster, number) == {0: f"set up\nrun b 0\n{cluster.home(0)}\n"}


async def test_submitting_is_idempotent_on_the_key(backend: AgentBackend, cluster: ProcessCluster):
    """The same key is the same job, also at the same time."""
    spec = job("echo once")
    numbers = await asyncio.gather(*(backend.submit(cluster, spec) for _ in range(5)))
    assert numbers == [1] * 5
    await backend.wait(cluster, 1)
    assert [found.id for found in await backend.jobs(cluster)] == [1]


async def test_jobs_are_listed_newest_first(backend: AgentBackend, cluster: ProcessCluster):
    """All, or those asked for; unknown numbers are left out."""
    for _ in range(3):
        await backend.wait(cluster, await backend.submit(cluster, job("true")))
    assert [found.id for found in await backend.jobs(cluster)] == [3, 2, 1]
    assert [found.id for found in await backend.jobs(cluster, [1, 3, 99])] == [3, 1]
    assert await backend.jobs(cluster, []) == []


async def test_a_job_that_is_not_there_is_job_not_found(backend: AgentBackend, cluster: ProcessCluster):
    """Whether one waits for it or reads its output."""
    for ask in (backend.wait(cluster, 7), output(backend, cluster, 7)):
        with pytest.raises(JobNotFound) as caught:
            await ask
        assert (caught.value.job, caught.value.cluster) == (7, cluster.name)


async def test_cancelled_jobs_are_dead(backend: AgentBackend, cluster: ProcessCluster):
    """With the processes they started; a second time cancels nothing."""
    for _ in range(3):
        await backend.submit(cluster, job("sleep 1236 & sleep 1236", cpus=0.1))
    await until(lambda: sum("sleep 1236" in line for line in cluster.processes().values()) >= 6)
    assert await backend.cancel(cluster, [2]) == [2]
    assert await backend.cancel(cluster, [2, 99]) == []
    assert sorted(await backend.cancel(cluster, None)) == [1, 3]
    assert await backend.cancel(cluster, []) == []
    assert not any("sleep 1236" in line for line in cluster.processes().values())
    assert {found.state for found in await backend.jobs(cluster)} == {JobState.CANCELLED}


async def test_output_is_followed_from_where_one_wants(backend: AgentBackend, cluster: ProcessCluster):
    """From the beginning, from an offset, or the last lines."""
    number = await backend.submit(cluster, job("for n in 1 2 3 4 5; do echo line $n; done"))
    assert await output(backend, cluster, number) == {0: "line 1\nline 2\nline 3\nline 4\nline 5\n"}
    assert await output(backend, cluster, number, tail=2) == {0: "line 4\nline 5\n"}
    assert await output(backend, cluster, number, offsets={0: 28}) == {0: "line 5\n"}
    assert await output(backend, cluster, number, rank=0, follow=False) == {
        0: "line 1\nline 2\nline 3\nline 4\nline 5\n"
    }


async def test_without_following_it_ends_at_once(backend: AgentBackend, cluster: ProcessCluster):
    """What is there now, of a job that goes on."""
    number = await backend.submit(cluster, job("echo first; sleep 1237"))
    async for chunk in backend.logs(cluster, number):
        assert chunk.data == b"first\n"
        break
    assert await output(backend, cluster, number, follow=False) == {0: "first\n"}
    await backend.cancel(cluster, None)


async def test_a_gang_runs_on_all_nodes(backend: AgentBackend, pair: ProcessCluster):
    """Each rank knows itself and the others; the output of both comes back, or of one."""
    number = await backend.submit(
        pair,
        job(
            'echo "$STYX_NODE_RANK/$STYX_NUM_NODES" $STYX_NODE_IPS; [ $STYX_NODE_RANK = 0 ] || { sleep 1; exit 4; }',
            num_nodes=2,
        ),
    )
    ended = await backend.wait(pair, number)
    assert (ended.state, ended.exit_code, ended.ranks.get(1)) == (JobState.FAILED, 4, 4)
    ips = f"{pair.nodes[0].private_ip} {pair.nodes[1].private_ip}"
    assert await output(backend, pair, number) == {0: f"0/2 {ips}\n", 1: f"1/2 {ips}\n"}
    assert await output(backend, pair, number, rank=1) == {1: f"1/2 {ips}\n"}


async def test_the_processes_of_a_local_node_carry_its_name(backend: AgentBackend, pair: ProcessCluster):
    """That is how the local cloud finds them."""
    number = await backend.submit(pair, job("echo $STYX_NODE", num_nodes=2))
    names = [node.name for node in pair.nodes]
    assert await output(backend, pair, number) == {rank: f"{name}\n" for rank, name in enumerate(names)}


async def test_a_job_of_many_megabytes_arrives_whole(backend: AgentBackend, pair: ProcessCluster):
    """From two nodes at once, faster than it is read."""
    number = await backend.submit(pair, job("seq 400000", num_nodes=2))
    text = "".join(f"{n}\n" for n in range(1, 400_001))
    assert await output(backend, pair, number) == {0: text, 1: text}


async def test_a_job_that_is_too_large_is_refused(backend: AgentBackend, cluster: ProcessCluster):
    """With what to do about it; the connection is as good as before."""
    with pytest.raises(BackendError, match="KiB") as caught:
        await backend.submit(cluster, job("x" * (2 << 20)))
    assert "workdir" in (caught.value.hint or "")
    assert await backend.submit(cluster, job("true")) == 1


async def test_a_job_that_can_never_run_fails(backend: AgentBackend, cluster: ProcessCluster):
    """It does not wait for ever, and says what is missing."""
    for number, (fields, lacking) in enumerate([({"num_nodes": 3}, "nodes"), ({"gpus": 64}, "GPUs")], 1):
        assert await backend.submit(cluster, job("true", **fields)) == number
        ended = await backend.wait(cluster, number)
        assert ended.state is JobState.FAILED
        assert lacking in ended.reason


async def test_every_node_gives_a_sample(backend: AgentBackend, pair: ProcessCluster):
    """Of itself, by rank."""
    samples = await backend.metrics(pair)
    assert [sample.rank for sample in samples] == [0, 1]
    assert all(0 < sample.memory_used <= sample.memory_total for sample in samples)


async def test_what_is_left_of_a_cluster_gives_samples(backend: AgentBackend, pair: ProcessCluster):
    """Of the ranks that there are, also without the head: so it is known that they were set up."""
    pair.nodes = pair.nodes[1:]
    assert [sample.rank for sample in await backend.metrics(pair)] == [1]


async def test_a_cluster_that_is_idle_stops_itself(backend: AgentBackend, pair: ProcessCluster):
    """Every node, by its own command, as the policy that was set last says."""
    await backend.autostop(pair, Autostop(idle_minutes=0, down=False, wait_for="none"))
    await backend.autostop(pair, None)
    await backend.autostop(pair, Autostop(idle_minutes=0, down=True, wait_for="jobs"))
    await backend.wait(pair, await backend.submit(pair, job("true")))
    await until(lambda: pair.self_stops() == {0: "down", 1: "down"})


async def test_secrets_reach_the_job_and_no_file_or_process_list(backend: AgentBackend, cluster: ProcessCluster):
    """They are in its environment alone."""
    number = await backend.submit(
        cluster, job('[ "$TOKEN" = hush-$((1+1)) ] && echo got it; sleep 0.3', secrets={"TOKEN": "hush-2"})
    )
    lines = " ".join(cluster.processes().values())
    assert await output(backend, cluster, number) == {0: "got it\n"}
    await backend.wait(cluster, number)
    files = [path for path in cluster.root.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if b"hush-2" in path.read_bytes()]
    assert "hush-2" not in lines


async def test_a_cluster_that_was_never_prepared_says_so(backend: AgentBackend):
    """With the command that helps."""
    async with process_cluster() as bare:
        with pytest.raises(BackendError, match="no agent of this cluster") as caught:
            await backend.submit(bare, job("true"))
        assert f"styx launch -c {bare.name}" in (caught.value.hint or "")
        with pytest.raises(BackendError):
            await backend.metrics(bare)


@pytest.mark.parametrize("field", ["name", "run", "setup", "workdir", "task_id"])
async def test_hostile_text_in_a_job_does_no_harm(backend: AgentBackend, cluster: ProcessCluster, field: str):
    """It is refused, or the job runs; either way the agent lives on."""
    for text in ("\0", "\ud800", "x\n\x1b[31m'\"$(id)", "../../..", "-" * 5000):
        try:
            number = await backend.submit(
                cluster, JobSpec(**{"key": f"{field}{text!r}"[:90], "run": "true", field: text})
            )
        except BackendError:
            continue
        ended = await backend.wait(cluster, number)
        assert ended.state.ended
        assert re.fullmatch(r"[^\x00-\x1f]*", ended.name)
    assert await backend.metrics(cluster)
    assert not Path(cluster.root.parent, "'").exists()
