"""Whatever is written, a task is a task or one InvalidTask; and a task is read back from its canonical mapping."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from styx.api.errors import InvalidTask
from styx.spec import Resources, Task, alternatives, parse
from styx.spec.load import parse_bytes, parse_text, sole
from styx.spec.reader import read_text
from support.tasks import anything, plain_data, resources, tasks, tasks_or_not, yamlish


def is_a_task_or_refused(make: Any) -> None:
    """Call ``make``: what it gives is a task that can be shown, written, and read again; or it raises InvalidTask."""
    try:
        task = make()
    except InvalidTask as error:
        json.dumps(error.to_wire())
        return
    assert isinstance(task, Task)
    repr(task)
    json.dumps(task.to_dict(), allow_nan=False).encode()


@given(st.text() | yamlish)
@example("\ud800")
@example("a: !!int x")
@example("a: !!float ''\n")
@example("!!bool x: &a *a")
@example("run: =")
@example("<<: [{run: x}, 3]")
def test_any_text(text: str) -> None:
    """Any text is a task or refused."""
    is_a_task_or_refused(lambda: sole(parse_text(text, "f.yaml")))


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    """Any bytes are a task or refused."""
    is_a_task_or_refused(lambda: sole(parse_bytes(data, "f.yaml")))


@given(tasks_or_not | anything)
def test_any_data(data: Any) -> None:
    """Any nested data are a task or refused, also by way of YAML."""
    is_a_task_or_refused(lambda: Task.from_dict(data))
    try:
        written = yaml.safe_dump(data, allow_unicode=True)
    except yaml.YAMLError:
        return
    is_a_task_or_refused(lambda: sole(parse_text(written, None)))


@given(tasks_or_not | anything)
def test_any_override(data: Any) -> None:
    """Any override gives a task or is refused."""
    task = Task("t", run="x", envs={"A": "1"}, secrets={"S": "s"}, resources={"cpus": 4, "infra": "aws/r"})
    is_a_task_or_refused(lambda: task.override(data))


@pytest.mark.parametrize("key", sorted(parse.KEYS))
@settings(max_examples=25)
@given(value=anything)
def test_any_value_of_any_field(key: str, value: Any) -> None:
    """Any value in any field of a task is taken or refused."""
    is_a_task_or_refused(lambda: Task.from_dict({key: value}))


@pytest.mark.parametrize("key", sorted(alternatives.KEYS))
@settings(max_examples=25)
@given(value=anything)
def test_any_value_of_any_field_of_resources(key: str, value: Any) -> None:
    """Any value in any field of resources is taken or refused, in the base and in an entry of any_of."""
    is_a_task_or_refused(lambda: Task(resources={key: value}))
    is_a_task_or_refused(lambda: Task(resources={"any_of": [{key: value}]}))


@given(plain_data)
def test_what_is_dumped_is_read(data: dict[str, Any]) -> None:
    """Data that PyYAML writes are read as the same data."""
    (found,) = read_text(yaml.safe_dump(data), None)
    assert found == data


@given(tasks)
def test_a_task_is_read_back_from_its_mapping(data: dict[str, Any]) -> None:
    """``from_dict(to_dict(t)) == t``, whatever the base directory; so is a task that went through YAML and JSON."""
    try:
        task = Task.from_dict(data, base_dir="/base")
    except InvalidTask:
        assume("$" not in str(data.get("workdir")))  # a variable may make a path that cannot be; that alone is no fault
        raise
    mapping = task.to_dict()
    assert Task.from_dict(mapping, base_dir="/elsewhere") == task
    assert Task.from_dict(json.loads(json.dumps(mapping))) == task
    # Equality goes by the mapping, so look at the plain values too; paths are compared by what they lead to.
    again = Task.from_dict(mapping, base_dir="/base").spec
    assert replace(again, workdir=None, file_mounts={}) == replace(task.spec, workdir=None, file_mounts={})
    assert again.file_mounts.keys() == task.spec.file_mounts.keys()
    assert Task.from_yaml(yaml.safe_dump({**mapping, "name": "t"})) == task.named("t")


@given(tasks, st.integers(1, 1000))
def test_override_leaves_the_rest_alone(data: dict[str, Any], nodes: int) -> None:
    """Overriding one field changes that field only, and overriding it again takes the change back."""
    data.pop("workdir", None)
    task = Task.from_dict({**data, "num_nodes": 7})
    changed = task.override({"num_nodes": nodes})
    assert changed.spec.num_nodes == nodes
    assert changed.override({"num_nodes": 7}) == task


@given(resources)
def test_resources_are_read_back(data: dict[str, Any]) -> None:
    """The canonical mapping of resources means the same alternatives in the same order."""
    found = Resources(**data)
    assert Resources.from_dict(found.to_dict()).spec == found.spec
