"""What a client does, whether its engine runs in the same process or a server has it."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from styx.api.backend import Autostop, JobState, LogChunk
from styx.client.protocol import Client, LaunchOptions
from styx.dags.model import RunOptions
from styx.dags.schedule import TaskState
from styx.engine.storage import Mode
from styx.spec import Dag, Resources, Task
from support.sides import Side

LOCAL = Resources.from_dict({"infra": "local"})
HELLO = Task("hello", run="echo hello; echo world").resources(LOCAL)
DEV = LaunchOptions(cluster="dev")
TWO = LaunchOptions(cluster="two")


@pytest.fixture
def dev(client: Client) -> Client:
    """A client of an installation with a cluster ``dev`` that is up."""
    if not any(record.state == "up" for record in client.status(["dev"])):
        client.launch(HELLO, DEV)
    return client


def output(client: Client, cluster: str, job: int | None, **how: object) -> str:
    """What a job has written, all its ranks one after the other."""
    ranks: dict[int, bytes] = {}
    for chunk in client.logs(cluster, job, **how):  # type: ignore[arg-type]
        ranks[chunk.rank] = ranks.get(chunk.rank, b"") + chunk.data
    return b"".join(data for _, data in sorted(ranks.items())).decode()


def test_from_launch_to_removal(client: Client) -> None:
    """A cluster is made, works, is billed, stopped, started and removed, and all of it is on record."""
    heard: list[str] = []
    result = client.launch(HELLO, LaunchOptions(cluster="life"), lambda phase, _: heard.append(phase))
    assert (result.cluster, result.job_id, result.created) == ("life", 1, True)
    assert [*dict.fromkeys(heard)] == ["plan", "time", "provision", "agent", "submit"]
    assert output(client, "life", 1) == "hello\nworld\n"
    ended = client.wait("life", 1)
    assert (ended.name, ended.state, ended.exit_code, dict(ended.ranks)) == ("hello", JobState.SUCCEEDED, 0, {0: 0})
    assert client.job("life") == client.job("life", 1) == ended
    assert client.launch(HELLO, LaunchOptions(cluster="life")).created is False
    (record,) = client.status(["life"])
    assert (record.state, record.cloud, record.num_nodes, record.hourly_cost) == ("up", "local", 1, Decimal(0))
    assert [node.rank for node in client.nodes("life")] == [0]
    assert dict(client.billed()) == {**client.billed(), "life": Decimal(0)}
    client.autostop("life", Autostop(30, down=True))
    assert client.status(["life"])[0].autostop == Autostop(30, down=True)
    client.stop("life")
    assert [record.state for record in client.status(["life"])] == ["stopped"]
    client.start("life", Autostop(60))
    assert client.status(["life"])[0].autostop == Autostop(60)
    assert client.status(["life", "no such thing"], refresh=True)[0].state == "up"
    client.down("life")
    assert client.status(["life"]) == []
    assert client.history("life")[0].kind == "created"
    assert client.history("life")[-1].kind == "removed"
    assert [bill.state for bill in client.costs(1).bills if bill.cluster == "life"] == ["gone"]
    assert client.costs().cost == 0


def test_following_a_job(dev: Client) -> None:
    """Output is followed as it comes, and can be begun anywhere: at a byte of each rank, or with the last lines."""
    number = dev.exec(Task(run="for i in 1 2 3 4; do echo $i; sleep 0.1; done"), "dev").job_id
    assert number is not None
    first = next(iter(dev.logs("dev", number)))
    assert isinstance(first, LogChunk)
    assert (first.rank, first.offset) == (0, 0)
    assert output(dev, "dev", number) == "1\n2\n3\n4\n"
    assert output(dev, "dev", number, follow=False, tail=2) == "3\n4\n"
    assert output(dev, "dev", None, follow=False, offsets={0: 6}) == "4\n"


def test_several_nodes(client: Client) -> None:
    """A task on two nodes has the output and exit code of each rank, and can be looked at rank by rank."""
    late = "echo rank $STYX_NODE_RANK; sleep $STYX_NODE_RANK; exit $STYX_NODE_RANK"  # a rank that fails ends the others
    task = Task(run=late).nodes(2).resources(LOCAL)
    number = client.launch(task, TWO).job_id
    assert number is not None
    ended = client.wait("two", number)
    assert ended.state == JobState.FAILED
    assert ended.exit_code == 1
    assert output(client, "two", number) == "rank 0\nrank 1\n"
    assert output(client, "two", number, rank=1) == "rank 1\n"
    client.down("two")


def test_the_queue_and_its_end(dev: Client, tmp_path: Path) -> None:
    """Jobs are listed newest first, are cancelled once, and their logs are downloaded."""
    number = dev.exec(Task("long", run="echo begun; sleep 60"), "dev").job_id
    assert number is not None
    assert [job.id for job in dev.queue("dev")] == [*range(number, 0, -1)]
    next(iter(dev.logs("dev", number)))
    assert dev.cancel("dev", [number]) == [number]
    assert dev.cancel("dev", [number]) == []
    assert dev.cancel("dev", None) == []
    assert dev.wait("dev", number).state == JobState.CANCELLED
    (path,) = dev.download_logs("dev", [number], tmp_path)
    assert path == tmp_path / "dev" / f"job-{number}" / "rank-0.log"
    assert path.read_text().startswith("begun\n")


def test_files_come_along(dev: Client, tmp_path: Path) -> None:
    """The working directory and local mounts are on the node as they are here, without what is ignored; links too."""
    source = tmp_path / "src"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "run.sh").write_text("echo ran $1\n")
    (source / "sub" / "run.sh").chmod(0o775)
    (source / "sub").chmod(0o750)
    (source / "link").symlink_to("sub/run.sh")
    (source / "junk.tmp").write_text("junk")
    (source / ".gitignore").write_text("*.tmp\n")
    (tmp_path / "data.txt").write_text("data")
    task = Task(
        run="ls; ./link me; stat -c %a sub sub/run.sh; cat in/data.txt ~/renamed",
        workdir="src",
        file_mounts={"in/": "data.txt", "~/renamed": "data.txt"},
        base_dir=tmp_path,
    )
    ran = [dev.exec(task, "dev").job_id for _ in range(2)]
    expected = "in\nlink\nsub\nran me\n750\n775\ndatadata"
    assert [output(dev, "dev", number) for number in ran] == [expected, expected]


def test_secrets_and_variables(dev: Client) -> None:
    """A job has its variables and secrets, and nothing of a secret is in what a client is told afterwards."""
    task = Task(run='echo "$A ${#T}"', envs={"A": "a b"}, secrets={"T": "hunter2hunter2"}).resources(LOCAL)
    number = dev.exec(task, "dev").job_id
    assert output(dev, "dev", number) == "a b 14\n"
    found = dev.explain(task, DEV, not_yet=False)
    assert "hunter2" not in repr([found, dev.status(), dev.queue("dev"), dev.history("dev")])


def test_where_a_task_would_go(client: Client) -> None:
    """What a launch would choose among is told with all that speaks against the rest."""
    found = client.explain(HELLO, LaunchOptions())
    assert [choice.offer.cloud for choice in found.choices] == ["local"]
    assert found.task.name == "hello"
    big = client.explain(Task(run="true").resources(Resources.from_dict({"infra": "local", "cpus": "999+"})), DEV)
    assert big.choices == ()
    assert "999" in big.ruled_out[0].why


def test_what_can_be_used(client: Client) -> None:
    """Clouds, stores and the installation are checked, all or those that are named."""
    (local,) = client.check(["local"])
    assert (local.kind, local.name, local.enabled) == ("cloud", "local", True)
    assert {each.name for each in client.check()} >= {"local", "file"}
    assert {"python", "store", "ssh"} <= {finding.check for finding in client.doctor()}
    found = client.orphans()
    assert (found.orphans, found.unseen) == ((), ())
    assert (client.lost(), client.passed_over(), client.given_up(), client.outdated()) == (None, [], [], None)


def test_orphans_are_adopted_and_discarded(side: Side, client: Client) -> None:
    """A cluster whose record was lost is found and taken up with its jobs; one that was forgotten can be removed."""
    client.launch(HELLO, LaunchOptions(cluster="stray"))
    with sqlite3.connect(side.home / "state.db") as database:
        for table, column in (("clusters", "name"), ("attempts", "cluster"), ("nodes", "cluster")):
            database.execute(f"DELETE FROM {table} WHERE {column} = 'stray'")
    (orphan,) = client.orphans().orphans
    assert (orphan.name, orphan.given_up) == ("stray", False)
    assert client.adopt(orphan).state == "up"
    assert [job.id for job in client.queue("stray")] == [1]
    client.down("stray", forget=True)
    assert client.given_up() == ["stray"]
    (orphan,) = client.orphans().orphans
    client.discard(orphan)
    assert client.orphans().orphans == ()


def test_a_dag(client: Client) -> None:
    """Tasks run after one another with what earlier ones hand on; what happens is reported as it does."""
    with Dag("flow") as dag:
        make = Task("make", run='echo "N=7" >> $STYX_OUTPUTS', output_names=["N"]).resources(LOCAL)
        use = Task("use", run="test $N = 7").env(N=make.output("N")).resources(LOCAL)
        skip = Task("skip", run="true").when("failure").resources(LOCAL)
        make >> use >> skip
    assert client.plan_dag(dag, RunOptions()).cost == 0
    told: list[tuple[str, str]] = []
    result = client.run_dag(dag, RunOptions(name="flow"), lambda task, kind, text: told.append((task, kind)))
    assert result.succeeded
    assert [(task.name, task.state) for task in result.tasks] == [
        ("make", TaskState.SUCCEEDED), ("use", TaskState.SUCCEEDED), ("skip", TaskState.SKIPPED)
    ]  # fmt: skip
    assert result.tasks[0].outputs == {"N": "7"}
    assert ("make", "state") in told
    assert [record.name for record in client.status() if record.name.startswith("flow")] == []


def test_files_in_stores(client: Client, tmp_path: Path) -> None:
    """Buckets are made, filled, listed, compared, read, copied from, emptied and removed."""
    storage = client.storage
    (tmp_path / "up" / "sub").mkdir(parents=True)
    (tmp_path / "up" / "a.txt").write_text("aaa")
    (tmp_path / "up" / "sub" / "b \u00e9#?.txt").write_text("b" * 300_000)
    storage.create("file://things")
    storage.create("file://things")
    moved: list[int] = []
    storage.carry_out(storage.plan(str(tmp_path / "up"), "file://things/k", Mode(recursive=True)), moved.append)
    assert sum(moved) == 300_003
    keys = [thing.key for thing in storage.objects("file://things")]
    assert keys == ["k/a.txt", "k/sub/b \u00e9#?.txt"]
    assert storage.read("file://things/k/a.txt", 10) == b"aaa"
    buckets, problems = storage.buckets()
    assert [(bucket.uri, bucket.objects, bucket.size) for bucket in buckets] == [("file://things", 2, 300_003)]
    assert "file" not in problems
    again = storage.plan(str(tmp_path / "up"), "file://things/k", Mode(sync=True))
    assert (again.plan.moves, again.plan.unchanged) == ((), 2)
    storage.carry_out(storage.plan("file://things/k/", str(tmp_path / "down"), Mode(sync=True)), moved.append)
    assert (tmp_path / "down" / "sub" / "b \u00e9#?.txt").read_text() == "b" * 300_000
    across = storage.plan("file://things/k", "file://things/l", Mode(recursive=True))
    storage.carry_out(across, moved.append)
    storage.remove(storage.find("file://things/k", recursive=True))
    assert [thing.key for thing in storage.objects("file://things")] == ["l/a.txt", "l/sub/b \u00e9#?.txt"]
    assert storage.named(["thin*"]) == ["file://things"]
    storage.delete("file://things")
    assert storage.buckets()[0] == []


def test_a_bucket_of_a_task(dev: Client, tmp_path: Path) -> None:
    """A storage of a task is filled from here and is on the node."""
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "x").write_text("content")
    mounts = {"d": {"name": "task-data", "source": "set", "store": "file", "mode": "COPY"}}
    number = dev.exec(Task(run="cat d/x", file_mounts=mounts, base_dir=tmp_path), "dev").job_id
    assert output(dev, "dev", number) == "content"
    dev.storage.delete("file://task-data")
