"""Schedules: a task starts when its time has come, or is left out where its condition says so, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.dags.schedule import Schedule, TaskState
from styx.spec import Task
from support.dag_machines import dag_of

S = TaskState


def task(name: str, *after: str, when: str = "success") -> Task:
    """A task that comes after others."""
    return Task(name).run("true").after(*after).when(when)


class Watched(Schedule):
    """A schedule that sums up what has become of its tasks."""

    @property
    def over(self) -> bool:
        """Whether every task has come to an end."""
        return all(state.ended for state in self.states)

    @property
    def succeeded(self) -> bool:
        """Whether nothing has failed or was cancelled; what was left out is no failure of its own."""
        return all(state in (S.SUCCEEDED, S.SKIPPED) for state in self.states)


def schedule(*tasks: Task) -> Watched:
    """Those tasks and the edges that they say."""
    return Watched(dag_of(*tasks))


def run(plan: Watched, **fates: TaskState) -> dict[str, TaskState]:
    """Let all tasks end, with success unless it is said otherwise; what became of each."""
    going = plan.start()
    while going:
        number = going.pop(0)
        plan.end(number, fates.get(plan.dag.label(number), S.SUCCEEDED))
        going += plan.start()
    assert plan.over
    return {plan.dag.label(number): state for number, state in enumerate(plan.states)}


def test_independent_tasks_start_together() -> None:
    """What waits for nothing starts at once, and what waits starts when all before it have ended."""
    plan = schedule(task("a"), task("b"), task("c", "a", "b"))
    assert plan.start() == [0, 1]
    plan.end(1, S.SUCCEEDED)
    assert plan.start() == []
    plan.end(0, S.SUCCEEDED)
    assert plan.start() == [2]
    assert not plan.over


def test_a_failure_leaves_out_those_that_come_after_and_no_others() -> None:
    """Also those further down; what is beside them runs."""
    plan = schedule(task("a"), task("b"), task("after", "a"), task("further", "after"), task("beside", "b"))
    assert run(plan, a=S.FAILED) == {
        "a": S.FAILED, "b": S.SUCCEEDED, "after": S.SKIPPED, "further": S.SKIPPED, "beside": S.SUCCEEDED,
    }  # fmt: skip
    assert [skip.reason for skip in plan.skipped()] == ["a failed", "after was left out"]
    assert not plan.succeeded


@pytest.mark.parametrize(
    ("when", "fate", "expected"),
    [
        ("failure", S.FAILED, S.SUCCEEDED),
        ("failure", S.SUCCEEDED, S.SKIPPED),
        ("always", S.FAILED, S.SUCCEEDED),
        ("always", S.SUCCEEDED, S.SUCCEEDED),
    ],
)
def test_conditions_on_what_became_of_those_before(when: str, fate: TaskState, expected: TaskState) -> None:
    """A task may deal with failures alone, or come in any case."""
    assert run(schedule(task("a"), task("b", "a", when=when)), a=fate)["b"] is expected


def test_a_failure_further_up_counts_as_one() -> None:
    """Who deals with failures is told of one that has left out the task between."""
    tasks = (task("a"), task("b", "a"), task("mend", "b", when="failure"))
    assert run(schedule(*tasks), a=S.FAILED)["mend"] is S.SUCCEEDED


def test_what_was_left_out_without_a_failure_is_none() -> None:
    """Nothing is mended where nothing failed, and the run as a whole succeeds."""
    plan = schedule(task("a"), task("b", "a", when="failure"), task("c", "b"), task("mend", "b", when="failure"))
    states = run(plan)
    assert (states["b"], states["c"], states["mend"]) == (S.SKIPPED, S.SKIPPED, S.SKIPPED)
    assert plan.succeeded


@pytest.mark.parametrize(("given_value", "op", "runs"), [("yes", "==", True), ("no", "==", False), ("no", "!=", True)])
def test_conditions_on_outputs(given_value: str, op: str, runs: bool) -> None:
    """A task may run only where an earlier one gave a certain value."""
    first = task("a").output_names("CHANGED")
    plan = schedule(first, task("b", when=f"{first.output('CHANGED')} {op} yes"))
    (number,) = plan.start()
    plan.end(number, S.SUCCEEDED, {"CHANGED": given_value})
    assert plan.start() == ([1] if runs else [])


def test_cancelling_starts_nothing_more() -> None:
    """What runs may end; what waited never starts."""
    plan = schedule(task("a"), task("b", "a", when="always"))
    plan.start()
    plan.cancel()
    plan.end(0, S.SUCCEEDED)
    assert plan.start() == []
    assert plan.states == [S.SUCCEEDED, S.CANCELLED]


def test_what_does_not_run_cannot_end() -> None:
    """A task ends once."""
    plan = schedule(task("a"))
    with pytest.raises(ValueError, match="cannot go from waiting"):
        plan.end(0, S.SUCCEEDED)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Task], dict[str, TaskState]]:
    """Tasks that wait for earlier ones, under all conditions, and what becomes of each that runs."""
    tasks: list[Task] = []
    for index in range(draw(st.integers(1, 8))):
        after = draw(st.lists(st.integers(0, index - 1), unique=True)) if index else []
        when = draw(st.sampled_from(["success", "failure", "always"])) if after else "success"
        tasks.append(task(f"t{index}", *(f"t{each}" for each in after), when=when))
    fates = draw(st.lists(st.sampled_from([S.SUCCEEDED, S.FAILED]), min_size=len(tasks), max_size=len(tasks)))
    return tasks, {f"t{index}": fate for index, fate in enumerate(fates)}


@given(graphs())
def test_every_task_ends_and_none_too_early(case: tuple[list[Task], dict[str, TaskState]]) -> None:
    """Whatever fails, all tasks come to an end, and each as its condition and those before it say."""
    tasks, fates = case
    states = run(schedule(*tasks), **fates)
    bad: set[str] = set()
    for each in tasks:
        spec = each.spec
        name, before = str(spec.name), spec.depends_on
        broken = any(other in bad for other in before)
        runs = {
            "always": True,
            "failure": broken,
            "success": all(states[other] is S.SUCCEEDED for other in before),
        }[spec.when.outcome]
        assert states[name] is (fates[name] if runs else S.SKIPPED)
        if states[name] is S.FAILED or (not runs and broken and spec.when.outcome == "success"):
            bad.add(name)
