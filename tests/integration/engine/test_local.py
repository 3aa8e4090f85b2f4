"""From a task to its output and away again, on real processes."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from styx.api import (
    Autostop,
    BackendError,
    BadInput,
    Cluster,
    ClusterBusy,
    ClusterNotFound,
    ClusterNotUp,
    JobState,
    NoOffer,
)
from styx.api.launch import Prepared, Receipt
from styx.builtin.agent.backend import AgentBackend
from styx.builtin.local.cloud import LocalCloud
from styx.client.embedded import EmbeddedClient
from styx.client.protocol import LaunchOptions
from styx.spec import Resources, Task
from styx.store.records import AttemptState
from styx.store.states import ClusterState
from support.local_nodes import assert_nothing_left, node_processes

pytestmark = pytest.mark.timeout(120)

HELLO = Task("hello").run("echo 'Hello!'")


def output(client: EmbeddedClient, name: str, job: int | None = None) -> str:
    """All that a job writes until it has ended."""
    return b"".join(chunk.data for chunk in client.logs(name, job)).decode()


def launch(client: EmbeddedClient, task: Task, name: str = "c", **options: object) -> int:
    """Launch and give the job's number."""
    result = client.launch(task, LaunchOptions(cluster=name, **options))
    assert result.cluster == name
    assert result.job_id is not None
    return result.job_id


def test_hello(client: EmbeddedClient, home: Path) -> None:
    """A task runs on a new cluster, its output streams, its exit code is 0, and down leaves nothing."""
    job = launch(client, HELLO)
    assert output(client, "c", job) == "Hello!\n"
    assert client.wait("c", job).exit_code == 0
    (record,) = client.status()
    assert (record.state, record.cloud, record.task_name) == (ClusterState.UP, "local", "hello")
    client.down("c")
    assert client.status() == []
    assert_nothing_left(home)
    assert [event.to_state for event in client.history("c")][:4] == ["planning", "provisioning", "setting_up", "up"]


@pytest.mark.parametrize("code", [1, 3, 42])
def test_exit_codes(client: EmbeddedClient, code: int) -> None:
    """What the script exits with is what the job ends with."""
    job = launch(client, HELLO.run(f"exit {code}"))
    ended = client.wait("c", job)
    assert (ended.state, ended.exit_code) == (JobState.FAILED, code)


def test_a_setup_that_fails(client: EmbeddedClient) -> None:
    """The job ends as failed in setup with its output and code; the run script never starts."""
    job = launch(client, HELLO.setup("echo preparing; exit 7").run("echo never"))
    text = output(client, "c", job)
    ended = client.wait("c", job)
    assert (ended.state, ended.exit_code) == (JobState.FAILED_SETUP, 7)
    assert "preparing" in text
    assert "never" not in text


def test_exec_runs_without_setup(client: EmbeddedClient) -> None:
    """A second task on the same cluster skips setup and finds the files of the first."""
    client.wait("c", launch(client, HELLO.setup("echo set up").run("echo mine > here.txt")))
    result = client.exec(HELLO.setup("echo again").run("cat here.txt"), "c")
    assert output(client, "c", result.job_id) == "mine\n"
    assert [job.id for job in client.queue("c")] == [2, 1]
    assert client.job("c").id == 2


