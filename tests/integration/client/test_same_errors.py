"""What goes wrong is the same error, whether it was raised in this process or at a server."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from styx.api.backend import Autostop
from styx.api.errors import StyxError
from styx.client.protocol import Client, LaunchOptions
from styx.dags.model import RunOptions
from styx.engine.storage import Mode
from styx.jobs.model import JobOptions
from styx.spec import Dag, Resources, Task
from styx.store import Store
from styx.store.managed import JobQuery
from styx.store.records import Operation
from styx.store.states import ClusterState
from support.records import HOLDER, NOW, cluster
from support.sides import Side

LOCAL = Resources.from_dict({"infra": "local"})
HELLO = Task("hello", run="echo hello").resources(LOCAL)
HUGE = Task("huge", run="true").resources(Resources.from_dict({"infra": "local", "cpus": "999+"}))
NOWHERE = Task("t", run="true", workdir="/nowhere/at/all").resources(LOCAL)
NEW = LaunchOptions(cluster="new")

CALLS: dict[str, Callable[[Client], Any]] = {
    "stop what is not there": lambda c: c.stop("nope"),
    "start what is not there": lambda c: c.start("nope"),
    "remove what is not there": lambda c: c.down("nope"),
    "forget what is not there": lambda c: c.down("nope", forget=True),
    "exec on what is not there": lambda c: c.exec(HELLO, "nope"),
    "the queue of what is not there": lambda c: c.queue("nope"),
    "logs of what is not there": lambda c: [*c.logs("nope")],
    "a terminal on what is not there": lambda c: c.shell("nope"),
    "autostop of what is not there": lambda c: c.autostop("nope", None),
    "cancel on what is not there": lambda c: c.cancel("nope", None),
    "what none can be called": lambda c: c.stop("no such/thing"),
    "a job that is not there": lambda c: c.job("dev", 99),
    "logs of a job that is not there": lambda c: [*c.logs("dev", 99)],
    "wait for a job that is not there": lambda c: c.wait("dev", 99),
    "a rank that is not there": lambda c: [*c.logs("dev", 1, rank=7)],
    "a terminal on a rank that is not there": lambda c: c.shell("dev", 7),
    "a cluster that is busy": lambda c: c.stop("held"),
    "launch on a cluster that is busy": lambda c: c.launch(HELLO, LaunchOptions(cluster="held")),
    "a cluster that is not up": lambda c: c.exec(HELLO, "halted"),
    "a cluster that is too small": lambda c: c.launch(HELLO.nodes(5), LaunchOptions(cluster="dev")),
    "a name that none can have": lambda c: c.launch(HELLO, LaunchOptions(cluster="9 lives")),
    "explain for a name that none can have": lambda c: c.explain(HELLO, LaunchOptions(cluster="9 lives")),
    "a machine that nobody has": lambda c: c.launch(HUGE, NEW),
    "an account that nobody has": lambda c: c.launch(HELLO, replace(NEW, account="ours")),
    "a cloud that is not there": lambda c: c.launch(Task(run="true", resources={"infra": "moon"}), NEW),
    "files that are not there": lambda c: c.launch(NOWHERE, NEW),
    "a secret without a value": lambda c: c.launch(HELLO.secrets({"T": None}), NEW),
    "a secret that nobody knows": lambda c: c.launch(HELLO.secrets({"T": {"ref": "vault:a/b"}}), NEW),
    "an absolute path on this machine": lambda c: c.exec(Task(run="true", file_mounts={"/x": "/etc/hostname"}), "dev"),
    "a store that is not there": lambda c: c.exec(Task(run="true", file_mounts={"x": "moon://b/k"}), "dev"),
    "autostop that makes no sense": lambda c: c.autostop("dev", Autostop(-5)),
    "a policy of a cloud that is not there": lambda c: c.policy("moon"),
    "a policy that is not told": lambda c: c.policy("local"),
    "plan a dag that fits nowhere": lambda c: c.plan_dag(_dag(HUGE), RunOptions()),
    "run a dag that fits nowhere": lambda c: c.run_dag(_dag(HUGE), RunOptions(), lambda *_: None),
    "run a dag without tasks": lambda c: c.run_dag(Dag("empty"), RunOptions(), lambda *_: None),
    "objects of a bucket that is not there": lambda c: c.storage.objects("file://nope"),
    "an object that is not there": lambda c: c.storage.find("file://nope/k"),
    "objects of a store that is not there": lambda c: c.storage.objects("moon://b"),
    "a URI that is none": lambda c: c.storage.objects("nope"),
    "copy from a path to a path": lambda c: c.storage.plan("/a", "/b", Mode()),
    "copy what is not there": lambda c: c.storage.plan("/nowhere", "file://b/k", Mode()),
    "copy to a store that is not there": lambda c: _copied(c, "/etc/hostname", "moon://b/k"),
    "copy to a bucket that is not there": lambda c: _copied(c, "/etc/hostname", "file://nope/k"),
    "a bucket that none is called": lambda c: c.storage.named(["nope"]),
    "a bucket with a key": lambda c: c.storage.create("file://b/k"),
    "delete a bucket with a key": lambda c: c.storage.delete("file://b/k"),
    "an address that there is not": lambda c: c.storage.presign("file://b/k", 60),
    "an address for a bucket": lambda c: c.storage.presign("file://b", 60),
    "a managed job that is not there": lambda c: c.jobs.get(99),
    "events of a managed job that is not there": lambda c: c.jobs.events(99),
    "logs of a managed job that is not there": lambda c: [*c.jobs.logs(99)],
    "cancel a managed job that is not there": lambda c: c.jobs.cancel([99]),
    "wait for a managed job that is not there": lambda c: c.jobs.wait(99),
    "a managed job with a strategy of nobody": lambda c: c.jobs.submit(HELLO, JobOptions(strategy="luck")),
    "a managed dag with a strategy of nobody": lambda c: c.jobs.submit_dag(_dag(HELLO), JobOptions(strategy="luck")),
    "a managed job that is too important": lambda c: c.jobs.submit(HELLO, JobOptions(priority=5000)),
    "a managed job with a limit that is none": lambda c: c.jobs.submit(HELLO, JobOptions(timeout=-1)),
    "a managed job whose URL is none": lambda c: c.jobs.submit(HELLO, JobOptions(on_failure=("ftp://example.org",))),
    "an array of none": lambda c: c.jobs.submit(HELLO, JobOptions(), count=0),
    "a managed job whose files are not there": lambda c: c.jobs.submit(NOWHERE, JobOptions()),
    "a managed job with nothing to run": lambda c: c.jobs.submit(Task("idle"), JobOptions()),
    "a managed job without its secret": lambda c: c.jobs.submit(HELLO.secrets({"T": None}), JobOptions()),
    "a managed dag without tasks": lambda c: c.jobs.submit_dag(Dag("empty"), JobOptions()),
    "managed jobs by what has no index": lambda c: c.jobs.list(JobQuery(name="a", pool="b")),
}


def _dag(task: Task) -> Dag:
    dag = Dag("d")
    dag.add(task)
    return dag


def _copied(client: Client, source: str, target: str) -> None:
    client.storage.carry_out(client.storage.plan(source, target, Mode()), lambda _: None)


@pytest.fixture(scope="module")
def ready(sides: Mapping[str, Side]) -> Iterator[Mapping[str, Side]]:
    """Both, with a cluster that is up and has a job, one that is stopped, and one that somebody else works on."""
    for side in sides.values():
        with side.client() as client:
            client.launch(HELLO, LaunchOptions(cluster="dev"))
            client.launch(HELLO, LaunchOptions(cluster="halted"))
            client.stop("halted")
        store = Store.open(home=side.home)
        by_another = Operation("stop", HOLDER, NOW + timedelta(days=36500))
        record = cluster("held", ClusterState.UP, operation=by_another)
        store.clusters.create(replace(record, created_at=store.now(), updated_at=store.now()))
        store.close()
    yield sides
    for side in sides.values():
        with sqlite3.connect(side.home / "state.db") as database:
            database.execute("DELETE FROM clusters WHERE name = 'held'")


@pytest.mark.parametrize("what", CALLS)
def test_same_error(ready: Mapping[str, Side], what: str) -> None:
    """Class, message, hint, fields and exit code of an error are the same with both clients."""
    embedded, remote = (_error(side, CALLS[what]) for side in ready.values())
    assert remote == embedded


def _error(side: Side, call: Callable[[Client], Any]) -> tuple[str, int, str]:
    with side.client() as client, pytest.raises(StyxError) as caught:
        call(client)
    text = repr(caught.value.to_wire())
    for place, name in ((side.home, "HOME"), (Path(side.environment["STYX_HOME"]), "HOME")):
        text = text.replace(str(place), name)
    return type(caught.value).__name__, caught.value.exit_code, text
