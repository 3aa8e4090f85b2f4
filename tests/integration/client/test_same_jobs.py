"""Managed jobs, with a client that writes them into its own home and with one that asks a server."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from styx.api.errors import StyxError
from styx.client.protocol import Client
from styx.jobs.model import JobOptions
from styx.spec import Dag, Resources, Task
from styx.store import Store
from styx.store.managed import JobQuery, ManagedState
from support.sides import Side

LOCAL = Resources.from_dict({"infra": "local"})


def test_one_job(client: Client, tmp_path: Path) -> None:
    """A job is handed in with its files, watched, and looked at afterwards: its output, its past and its exit code."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "say.sh").write_text("echo said $1 ${#T}; exit 4")
    task = Task("say", run="sh say.sh it", workdir="src", secrets={"T": "hunter2hunter2"}, base_dir=tmp_path)
    (job,) = client.jobs.submit(task.resources(LOCAL), JobOptions(max_restarts=0), key="once")
    assert [each.id for each in client.jobs.submit(task.resources(LOCAL), JobOptions(max_restarts=0), key="once")] == [
        job.id
    ]
    assert b"".join(client.jobs.logs(job.id)) == b"said it 14\n"
    ended = client.jobs.wait(job.id)
    assert (ended.state, ended.exit_code, ended.name) == (ManagedState.FAILED, 4, "say")
    assert b"".join(client.jobs.logs(job.id, follow=False, offset=5)) == b"it 14\n"
    events = client.jobs.events(job.id)
    assert [event.to_state for event in events if event.kind == "state"][-1] == "failed"
    assert "hunter2" not in repr([client.jobs.get(job.id), events])


def test_an_array_and_its_end(client: Client) -> None:
    """The jobs of an array have ranks, are listed newest first, page by page, and are cancelled together."""
    jobs = client.jobs.submit(
        Task("many", run="echo $STYX_JOB_RANK; sleep 600").resources(LOCAL), JobOptions(), count=3
    )
    assert [job.rank for job in jobs] == [0, 1, 2]
    group = jobs[0].group
    newest = client.jobs.list(JobQuery(group=group, limit=2))
    assert [job.id for job in newest] == [jobs[2].id, jobs[1].id]
    assert [job.id for job in client.jobs.list(JobQuery(group=group, after=newest[-1].id))] == [jobs[0].id]
    assert next(iter(client.jobs.logs(jobs[1].id))) == b"1\n"
    assert sorted(client.jobs.cancel([job.id for job in jobs])) == [job.id for job in jobs]
    assert {client.jobs.wait(job.id).state for job in jobs} == {ManagedState.CANCELLED}
    assert client.jobs.cancel([jobs[0].id]) == []


def test_a_page_of_large_jobs(client: Client) -> None:
    """It is all that was asked for, also where a server gives it in parts; without tasks, for who needs none."""
    large = Task("large", run="true", envs={"X": "x" * 1_900_000}, resources={"infra": "local", "cpus": "9999+"})
    jobs = client.jobs.submit(large, JobOptions(), count=7)
    query = JobQuery(group=jobs[0].group, oldest_first=True)
    assert [job.id for job in client.jobs.list(query)] == [job.id for job in jobs]
    assert [job.id for job in client.jobs.list(replace(query, limit=6))] == [job.id for job in jobs[:6]]
    assert [job.task for job in client.jobs.list(replace(query, brief=True))] == [{}] * 7
    client.jobs.cancel([job.id for job in jobs])


def test_a_dag_of_jobs(client: Client) -> None:
    """The tasks of a Dag are a group in which each waits for those it comes after, and gets what they hand on.

    One whose condition does not come true is skipped, and the others of a job group end with its primary tasks.
    """
    with Dag("flow", execution="parallel", options={"primary_tasks": ["use"]}) as dag:
        make = Task("make", run='echo "N=7" >> $STYX_OUTPUTS', output_names=["N"]).resources(LOCAL)
        make >> Task("use", run="test $N = 7").env(N=make.output("N")).resources(LOCAL)
        make >> Task("other", run="true").when(f"{make.output('N')} == 8").resources(LOCAL)
        dag.add(Task("server", run="sleep 1000").resources(LOCAL))
    jobs = client.jobs.submit_dag(dag, JobOptions())
    assert [job.name for job in jobs] == ["make", "use", "other", "server"]
    ended = [client.jobs.wait(job.id) for job in jobs]
    assert [job.state for job in ended] == [
        ManagedState.SUCCEEDED,
        ManagedState.SUCCEEDED,
        ManagedState.SKIPPED,
        ManagedState.CANCELLED,
    ]
    assert all(job.good for job in ended)


@pytest.mark.parametrize(
    "task",
    [Task("idle").resources(LOCAL), Task("t", run="true", workdir="/nowhere"), Task(run="true", secrets={"T": None})],
)
def test_what_cannot_run_is_refused(client: Client, task: Task) -> None:
    """A job without a script, or whose files or secrets are missing, is refused with exit code 2."""
    with pytest.raises(StyxError) as caught:
        client.jobs.submit(task, JobOptions())
    assert (caught.value.code, caught.value.exit_code) == ("invalid_task", 2)


def test_what_a_job_costs_while_it_runs(client: Client, side: Side) -> None:
    """The cost so far is told of a job alone and in lists, and goes up with what its cluster is billed for."""
    (job,) = client.jobs.submit(Task("dear", run="echo there; sleep 600").resources(LOCAL), JobOptions())
    assert next(iter(client.jobs.logs(job.id))) == b"there\n"
    cluster = client.jobs.get(job.id).cluster
    with closing(Store.open(home=side.home)) as store:
        store.clusters.update(cluster, hourly_cost=Decimal(3600 * 1000))
    time.sleep(0.1)
    alone = client.jobs.get(job.id).cost
    (listed,) = [each.cost for each in client.jobs.list(JobQuery(limit=5, brief=True)) if each.id == job.id]
    client.jobs.cancel([job.id])
    ended = client.jobs.wait(job.id).cost
    assert alone is not None
    assert listed is not None
    assert ended is not None
    assert 100 < alone < listed < ended
