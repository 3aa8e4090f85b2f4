"""What a task says about its place among others, and what it hands on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api.errors import InvalidTask
from styx.spec import Dag, Task, flow
from styx.spec.model import Condition, Output, Retries

CHANGED = Output("check", "CHANGED")


@pytest.mark.parametrize(
    ("written", "condition"),
    [
        ("success", Condition()),
        ("Failure", Condition("failure")),
        ("always", Condition("always")),
        ('tasks.check.outputs.CHANGED == "yes"', Condition(output=CHANGED, value="yes")),
        ("${{ tasks.check.outputs.CHANGED }} == yes", Condition(output=CHANGED, value="yes")),
        ("${{tasks.check.outputs.CHANGED}}!='a b'", Condition(output=CHANGED, value="a b", equal=False)),
        ("tasks.check.outputs.CHANGED ==", Condition(output=CHANGED)),
        ("tasks.a b-0.1.outputs.X == 1 == 2", Condition(output=Output("a b-0.1", "X"), value="1 == 2")),
    ],
)
def test_when(written: str, condition: Condition) -> None:
    """A word for how those before have ended, or a comparison of one output; it is written back as it is read."""
    task = Task("t", when=written)
    assert task.spec.when == condition
    assert Task("t").when(written) == task == Task.from_dict(task.to_dict())
    assert Task("t").when(str(condition)).spec.when == condition


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=9), st.booleans())
def test_any_value_can_be_compared(value: str, equal: bool) -> None:
    """Whatever the value, quotes included, the condition is read back from what is written."""
    condition = Condition(output=CHANGED, value=value, equal=equal)
    assert Task().when(str(condition)).spec.when == condition


@pytest.mark.parametrize(
    ("written", "retries"),
    [
        (0, Retries()),
        (3, Retries(3)),
        ("3", Retries(3)),
        ({"times": 2, "exit_codes": 137}, Retries(2, (137,))),
        ({"times": 2, "exit_codes": [75, 137, 75]}, Retries(2, (75, 137))),
        ({"times": 2, "exit_codes": None}, Retries(2)),
    ],
)
def test_retries(written: Any, retries: Retries) -> None:
    """How many more times, and after which exit codes."""
    task = Task("t", retries=written)
    assert task.spec.retries == retries
    assert Task("t").retries(retries.times, *retries.exit_codes) == task == Task.from_dict(task.to_dict())


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"when": "sucess"}, "when"),
        ({"when": "tasks.a.CHANGED == 1"}, "when"),
        ({"when": "tasks.a.outputs.X > 1"}, "when"),
        ({"when": 3}, "when"),
        ({"retries": -1}, "retries"),
        ({"retries": {"exit_codes": 1}}, "retries"),
        ({"retries": {"times": 1, "exit_codes": [0]}}, "retries.exit_codes"),
        ({"retries": {"times": 1, "on": 1}}, "retries.on"),
        ({"output_names": ["A B"]}, "output_names[0]"),
        ({"output_names": "A"}, "output_names"),
        ({"output_names": [f"A{index}" for index in range(101)]}, "output_names"),
        ({"envs": {"A": "${{ tasks.train }}"}}, "envs"),
        ({"run": "echo ${{ tasks.train.outputs.X }}"}, "run"),
        ({"envs": {"A": "${{ tasks.train.outputs.X }}"}, "workdir": "$A"}, "workdir"),
        ({"envs": {"A": "${{ tasks.train.outputs.X }}"}, "volumes": {"/a": "$A"}}, "volumes"),
    ],
)
def test_refused(fields: dict[str, Any], field: str) -> None:
    """What cannot be meant is refused where it stands; outputs are filled into variables alone."""
    with pytest.raises(InvalidTask) as caught:
        Task.from_dict(fields)
    assert caught.value.field == field


def test_outputs_are_used_in_variables_and_conditions() -> None:
    """Whoever uses an output comes after the task that gives it, without saying so."""
    train = Task("train").output_names("LOSS", "PATH")
    evaluate = Task("eval").env(AT=f"s3://b/{train.output('PATH')}", X="${{ github.sha }}")
    publish = Task("publish").when(f'{train.output("LOSS")} != "nan"')
    dag = Dag()
    for task in (publish, evaluate, train):
        dag.add(task)
    assert [(low.spec.name, high.spec.name) for low, high in dag.edges()] == [("train", "publish"), ("train", "eval")]
    assert flow.needed(evaluate.spec) == {Output("train", "PATH"): "envs"}
    assert flow.needed(publish.spec) == {Output("train", "LOSS"): "when"}


def test_outputs_are_filled_in() -> None:
    """What is known is written into the variables; the rest stays, and other text in such braces too."""
    task = Task(envs={"A": "${{ tasks.a.outputs.X }}/${{tasks.a.outputs.Y}}", "B": "${{ x }}", "C": r"\1"})
    found = flow.filled(task.spec, {Output("a", "X"): r"\g<0>$A"})
    assert found.envs == {"A": r"\g<0>$A/${{tasks.a.outputs.Y}}", "B": "${{ x }}", "C": r"\1"}


def dag_of(*tasks: Task) -> Dag:
    """These tasks in a Dag."""
    dag = Dag()
    for task in tasks:
        dag.add(task)
    return dag


def test_outputs_that_nobody_gives() -> None:
    """An unknown task or output has a suggestion; a sweep has no output of its own; nobody waits for itself."""
    train = Task("train", output_names=["LOSS"])
    for text, says, hint in (
        ("${{ tasks.trian.outputs.LOSS }}", "there is no task 'trian'", "Did you mean 'train'?"),
        ("${{ tasks.train.outputs.LOS }}", "'train' names no output 'LOS'", "Did you mean 'LOSS'?"),
        ("${{ tasks.train.outputs.ACC }}", "names no output 'ACC'", "There: output_names: [LOSS, ACC]."),
        ("${{ tasks.many.outputs.X }}", "'many' stands for 2 tasks", "Name one of them, such as many-0."),
        ("${{ tasks.last.outputs.X }}", "circle: last -> last", "Take one of these edges out."),
    ):
        last = Task("last", output_names=["X"], envs={"A": text})
        with pytest.raises(InvalidTask) as caught:
            dag_of(train, *Task("many", output_names=["X"]).foreach(2), last).check()
        assert says in caught.value.message
        assert caught.value.hint == hint
    with pytest.raises(InvalidTask, match="train has no output 'X'"):
        train.output("X")


def test_a_task_for_failures_has_something_before_it() -> None:
    """A task that runs on failure and comes after nothing would never run."""
    with pytest.raises(InvalidTask, match="would never run") as caught:
        dag_of(Task("a"), Task("b", when="failure")).check()
    assert caught.value.field == "when"
    assert dag_of(Task("a"), Task("b", when="failure", depends_on="a"), Task("c", when="always")).check()


@pytest.mark.parametrize(
    ("written", "on_h100", "on_nothing"),
    [
        (None, 1.0, 1.0),
        ("90m", 1.5, 1.5),
        (30, 0.5, 0.5),
        ({"h100": "1h", "A100": "2h"}, 1.0, 1.0),
        ({"H100": "30m", "default": "6h"}, 0.5, 6.0),
    ],
)
def test_how_long_it_takes(written: Any, on_h100: float, on_nothing: float) -> None:
    """An estimate is one time, or one for each accelerator, whatever its case; an hour where nothing is said."""
    spec = Task.from_dict({"run": "x", "time_estimate": written}).spec
    assert flow.estimated_hours(spec, ["H100"]) == on_h100
    assert flow.estimated_hours(spec, []) == on_nothing
    assert Task.from_dict(Task.from_spec(spec).to_dict()).spec == spec


@pytest.mark.parametrize("written", ["soon", 0, {}, {"A100": 0}, -5, True])
def test_times_that_are_none(written: Any) -> None:
    """Each is refused where it stands."""
    with pytest.raises(InvalidTask, match="time_estimate"):
        Task.from_dict({"run": "x", "time_estimate": written})


@pytest.mark.parametrize("written", ["${{ task.a.outputs.X }}", "${{needs.a.outputs.X}}", "${{ tasks.a.output.X }}"])
def test_what_is_nearly_an_output(written: str) -> None:
    """A reference with a slip, or as other programs write it, is refused; other text in such braces is left alone."""
    with pytest.raises(InvalidTask, match="is no output"):
        Task.from_dict({"run": "x", "envs": {"V": written}})
    assert Task.from_dict({"run": "x", "envs": {"V": "${{ secrets.TOKEN }}"}}).spec.envs["V"] == "${{ secrets.TOKEN }}"