def test_workdir_and_mounts(client: EmbeddedClient, tmp_path: Path) -> None:
    """The working directory and mounted files are on the node, and the script runs in the former."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "a.txt").write_text("from the workdir\n")
    (tmp_path / "b.txt").write_text("mounted\n")
    task = HELLO.workdir(tmp_path / "work").mount("~/data/b.txt", tmp_path / "b.txt").run("cat a.txt ~/data/b.txt")
    assert output(client, "c", launch(client, task)) == "from the workdir\nmounted\n"


def test_missing_files_create_nothing(client: EmbeddedClient, tmp_path: Path) -> None:
    """A workdir that is not there is an error before anything is made."""
    with pytest.raises(BadInput):
        client.launch(HELLO.workdir(tmp_path / "nowhere"), LaunchOptions(cluster="c"))
    assert client.status() == []
    assert client.history("c") == []


def test_stop_and_start_keep_the_files(client: EmbeddedClient, home: Path) -> None:
    """A stopped cluster runs nothing, and its files are there when it is back."""
    client.wait("c", launch(client, HELLO.run("echo kept > ~/file; sleep 0")))
    client.stop("c")
    client.stop("c")
    assert client.status()[0].state is ClusterState.STOPPED
    assert node_processes(home) == {}
    with pytest.raises(ClusterNotUp, match="stopped"):
        client.exec(HELLO, "c")
    client.start("c")
    client.start("c")
    assert client.status()[0].state is ClusterState.UP
    assert output(client, "c", client.exec(HELLO.run("cat ~/file"), "c").job_id) == "kept\n"


def test_launch_brings_a_stopped_cluster_back(client: EmbeddedClient) -> None:
    """Launching on a stopped cluster starts it, with its files."""
    client.wait("c", launch(client, HELLO.run("echo kept > ~/file")))
    client.stop("c")
    assert output(client, "c", launch(client, HELLO.run("cat ~/file"))) == "kept\n"


def test_down_ends_what_runs(client: EmbeddedClient, home: Path) -> None:
    """Jobs that run, and their children that hide in sessions of their own, are gone with the cluster."""
    launch(client, HELLO.run("setsid sleep 1000 & setsid nohup sleep 1001 >/dev/null & sleep 1002"))
    deadline = time.monotonic() + 10
    while len([c for c in node_processes(home).values() if "sleep 100" in c]) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    client.down("c")
    assert_nothing_left(home)


def test_a_gang_of_two(client: EmbeddedClient, home: Path) -> None:
    """Both nodes run the script at once and know each other; one that fails ends the other."""
    job = launch(client, HELLO.nodes(2).run('echo "rank $STYX_NODE_RANK of $STYX_NUM_NODES"'))
    assert sorted(output(client, "c", job).splitlines()) == ["rank 0 of 2", "rank 1 of 2"]
    assert [node.rank for node in client.nodes("c")] == [0, 1]
    bad = client.exec(HELLO.nodes(2).run('test "$STYX_NODE_RANK" = 1 && exit 5; sleep 100'), "c").job_id
    assert bad is not None
    ended = client.wait("c", bad)
    assert (ended.state, ended.exit_code) == (JobState.FAILED, 5)
    client.down("c")
    assert_nothing_left(home)


def test_cancel(client: EmbeddedClient) -> None:
    """A job that is cancelled ends as such; cancelling again cancels nothing."""
    job = launch(client, HELLO.run("sleep 1000"))
    assert client.cancel("c", [job]) == [job]
    assert client.wait("c", job).state is JobState.CANCELLED
    assert client.cancel("c", None) == []


def test_autostop_removes_the_cluster(client: EmbeddedClient, home: Path) -> None:
    """With nothing to do the cluster removes itself, and status says that it is gone."""
    job = launch(client, HELLO.run("sleep 3"), autostop=Autostop(0, down=True))
    assert client.wait("c", job).exit_code == 0
    deadline = time.monotonic() + 60
    while client.status() and time.monotonic() < deadline:
        time.sleep(0.5)
    assert client.status() == []
    assert_nothing_left(home)
    assert client.history("c")[-1].reason == "removed itself by autostop"
    with pytest.raises(ClusterNotFound):
        client.queue("c")


def test_autostop_stops_the_cluster(client: EmbeddedClient, home: Path) -> None:
    """A cluster that stopped itself is seen as stopped and can be brought back; the policy does not come back."""
    job = launch(client, HELLO.run("echo kept > ~/file; sleep 3"), autostop=Autostop(0))
    client.wait("c", job)
    deadline = time.monotonic() + 60
    while client.status()[0].state is not ClusterState.STOPPED and time.monotonic() < deadline:
        time.sleep(0.5)
    assert client.status()[0].state is ClusterState.STOPPED
    assert client.history("c")[-1].reason == "stopped by autostop"
    assert node_processes(home) == {}
    client.start("c")
    (record,) = client.status()
    assert (record.state, record.autostop) == (ClusterState.UP, None)
    assert output(client, "c", client.exec(HELLO.run("cat ~/file"), "c").job_id) == "kept\n"


def test_twenty_at_once(client: EmbeddedClient) -> None:
    """Twenty launches from one process all run, each on a cluster of its own."""

    def one(number: int) -> str:
        name = f"c{number}"
        return output(client, name, launch(client, HELLO.run(f"echo {number}"), name))

    with ThreadPoolExecutor(20) as threads:
        assert list(threads.map(one, range(20))) == [f"{number}\n" for number in range(20)]
    assert len(client.status()) == 20
    with ThreadPoolExecutor(20) as threads:
        list(threads.map(client.down, [f"c{number}" for number in range(20)]))


def test_logs_are_downloaded(client: EmbeddedClient, tmp_path: Path) -> None:
    """Each rank's output lands in a file of its own, and a second download does not double it."""
    job = launch(client, HELLO.nodes(2).run("echo rank $STYX_NODE_RANK"))
    client.wait("c", job)
    for _ in range(2):
        files = client.download_logs("c", [], tmp_path)
        assert [path.read_text() for path in sorted(files)] == ["rank 0\n", "rank 1\n"]


