"""What the backend lives through, on nodes of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from styx.agent import build
from styx.api import BackendError, Endpoint, JobState, LogChunk
from styx.builtin.agent import install
from styx.builtin.agent.backend import AgentBackend
from styx.testing.cluster import ProcessCluster, process_cluster
from styx.testing.surroundings import services
from styx.transports.process import ProcessTransport
from support.clusters import job, output, until


def agents(cluster: ProcessCluster) -> list[int]:
    """The process ids of the cluster's agents.

    Neither what one has forked off and is about to become a command, nor who is just starting one: our own child, or
    that of the bridge by which the head wakes a peer.
    """
    lines = cluster.processes()
    found = [pid for pid, line in lines.items() if " daemon --state " in line]
    starting = [pid for pid, line in lines.items() if " bridge --socket " in line]
    return [pid for pid in found if _parent(pid) not in {None, os.getpid(), *found, *starting}]


def _parent(pid: int) -> int | None:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return None  # it has just ended


def kill_agents(cluster: ProcessCluster) -> None:
    """Kill all agents of the cluster; their jobs run under shims of their own."""
    for pid in agents(cluster):
        os.kill(pid, signal.SIGKILL)


def files(cluster: ProcessCluster) -> list[Path]:
    """Everything on the cluster's nodes but their homes."""
    homes = [cluster.home(rank) for rank in range(len(cluster.nodes))]
    return [path for path in cluster.root.rglob("*") if path not in homes]


