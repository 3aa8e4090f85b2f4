"""How much of a task a server takes, and how much it tells of where it would run."""

from __future__ import annotations

from contextlib import nullcontext
from decimal import Decimal

import pytest

from styx.api.errors import InvalidTask
from styx.api.offers import Offer, Scope
from styx.engine.explain import Explanation, Refused
from styx.optimizer.rank import Choice
from styx.server.models import TaskIn
from styx.server.routers.tasks import told
from styx.server.work.tasks import (
    LONGEST_NAME,
    MOST_ALTERNATIVES,
    MOST_DESCRIBED,
    MOST_IN_A_PLAN,
    require_plannable,
    written,
)
from styx.spec import Dag, Task
from styx.spec.model import Alternative


def task(count: int, **more: object) -> TaskIn:
    """One with so many alternatives."""
    return TaskIn(task={"run": "x", "resources": {"any_of": [{"cpus": n + 1} for n in range(count)], **more}})


def test_how_many_alternatives_are_taken() -> None:
    """Those of accelerators count as those of any_of do, and as often as one is laid over the other."""
    written(task(MOST_ALTERNATIVES))
    for given in (task(MOST_ALTERNATIVES + 1), task(MOST_ALTERNATIVES // 2 + 1, accelerators={"L4": 1, "T4": 1})):
        with pytest.raises(InvalidTask, match=r"6\d alternatives, and a server takes 64"):
            written(given)


@pytest.mark.parametrize(
    "described",
    [
        {"resources": {"zone": "z" * MOST_DESCRIBED}},
        {"resources": {"labels": {f"label-{n}": "x" * 60 for n in range(1000)}}},
        {"config": {"docker": {"run_options": ["x" * MOST_DESCRIBED]}}},
    ],
    ids=["a zone", "labels", "options of containers"],
)
def test_what_is_told_of_a_task_is_short(described: dict[str, object]) -> None:
    """What clusters and errors hold of one is bounded, for lists are of many; its scripts and variables may be long."""
    written(TaskIn(task={"run": "x" * 1_000_000, "envs": {"A": "x" * 1_000_000}}))
    with pytest.raises(InvalidTask, match="more than 64 KiB") as refused:
        written(TaskIn(task={"run": "x", **described}))
    assert refused.value.hint == f"Most of that is in {next(iter(described))!r}."


def test_no_name_in_resources_is_a_story() -> None:
    """Errors repeat it, as often as somebody asks for it."""
    for longer in (0, 1):
        given = TaskIn(task={"run": "x", "resources": {"any_of": [{"instance_type": "t" * (LONGEST_NAME + longer)}]}})
        with pytest.raises(InvalidTask, match="more than 2048 characters") if longer else nullcontext():
            written(given)


def test_for_how_many_machines_a_dag_is_planned() -> None:
    """Those that differ count, however many tasks want them."""
    dag, extra = Dag(), Task(run="x").override({"cpus": MOST_IN_A_PLAN + 1})
    for number in range(2 * MOST_IN_A_PLAN):
        dag.add(Task(run="x").override({"cpus": number // 2 + 1}))
    require_plannable(dag)
    dag.add(extra)
    with pytest.raises(InvalidTask, match="129 different machines"):
        require_plannable(dag)


@pytest.mark.parametrize(("label", "most"), [("", 10_000), ("x" * 1_000_000, 8), ("x" * 10_000_000, 1)])
def test_no_answer_is_without_end(label: str, most: int) -> None:
    """The best are told, the best of all always, each with its alternative; and how many others there are."""
    wanted = Alternative(labels={"a": label})
    offers = [Offer("x", Scope("east"), f"t{n}", n, 1, hourly_price=Decimal(n)) for n in range(20_000)]
    choices = tuple(Choice(offer, wanted, offer.hourly_price) for offer in offers)
    refused = tuple(Refused(choice, "", None) for choice in choices)
    found = told(Explanation(Task(run="x").spec, choices, refused, (), ()))
    assert found.choices == choices[: len(found.choices)]
    assert most / 2 < len(found.choices) <= most
    assert (len(found.refused), len(found.choices) + found.more) == (len(found.choices), len(choices))
    few = Explanation(Task(run="x").spec, choices[:1], (), (), ())
    assert told(few) == few
