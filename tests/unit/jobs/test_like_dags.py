"""Managed jobs of a Dag and a watched run of it: whatever ends how and when, the same starts and is left out."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from styx.dags.schedule import Schedule, TaskState
from styx.jobs.model import JobOptions
from styx.jobs.submit import submit_dag
from styx.sealing import Sealer
from styx.spec import Dag, Task
from styx.store import Store
from styx.store.managed import ManagedJob, ManagedState
from support.job_records import ANY, serve

S = ManagedState
CONDITIONS = ("success", "failure", "always", "==", "!=")
ENDS = {
    S.SUCCEEDED: TaskState.SUCCEEDED,
    S.FAILED: TaskState.FAILED,
    S.FAILED_SETUP: TaskState.FAILED,
    S.FAILED_NO_RESOURCES: TaskState.FAILED,
    S.CANCELLED: TaskState.CANCELLED,
}


@dataclass(frozen=True)
class Case:
    """A Dag, how each of its tasks ends and with which output, and which of those that run ends next."""

    dag: Dag
    fates: list[ManagedState]
    outputs: list[str]
    turns: list[int]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Tasks that come after others, taken in in any order, under every condition there is."""
    count = draw(st.integers(1, 7))
    made: list[Task] = []
    for number in range(count):
        after = draw(st.lists(st.integers(0, number - 1), unique=True)) if number else []
        task = Task(f"t{number}", output_names=["X"]).run("true").after(*(f"t{each}" for each in after))
        when = draw(st.sampled_from(CONDITIONS)) if after else "success"
        made.append(task.when(f"tasks.t{after[0]}.outputs.X {when} 1" if when in ("==", "!=") else when))
    dag = Dag("d")
    for task in draw(st.permutations(made)):
        dag.add(task)
    each = lambda values: draw(st.lists(values, min_size=count, max_size=count))  # noqa: E731
    return Case(dag, each(st.sampled_from([*ENDS])), each(st.sampled_from("12")), each(st.integers(0, count)))


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Sealer]]:
    """A store with a server on record, for all examples."""
    home: Path = tmp_path_factory.mktemp("home")
    with Store.open(home=home) as store:
        serve(store, "s")
        yield store, Sealer.open(home)


@settings(max_examples=150, deadline=None)
@given(case=cases())
def test_the_same_starts_and_is_left_out(installation: tuple[Store, Sealer], case: Case) -> None:
    """After each end: what was left out as a failure is cancelled, what was left out by its condition is skipped."""
    store, sealer = installation
    key = secrets.token_hex(8)  # the database outlives one example
    ids = [job.id for job in submit_dag(store, sealer, case.dag, JobOptions(), user="me", key=key)]
    plan = Schedule(case.dag)
    running = plan.start()
    for turn in range(len(ids) + 1):
        store.jobs.admit("s", ANY)
        assert [in_words_of_runs(store.jobs.get(each)) for each in ids] == planned(plan)
        if not running:
            break
        number = running.pop(case.turns[turn] % len(running))
        fate, outputs = case.fates[number], {"X": case.outputs[number]}
        end(store, ids[number], fate, outputs)
        plan.end(number, ENDS[fate], outputs)
        running += plan.start()
    assert store.jobs.counts() == {}


def end(store: Store, number: int, state: S, outputs: dict[str, str]) -> None:
    """Let a job, which has its turn, end like this."""
    epoch = store.jobs.own(number, "s").epoch
    if state is S.CANCELLED:
        store.jobs.move(number, epoch, S.CANCELLING)
    store.jobs.move(number, epoch, state, outputs=outputs)


def in_words_of_runs(job: ManagedJob) -> str:
    """Where a managed job is; a job that is left out as something has failed is cancelled, and no more than that."""
    words = {S.PENDING: TaskState.WAITING, S.STARTING: TaskState.RUNNING, S.SKIPPED: TaskState.SKIPPED, **ENDS}
    return words[job.state]


def planned(plan: Schedule) -> list[str]:
    """Where each task of a watched run is, where one that something failed has left out counts as cancelled."""
    failures = {skip.task for skip in plan.skipped() if skip.failure}
    return [TaskState.CANCELLED if task in failures else state for task, state in enumerate(plan.states)]