@pytest.fixture
def use_build(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """Call it to have the agent built from other sources from then on; it returns the build."""
    sources = build.sources()

    def use(what: str) -> str:
        monkeypatch.setattr(build, "sources", lambda: {**sources, "later.py": f"# {what}\n".encode()})
        install.archive.cache_clear()
        return install.archive()[0]

    yield use
    install.archive.cache_clear()


async def test_an_agent_killed_in_mid_run_loses_nothing(backend: AgentBackend, cluster: ProcessCluster):
    """The job goes on, whoever follows it sees every byte once, and its end is known."""
    number = await backend.submit(cluster, job("for n in $(seq 60); do echo $n; sleep 0.05; done; exit 7"))
    following = asyncio.create_task(output(backend, cluster, number))
    waiting = asyncio.create_task(backend.wait(cluster, number))
    for _ in range(2):
        await asyncio.sleep(0.5)
        kill_agents(cluster)
    assert await following == {0: "".join(f"{n}\n" for n in range(1, 61))}
    ended = await waiting
    assert (ended.state, ended.exit_code) == (JobState.FAILED, 7)


async def test_the_agents_of_a_gang_may_be_killed_too(backend: AgentBackend, pair: ProcessCluster):
    """The head's own: the ranks go on and are found again."""
    number = await backend.submit(pair, job("for n in $(seq 40); do echo $n; sleep 0.05; done", num_nodes=2))
    following = asyncio.create_task(output(backend, pair, number))
    await asyncio.sleep(0.7)
    head = next(
        pid for pid in agents(pair) if f"HOME={pair.home(0)}".encode() in Path(f"/proc/{pid}/environ").read_bytes()
    )
    os.kill(head, signal.SIGKILL)
    text = "".join(f"{n}\n" for n in range(1, 41))
    assert await following == {0: text, 1: text}
    assert (await backend.wait(pair, number)).state is JobState.SUCCEEDED


async def test_an_agent_that_is_down_is_started_by_the_next_call(backend: AgentBackend, cluster: ProcessCluster):
    """As after a reboot of the machine; what it kept is still there."""
    await backend.wait(cluster, await backend.submit(cluster, job("true")))
    kill_agents(cluster)
    assert [found.state for found in await backend.jobs(cluster)] == [JobState.SUCCEEDED]
    assert len(agents(cluster)) == 1


async def test_an_agent_that_a_peer_has_woken_is_its_own_nodes(backend: AgentBackend, pair: ProcessCluster):
    """On this machine nodes are told apart by what their processes have in their environment."""
    hold = "until [ -e go ]; do sleep 0.05; done"
    await backend.submit(pair, job(hold, cpus=0.75 * (os.cpu_count() or 1)))
    number = await backend.submit(pair, job("echo woken", num_nodes=2, cpus=0.5 * (os.cpu_count() or 1)))
    lock = next(pair.home(1).glob(".styx/clusters/*/1/lock"))
    os.kill(int(lock.read_text()), signal.SIGKILL)
    (pair.home(0) / "go").touch()
    log = lock.parent / "jobs" / f"{number}-1" / "log"
    await until(lambda: log.exists() and log.read_text() == "woken\n")
    environment = Path(f"/proc/{int(lock.read_text())}/environ").read_bytes().split(b"\0")
    assert f"STYX_NODE={pair.nodes[1].name}".encode() in environment
    assert f"HOME={pair.home(1)}".encode() in environment
    assert (await backend.wait(pair, number)).state is JobState.SUCCEEDED


async def test_preparing_again_disturbs_nothing(backend: AgentBackend, pair: ProcessCluster):
    """Neither jobs nor agents."""
    number = await backend.submit(pair, job("echo $$; sleep 1; echo end", num_nodes=2))
    before = agents(pair)
    await asyncio.gather(*(backend.prepare(pair) for _ in range(3)))
    assert sorted(agents(pair)) == sorted(before)
    assert all(text.endswith("end\n") for text in (await output(backend, pair, number)).values())


async def test_two_clients_may_prepare_at_once(tmp_path: Path):
    """Each node ends with one agent, and both clients can work with it."""
    backends = [AgentBackend(services(tmp_path / name)) for name in "ab"]
    async with process_cluster(2) as cluster:
        await asyncio.gather(*(backend.prepare(cluster) for backend in backends))
        assert len(agents(cluster)) == 2
        for backend in backends:
            ended = await backend.wait(cluster, await backend.submit(cluster, job("true", num_nodes=2)))
            assert ended.state is JobState.SUCCEEDED


async def test_another_build_replaces_an_agent_with_running_jobs(
    backend: AgentBackend, use_build: Callable[[str], str]
):
    """The jobs go on, those who follow them are served by the new one, and the old is gone."""
    first = use_build("one")
    async with process_cluster(2) as cluster:
        await backend.prepare(cluster)
        number = await backend.submit(cluster, job("for n in $(seq 40); do echo $n; sleep 0.05; done", num_nodes=2))
        following = asyncio.create_task(output(backend, cluster, number))
        waiting = asyncio.create_task(backend.wait(cluster, number))
        before = agents(cluster)
        assert use_build("two") != first
        await backend.prepare(cluster)
        after = agents(cluster)
        assert len(after) == 2
        assert not set(before) & set(after)
        text = "".join(f"{n}\n" for n in range(1, 41))
        assert await following == {0: text, 1: text}
        assert (await waiting).state is JobState.SUCCEEDED
        assert agents(cluster) == after


async def test_two_clusters_share_a_home(backend: AgentBackend, tmp_path: Path):
    """Each has its own jobs; when one is shut down the other does not notice."""
    async with process_cluster() as one, process_cluster() as other:
        endpoint = one.nodes[0].endpoint
        assert endpoint is not None
        other._transports[0] = ProcessTransport(Endpoint("process", endpoint.options))
        await backend.prepare(one)
        await backend.prepare(other)
        first = await backend.submit(one, job("echo of one; sleep 1; echo end"))
        assert await backend.submit(other, job("sleep 1238")) == first == 1
        await backend.shutdown(other)
        assert not any("sleep 1238" in line for line in one.processes().values())
        assert await output(backend, one, first) == {0: "of one\nend\n"}
        assert files(one)
        await backend.shutdown(one)
        assert files(one) == []


async def test_shutdown_leaves_nothing(backend: AgentBackend, pair: ProcessCluster):
    """No process, not even one that a job has let go; no file, no socket. Twice is as good as once."""
    await backend.submit(pair, job("(setsid sleep 1239 &) ; sleep 1239", num_nodes=2))
    await until(lambda: sum("sleep 1239" in line for line in pair.processes().values()) >= 4)
    sockets = [(await backend._node(pair, rank).places()).socket for rank in (0, 1)]
    assert all(Path(socket).is_socket() for socket in sockets)
    await backend.shutdown(pair)
    assert pair.processes() == {}
    assert files(pair) == []
    assert not any(Path(socket).exists() for socket in sockets)
    await backend.shutdown(pair)
    with pytest.raises(BackendError, match="no agent of this cluster"):
        await backend.jobs(pair)


async def test_shutdown_ends_jobs_whose_agent_was_killed(backend: AgentBackend, pair: ProcessCluster):
    """Only the agent knows them, so it is started once more."""
    await backend.submit(pair, job("sleep 1240", num_nodes=2))
    await until(lambda: sum("sleep 1240" in line for line in pair.processes().values()) >= 2)
    kill_agents(pair)
    await backend.shutdown(pair)
    assert pair.processes() == {}
    assert files(pair) == []


async def test_shutdown_of_what_was_never_prepared_is_fine(backend: AgentBackend):
    """There is nothing to do."""
    async with process_cluster(2) as bare:
        await backend.shutdown(bare)
        assert files(bare) == []


async def test_a_cluster_can_be_set_up_again_after_a_shutdown(backend: AgentBackend, cluster: ProcessCluster):
    """As when it is stopped and started; its jobs begin at one."""
    await backend.wait(cluster, await backend.submit(cluster, job("true")))
    await backend.shutdown(cluster)
    await backend.prepare(cluster)
    assert await backend.submit(cluster, job("true")) == 1


async def test_the_client_may_come_and_go(backend: AgentBackend, cluster: ProcessCluster):
    """Closing the transports in the middle of a run changes nothing; a new client finds the job."""
    number = await backend.submit(cluster, job("echo a; sleep 1; echo b"))
    await cluster.transport(0).close()
    cluster._transports.clear()
    before = asyncio.all_tasks()
    assert await output(backend, cluster, number) == {0: "a\nb\n"}
    await cluster.transport(0).close()
    await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == before


async def test_whoever_stops_reading_leaves_no_connection(backend: AgentBackend, cluster: ProcessCluster):
    """Ctrl-C in the middle of a long output."""
    number = await backend.submit(cluster, job("yes | head -c 3000000; sleep 1241"))
    chunks: list[LogChunk] = []

    async def read() -> None:
        async for chunk in backend.logs(cluster, number):
            chunks.append(chunk)  # noqa: PERF401 - it never ends

    reading = asyncio.create_task(read())
    await until(lambda: sum(len(chunk.data) for chunk in chunks) == 3_000_000)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert len(cluster.transport(0)._streams) == 1  # the one kept for calls
    await backend.cancel(cluster, None)
