"""Whatever is written, a task is a task or one InvalidTask; and a task is read back from its canonical mapping."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from styx.api.errors import InvalidTask
from styx.spec import Resources, Task, alternatives, parse
from styx.spec.load import parse_bytes, parse_text, sole
from styx.spec.reader import read_text

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["4+", "16GB", "A100:8", "aws/us-east-1", "2h", "1TB", "8080-8090", "$A", "s3://b", "x: y", "{A:1}", "nvme"]),
)  # fmt: skip
words = st.sampled_from(
    sorted(
        parse.KEYS
        | alternatives.KEYS
        | set(alternatives.LISTS)
        | {"url", "ref", "name", "source", "mode", "store", "idle_minutes", "down", "strategy", "hook", "A", "readiness_probe", "path"}
    )
)  # fmt: skip
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)
tasks_or_not = st.dictionaries(words, anything, max_size=6)
# Text made of what YAML is made of comes upon more of its corners than any text does.
yamlish = st.lists(
    st.sampled_from(["run", "envs", "resources", "a", ": ", "- ", "\n", "\n  ", "\n    ", "&a ", "*a", "<<: ", "!!str ", "!x ", "---\n", "...\n",
                     "|\n", ">-\n ", "'", '"', "\\", "#", "{", "}", "[", "]", ",", "? ", "%YAML 1.1\n", "\t", "\x00", "é", "0x", "1", ".inf", "~", "@", "`"]),
    max_size=30,
).map("".join)  # fmt: skip


def is_a_task_or_refused(make: Any) -> None:
    """Call ``make``: what it gives is a task that can be shown, written, and read again; or it raises InvalidTask."""
    try:
        task = make()
    except InvalidTask as error:
        assert error.message
        json.dumps(error.to_wire())
        return
    assert isinstance(task, Task)
    repr(task)
    json.dumps(task.to_dict(), allow_nan=False).encode()


@settings(max_examples=300)
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


@settings(max_examples=400)
@given(tasks_or_not | anything)
def test_any_data(data: Any) -> None:
    """Any nested data are a task or refused, also by way of YAML."""
    is_a_task_or_refused(lambda: Task.from_dict(data))
    try:
        written = yaml.safe_dump(data, allow_unicode=True)
    except yaml.YAMLError:
        return
    is_a_task_or_refused(lambda: sole(parse_text(written, None)))


@settings(max_examples=300)
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


plain_text = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029\ufeff"), max_size=12)


@given(st.dictionaries(plain_text, st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | plain_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain_text, inner, max_size=3),
), max_size=4))  # fmt: skip
def test_what_is_dumped_is_read(data: dict[str, Any]) -> None:
    """Data that PyYAML writes are read as the same data."""
    (found,) = read_text(yaml.safe_dump(data), None)
    assert found == data


name = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
variable = st.from_regex(r"[A-Z][A-Z0-9_]{0,5}", fullmatch=True)
line = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
amount = st.builds(lambda size, plus: f"{size}{plus}", st.integers(1, 999) | st.sampled_from([0.5, 1.25]), st.sampled_from(["", "+"]))
machine = st.fixed_dictionaries(
    {},
    optional={
        "infra": st.sampled_from(["aws", "aws/us-east-1", "*/*/z", "k8s/a/b/c", "*/r"]),
        "cpus": amount,
        "memory": amount | st.just("4x"),
        "instance_type": name,
        "use_spot": st.booleans(),
        "disk_size": st.integers(1, 5000) | st.just("1TB"),
        "disk_tier": st.sampled_from(["low", "BEST"]),
        "local_disk": st.sampled_from(["nvme", "ssd:10", "5+"]),
        "max_hourly_cost": st.floats(0.01, 100),
        "ports": st.lists(st.integers(1, 65535), max_size=4),
        "image_id": st.just("docker:x") | st.dictionaries(name, name, min_size=1, max_size=2),
        "labels": st.dictionaries(name, name, max_size=2),
        "autostop": st.booleans() | st.integers(-1, 99) | st.fixed_dictionaries({"hook": line, "down": st.booleans()}),
        "job_recovery": st.sampled_from(["failover", "none", {"max_restarts_on_errors": 2}]),
        "priority": st.integers(-1000, 1000),
        "priority_class": name,
        "volumes": st.lists(st.fixed_dictionaries({"name": name}), max_size=2),
    },
)
accelerators = st.dictionaries(name, st.integers(1, 8), max_size=3) | st.lists(name, max_size=3, unique=True)
resources = st.one_of(
    machine,
    st.builds(lambda base, devices: {**base, "accelerators": devices}, machine, accelerators),
    st.builds(
        lambda base, key, options: {**base, key: [{k: v for k, v in option.items() if k != "infra"} for option in options]},
        machine,
        st.sampled_from(["any_of", "ordered"]),
        st.lists(machine, min_size=1, max_size=4),
    ),
)  # fmt: skip
storage = st.fixed_dictionaries(
    {"name": name},
    optional={"source": st.just("src") | st.just(["a", "s3://b"]), "mode": st.sampled_from(["COPY", "mount"]), "persistent": st.booleans(), "store": st.just("S3")},
)  # fmt: skip
tasks = st.fixed_dictionaries(
    {},
    optional={
        "name": name,
        "workdir": st.sampled_from([".", "src/$A", "/abs", {"url": "https://h/r"}, {"url": "https://h/r", "ref": "v1"}]),
        "num_nodes": st.integers(1, 1000),
        "resources": resources,
        "envs": st.dictionaries(variable, line | st.integers(), max_size=3),
        "secrets": st.dictionaries(variable, st.none(), max_size=2),
        "file_mounts": st.dictionaries(name.map("/{}".format), name | st.just("s3://b/k") | storage, max_size=3),
        "setup": line,
        "run": line,
        "depends_on": st.lists(name, max_size=3),
        "service": st.fixed_dictionaries({"replicas": st.integers(0, 5)}, optional={"readiness_probe": st.just("/x")}),
        "config": st.dictionaries(name, name | st.integers(0, 9), max_size=2),
    },
)


@settings(max_examples=300)
@given(tasks)
def test_a_task_is_read_back_from_its_mapping(data: dict[str, Any]) -> None:
    """``from_dict(to_dict(t)) == t``, whatever the base directory; so is a task that went through YAML and JSON."""
    try:
        task = Task.from_dict(data, base_dir="/base")
    except InvalidTask as error:  # variables that make a path refer to itself, or a path that cannot be
        assert error.field in {"workdir", "envs"} or str(error.field).startswith(("file_mounts", "workdir"))  # noqa: PT017
        return
    mapping = task.to_dict()
    assert Task.from_dict(mapping, base_dir="/elsewhere") == task
    assert Task.from_dict(json.loads(json.dumps(mapping))) == task
    assert Task.from_dict(mapping).spec.resources == task.spec.resources
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