def test_what_cannot_be_had(client: EmbeddedClient) -> None:
    """Resources that this machine lacks are refused with the reason, as is a second account; nothing is made."""
    with pytest.raises(NoOffer, match="local"):
        client.launch(HELLO.resources(Resources().gpu("NoSuchGPU", 8)), LaunchOptions(cluster="c"))
    with pytest.raises(BadInput, match="no account 'other'"):
        client.launch(HELLO, LaunchOptions(cluster="c", account="other"))
    with pytest.raises(BadInput, match="not a cluster name"):
        client.launch(HELLO, LaunchOptions(cluster="-x"))
    assert client.status() == []


def test_a_dry_run_makes_nothing(client: EmbeddedClient, home: Path) -> None:
    """The choices are shown, and no cluster is."""
    assert client.explain(HELLO, LaunchOptions(cluster="c")).choices[0].offer.cloud == "local"
    assert client.status() == []
    assert node_processes(home) == {}


def test_a_secret_stays_secret(client: EmbeddedClient, home: Path) -> None:
    """The job has its secret; neither the database nor any file or command line on the node does."""
    secret = "s3cr3t-value-9"
    job = launch(client, HELLO.secrets(TOKEN=secret).run('printf %s "$TOKEN" | tr a-z A-Z; sleep 2'))
    while client.job("c", job).state is not JobState.RUNNING:
        time.sleep(0.02)
    assert all(secret not in command for command in node_processes(home).values())
    written = [path for path in home.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert written == []
    assert output(client, "c", job) == secret.upper()


def test_machines_that_come_after_another_client_has_removed_the_cluster_go(
    client: EmbeddedClient, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that was suspended in the midst of asking for machines gives them back when it wakes."""
    original = LocalCloud.launch

    def suspended(self: LocalCloud, prepared: Prepared) -> Receipt:
        attempts, clusters = client.store.attempts, client.store.clusters  # as the other client's down leaves them
        attempts.settle(prepared.token, AttemptState.CLOSED)
        clusters.remove("c", "removed by the user")
        return original(self, prepared)

    monkeypatch.setattr(LocalCloud, "launch", suspended)
    with pytest.raises(ClusterBusy, match="removed cluster 'c' while its machines were being asked for"):
        launch(client, HELLO)
    assert client.status() == []
    assert client.store.attempts.tombstones() == []
    assert_nothing_left(home)


def test_a_runtime_that_comes_after_another_client_has_removed_the_cluster_goes(
    client: EmbeddedClient, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that was suspended before it set the nodes up leaves no agent on what is there no more."""
    original = AgentBackend.prepare

    async def suspended(self: AgentBackend, cluster: Cluster) -> None:
        record = client.store.clusters.get("c")
        assert record is not None
        assert record.operation is not None
        client.store.clusters.release("c", record.operation.holder)  # as if its lease had run out
        other = EmbeddedClient()
        await asyncio.to_thread(other.down, "c")
        other.close()
        await original(self, cluster)

    monkeypatch.setattr(AgentBackend, "prepare", suspended)
    with pytest.raises(ClusterNotFound):
        launch(client, HELLO)
    assert_nothing_left(home)


def agents(home: Path) -> dict[int, str]:
    """The agents of all nodes."""
    return {pid: command for pid, command in node_processes(home).items() if "main.py daemon" in command}


def kill_agents(home: Path) -> None:
    """Kill the agents of all nodes; they are dead when this returns."""
    while pids := agents(home):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


PAIR = Task("pair").nodes(2).run("echo rank $STYX_NODE_RANK")


@pytest.mark.parametrize("how", ["launch", "exec"])
def test_agents_that_died_are_woken(client: EmbeddedClient, home: Path, how: str) -> None:
    """After a reboot of its nodes a job on all of them runs, though nothing starts agents at boot."""
    output(client, "c", launch(client, PAIR))
    kill_agents(home)
    number = launch(client, PAIR) if how == "launch" else client.exec(PAIR, "c").job_id
    assert sorted(output(client, "c", number).split("\n")) == ["", "rank 0", "rank 1"]


@pytest.mark.parametrize("what", ["the table of jobs", "the whole runtime"])
def test_launch_sets_up_again_what_nodes_have_lost(client: EmbeddedClient, home: Path, what: str) -> None:
    """A cluster on record as up whose nodes do not know it any more is usable after a launch, as the error says."""
    output(client, "c", launch(client, PAIR))
    kill_agents(home)
    for runtime in home.glob("local/nodes/*/*/home/.styx"):
        if what == "the whole runtime":
            shutil.rmtree(runtime)
        for path in runtime.glob("clusters/*/*/jobs.db*"):
            path.unlink()
    with pytest.raises(BackendError):
        client.exec(PAIR, "c")
    number = launch(client, PAIR.run("echo again $STYX_NODE_RANK"))
    assert sorted(output(client, "c", number).split("\n")) == ["", "again 0", "again 1"]
