"""Comparing forms."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given, reject
from hypothesis import strategies as st

from styx.api.errors import InvalidTask
from styx.compat import verdicts
from styx.compat.compare import Gap, gaps
from styx.compat.forms import Form, of_task
from styx.spec import Task
from support.tasks import tasks


def first_gap(theirs: Form, ours: Form) -> Gap | None:
    """The first place in which they differ."""
    return next(gaps(theirs, ours), None)


def form(*tasks: Form) -> Form:
    """A file of these tasks."""
    return {"kind": "task", "dag_name": None, "tasks": [*tasks]}


@given(tasks)
def test_a_task_means_itself(data: dict[str, Any]) -> None:
    """Any task has a form that JSON can hold, and that means the same when it comes back as a verdict."""
    try:
        found = of_task(Task.from_dict(data).spec)
    except InvalidTask:
        reject()  # a variable may make a path that cannot be
    kept = json.loads(json.dumps(form(found)))
    assert first_gap(verdicts.form(kept), form(found)) is None


@given(tasks, st.integers(2, 9))
def test_a_change_is_found(data: dict[str, Any], nodes: int) -> None:
    """A task that differs in one field is told apart, by that field."""
    try:
        found = of_task(Task.from_dict({**data, "num_nodes": 1}).spec)
    except InvalidTask:
        reject()
    changed = copy.deepcopy(found)
    changed["num_nodes"] = nodes
    gap = first_gap(form(found), form(changed))
    assert gap is not None
    assert (gap.path, gap.theirs, gap.ours) == ("tasks[0].num_nodes", 1, nodes)


def test_what_does_not_count() -> None:
    """The order of alternatives that have none, repeated ones, and 1 instead of 1.0."""
    one, two = {"cpus": "1", "disk_size": 1}, {"cpus": "2"}

    def resources(ordered: bool, *alternatives: Form) -> Form:
        return form({"resources": {"ordered": ordered, "list": [*alternatives]}})

    assert first_gap(resources(False, one, two), resources(False, two, {**one, "disk_size": 1.0}, two)) is None
    assert first_gap(resources(True, one, one), resources(False, one)) is None
    gap = first_gap(resources(True, one, two), resources(True, two, one))
    assert gap is not None
    assert str(gap) == 'tasks[0].resources.list[0].cpus: SkyPilot "1", Styx "2"'
    assert first_gap(resources(True, one, two), resources(False, one, two)) is not None
    assert first_gap(form({"x": True, "resources": one_list()}), form({"x": 1, "resources": one_list()})) is not None


def test_fields_that_need_not_be_told() -> None:
    """What SkyPilot's form leaves out of a task counts only where it is there; what it puts aside is looked at."""
    bare, more = {"resources": one_list()}, {"resources": one_list(), "inputs": {"s3://a": 1}, "event_callback": "x"}
    assert first_gap(form(bare), form(more)) is None
    assert first_gap(form(more), form(bare)) is not None
    aside = {"ordered": False, "list": [{"other": {"priority": 5, "_requires_fuse": True}}]}
    theirs = verdicts.form(form({"name": None, "resources": aside}))
    assert first_gap(theirs, form({"name": None, "resources": {"ordered": False, "list": [{"priority": 5}]}})) is None


def one_list() -> Form:
    """Resources that ask for nothing."""
    return {"ordered": False, "list": [{}]}
