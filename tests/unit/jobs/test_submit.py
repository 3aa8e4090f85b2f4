"""Handing managed jobs in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from styx.api import BadInput, InvalidTask
from styx.jobs import urls
from styx.jobs.model import JobOptions
from styx.jobs.submit import about, submit, submit_dag
from styx.sealing import Sealer
from styx.spec import Dag, Task
from styx.store import Store

TASK = Task("train").run("true")
NONE = JobOptions()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A new one."""
    return Store.open(home=tmp_path)


@pytest.fixture
def sealer(tmp_path: Path) -> Sealer:
    """That of its home."""
    return Sealer.open(tmp_path)


def test_the_same_key_is_the_same_submission(store: Store, sealer: Sealer) -> None:
    """Of one job, and of an array, all of which are of one group."""
    (once,) = submit(store, sealer, TASK, NONE, user="me", key="k")
    (again,) = submit(store, sealer, TASK, NONE, user="me", key="k")
    assert (once.id, once.group) == (again.id, "")
    array = submit(store, sealer, TASK, NONE, user="me", count=3, key="a")
    assert [job.id for job in submit(store, sealer, TASK, NONE, user="me", count=3, key="a")] == [2, 3, 4]
    assert {(job.group, job.size) for job in array} == {(array[0].group, 3)}
    assert array[0].group.startswith("train-")
    assert [job.task["envs"]["STYX_JOB_RANK"] for job in array] == ["0", "1", "2"]  # type: ignore[index]


def test_another_submission_under_the_same_key_is_refused(store: Store, sealer: Sealer) -> None:
    """Also where only their number differs, or what is sealed, as long as that is on record: until the job's end."""
    task, options = TASK.secrets(TOKEN="s3cret"), JobOptions(on_failure=("https://a.example/x",))
    (job,) = submit(store, sealer, task, options, user="me", key="k")
    others = [
        (TASK.secrets(TOKEN="other"), options, 1),
        (task, JobOptions(on_failure=("https://a.example/y",)), 1),
        (task, replace(options, priority=7), 1),
        (task, options, 2),
        (task.run("false"), options, 1),
    ]
    for other, asked, count in others:
        with pytest.raises(BadInput, match="used for another submission"):
            submit(store, sealer, other, asked, user="me", count=count, key="k")
    assert submit(store, sealer, task, options, user="me", key="k") == [job]
    store.jobs.cancel([job.id])
    (ended,) = submit(store, sealer, task, options, user="me", key="k")
    assert (ended.id, ended.sealed) == (job.id, None)


def test_secrets_are_sealed_for_their_job_alone(store: Store, sealer: Sealer) -> None:
    """Each job of an array has its own, which opens nothing of another."""
    first, second = submit(store, sealer, TASK.secrets(TOKEN="s3cret"), NONE, user="me", count=2)
    assert sealer.unseal(str(first.sealed), about(first.key)) == '{"TOKEN": "s3cret"}'
    assert "s3cret" not in str(first.task) + str(first.sealed)
    with pytest.raises(Exception, match="belong to something else"):
        sealer.unseal(str(first.sealed), about(second.key))


def test_urls_that_let_in_are_sealed(store: Store, sealer: Sealer) -> None:
    """All see to whom they go, and the server that posts has them in full; also those of a job from before that."""
    url = "https://user.example:8443/hooks/hunter2?token=x"
    (job,) = submit(store, sealer, TASK, JobOptions(on_failure=(url,), pool="p"), user="me")
    assert "hunter2" not in str(job)
    assert urls.shown(job.options)["on_failure"] == ["https://user.example/***"]
    assert JobOptions.from_data(job.options).on_failure == ("https://user.example/***",)
    assert urls.shown(job.options).keys() == {*JobOptions(on_failure=(url,), pool="p").settled(TASK.spec).to_data()}
    assert urls.opened(sealer, job)["on_failure"] == [url]
    old = replace(job, options={"on_failure": [url], "pool": "p"})
    assert urls.opened(sealer, old) == old.options
    assert urls.shown(old.options) == {"on_failure": ["https://user.example/***"], "pool": "p"}


def test_what_could_not_run_is_refused(store: Store, sealer: Sealer, tmp_path: Path) -> None:
    """A task with nothing to run, without a secret it names, or without its files; and arrays of no size."""
    for task in (Task("t"), TASK.secrets(TOKEN=None), TASK.workdir(tmp_path / "gone")):
        with pytest.raises(InvalidTask):
            submit(store, sealer, task, NONE, user="me")
    for count in (0, 10_001):
        with pytest.raises(BadInput, match="array"):
            submit(store, sealer, TASK, NONE, user="me", count=count)
    assert store.jobs.counts() == {}


def test_a_dag_is_a_group_in_which_jobs_need_each_other(store: Store, sealer: Sealer) -> None:
    """By number, as the Dag has them."""
    dag = Dag("pipeline")
    for task in (TASK.named("a"), Task("b", depends_on=["a"]).run("x"), Task("c", depends_on=["a", "b"]).run("x")):
        dag.add(task)
    jobs = submit_dag(store, sealer, dag, NONE, user="me")
    assert [(job.name, job.needs, job.waiting) for job in jobs] == [("a", (), 0), ("b", (1,), 1), ("c", (1, 2), 2)]
    assert len({job.group for job in jobs}) == 1


def test_a_group_has_primary_jobs_and_others_with_time_to_end(store: Store, sealer: Sealer) -> None:
    """As its header says, for all or by name; where it names none, no job has to do with that."""
    said = {"primary_tasks": ["a"], "termination_delay": {"b": "1m", "default": "5s"}}
    dag = Dag("group", execution="parallel", options=said)
    for name in "abc":
        dag.add(TASK.named(name))
    jobs = submit_dag(store, sealer, dag, NONE, user="me")
    assert [(job.primary, job.grace) for job in jobs] == [(True, None), (False, 60.0), (False, 5.0)]
    del dag.options["primary_tasks"]
    assert {(job.primary, job.grace) for job in submit_dag(store, sealer, dag, NONE, user="me")} == {(None, None)}
