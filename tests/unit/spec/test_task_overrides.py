"""Changing a task: fields replaced, removed, moved and checked."""

from __future__ import annotations

import pytest

from styx.api.errors import InvalidTask
from styx.spec import Resources, Task
from styx.spec.model import Alternative, Amount, Infra


def test_override_replaces_and_removes() -> None:
    """Keys of the task and of its resources may stand side by side; None removes."""
    task = Task(
        "t", run="x", workdir="w", num_nodes=2, resources={"cpus": 4, "accelerators": "A100", "infra": "aws/r/z"}
    )
    changed = task.override({"name": "u", "num_nodes": None, "workdir": None, "cpus": "8+", "accelerators": None})
    assert changed == Task("u", run="x", resources={"cpus": "8+", "infra": "aws/r/z"})
    assert task.override({"gpus": "H100:8"}).spec.resources.alternatives[0].accelerators[0].name == "H100"
    assert task.override({}) == task
    assert task.override({"service": {"replicas": 2}}).override({"service": None}) == task
    assert task.override({"volumes": {"/v": "vol"}}).spec.extra == {"volumes": {"/v": "vol"}}


def test_override_changes_every_alternative() -> None:
    """A field of resources is replaced in all alternatives, and those that become equal are one."""
    task = Task(resources={"cpus": 4, "any_of": [{"accelerators": "A100"}, {"accelerators": "H100"}]})
    spots = task.override({"use_spot": True, "cpus": 2}).spec.resources.alternatives
    assert [(each.use_spot, each.cpus) for each in spots] == [(True, Amount(2))] * 2
    assert task.override({"accelerators": None}).spec.resources.alternatives == (Alternative(cpus=Amount(4)),)
    assert len(task.override({"accelerators": {"T4": 1, "L4": 1}}).spec.resources.alternatives) == 2


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"infra": "gcp"}, Infra("gcp")),
        ({"cloud": "gcp"}, Infra("gcp")),
        ({"region": "b"}, Infra("aws", "b")),
        ({"zone": "b"}, Infra("aws", "r", "b")),
        ({"region": None}, Infra("aws")),
        ({"infra": None}, Infra()),
    ],
)
def test_override_moves_the_task(change: dict[str, object], place: Infra) -> None:
    """Changing a part of the place opens what lies inside of it."""
    task = Task(resources={"infra": "aws/r/z"})
    assert task.override(change).spec.resources.alternatives[0].infra == place


def test_override_adds_variables() -> None:
    """Variables add to those of the task; None takes all away."""
    task = Task(envs={"A": "1", "B": "2"})
    assert task.override({"envs": {"B": "3", "C": 4}}).spec.envs == {"A": "1", "B": "3", "C": "4"}
    assert task.override({"envs": None}).spec.envs == {}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"cpu": 4}, "cpu"),
        ({"cpus": "4x"}, "cpus"),
        ({"num_nodes": 0}, "num_nodes"),
        ({"infra": "aws", "region": "x"}, "region"),
        ({"envs": {"A B": 1}}, "envs.A B"),
        ({"envs": 3}, "envs"),
        ({"resources": {"cpus": "x"}}, "resources.cpus"),
        (3, None),
    ],
)
def test_override_checks(change: object, field: str | None) -> None:
    """Overrides are checked like the fields they replace."""
    with pytest.raises(InvalidTask) as caught:
        Task("t").override(change)  # type: ignore[arg-type]
    assert caught.value.field == field


def test_override_takes_resources() -> None:
    """Resources replace those of the task, as an object or as a mapping."""
    task = Task(resources={"cpus": 4})
    assert task.override({"resources": Resources().gpu("A100")}) == Task(resources={"accelerators": "A100"})
    assert task.override({"resources": {"cpus": 8}, "infra": "aws"}) == Task(resources={"cpus": 8, "infra": "aws"})
    assert task.override({"resources": None}) == Task()
