"""What is wrong in a task, and how it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from styx.api.errors import InvalidTask
from styx.spec import Task


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "a\x1b[31m"}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": True}, "name"),
        ({"run": 3}, "run"),
        ({"run": ["a"]}, "run"),
        ({"run": "a\0b"}, "run"),
        ({"run": "\ud800"}, "run"),
        ({"num_nodes": 0}, "num_nodes"),
        ({"num_nodes": -1}, "num_nodes"),
        ({"num_nodes": 2.2}, "num_nodes"),
        ({"num_nodes": True}, "num_nodes"),
        ({"num_nodes": 1001}, "num_nodes"),
        ({"num_nodes": 10**9}, "num_nodes"),
        ({"num_nodes": 1e308}, "num_nodes"),
        ({"num_nodes": float("nan")}, "num_nodes"),
        ({"num_nodes": 10**400}, "num_nodes"),
        ({"envs": ["A=1"]}, "envs"),
        ({"envs": {"1A": "x"}}, "envs.1A"),
        ({"envs": {"A": [1]}}, "envs.A"),
        ({"envs": {("A",): 1}}, "envs"),
        ({"workdir": ["a"]}, "workdir"),
        ({"workdir": "x" * 5000}, "workdir"),
        ({"config": {"a": 1 << 9000}}, "config.a"),
        ({"config": {1: "a", "1": "b"}}, "config"),
        ({"workdir": "https://h/r.git"}, "workdir"),
        ({"workdir": {"ref": "x"}}, "workdir"),
        ({"workdir": {"url": "x", "branch": "y"}}, "workdir.branch"),
        ({"workdir": {"url": "--upload-pack=x"}}, "workdir.url"),
        ({"workdir": {"url": "x", "ref": "--help"}}, "workdir.ref"),
        ({"workdir": "$A", "envs": {"A": "$B", "B": "$A"}}, "workdir"),
        ({"workdir": "$A$A", "envs": {"A": "$A$A"}}, "workdir"),
        ({"file_mounts": {"/x": None}}, "file_mounts./x"),
        ({"file_mounts": {"/x": ["a"]}}, "file_mounts./x"),
        ({"file_mounts": {"/x": {"name": "b", "type": "DATASET_RO"}}}, "file_mounts./x.type"),
        ({"file_mounts": {"/x": {"name": "b", "config": {"mount_cached": {}}}}}, "file_mounts./x.config.mount_cached"),
        (
            {"file_mounts": {"/x": {"source": "s3://b", "mode": "COPY", "config": {"mount": {}}}}},
            "file_mounts./x.config.mount",
        ),
        (
            {"file_mounts": {"/x": {"name": "b", "config": {"mount_cached": {"buffer_size": "64MB"}}}}},
            "file_mounts./x.config.mount_cached.buffer_size",
        ),
        ({"file_mounts": {"/x": {"name": "b", "config": {"mount": {"x": 1}}}}}, "file_mounts./x.config.mount.x"),
        ({"file_mounts": {"/x": {"store": "volume", "type": "x"}}}, "file_mounts./x.type"),
        ({"file_mounts": {"/x": {"name": "b", "mode": "STREAM"}}}, "file_mounts./x.mode"),
        ({"file_mounts": {"/x": {"name": "b", "persistent": "no"}}}, "file_mounts./x.persistent"),
        ({"file_mounts": {"/x": {"nam": "b"}}}, "file_mounts./x.nam"),
        ({"volumes": {"/$A": "x", "/b": "y"}, "envs": {"A": "b"}}, "volumes./b"),
        ({"file_mounts": {"/$A": "x", "/b": "y"}, "envs": {"A": "b"}}, "file_mounts./b"),
        ({"depends_on": [3, []]}, "depends_on[1]"),
        ({"inputs": {"s3://a": 1, "s3://b": 1}}, "inputs"),
        ({"config": 3}, "config"),
        ({"config": {"a": object()}}, "config.a"),
        ({"api_server_access": "yes"}, "api_server_access"),
        ({"resources": 3}, "resources"),
        ({"cpus": 4}, "cpus"),
    ],
)
def test_refused(fields: dict[str, object], field: str) -> None:
    """Whatever is wrong is one InvalidTask that names its field."""
    with pytest.raises(InvalidTask) as caught:
        Task.from_dict(fields)
    assert caught.value.field == field


def test_what_holds_itself_is_refused() -> None:
    """A mapping inside of itself is an error, not an endless loop; so is one that is too large."""
    loop: dict[str, object] = {}
    loop["config"] = loop
    with pytest.raises(InvalidTask, match="holds itself"):
        Task.from_dict(loop)
    wide: object = [0] * 1000
    with pytest.raises(InvalidTask, match="values"):
        Task.from_dict({"config": {"a": [wide] * 1000}})


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("cpus", "resources: cpus"),
        ("command", "'run'"),
        ("env", "'envs'"),
        ("file_mount", "'file_mounts'"),
        ("xyz", "run"),
    ],
)
def test_unknown_fields_have_a_suggestion(key: str, hint: str) -> None:
    """An unknown field names the closest, or where it belongs, or else what there is."""
    with pytest.raises(InvalidTask) as caught:
        Task.from_dict({key: 1})
    assert hint in str(caught.value.hint)


def test_variables_without_a_value_name_the_option() -> None:
    """A null variable is an error that says how to give it."""
    with pytest.raises(InvalidTask, match="'EPOCHS' has no value") as caught:
        Task(envs={"EPOCHS": None})
    assert "--env EPOCHS=" in str(caught.value.hint)
    assert caught.value.field == "envs.EPOCHS"


def test_missing_files_are_found_when_asked(here: Path) -> None:
    """Files are looked for only when asked to, so that a task can be made anywhere."""
    (here / "there").mkdir()
    (here / "file").touch()
    Task(workdir="there", file_mounts={"a": "file", "b": "s3://x", "c": {"name": "n", "source": "there"}}).check_files()
    for task, field in (
        (Task(workdir="gone"), "workdir"),
        (Task(workdir="file"), "workdir"),
        (Task(workdir="x" * 300), "workdir"),
        (Task(file_mounts={"/a": "gone"}), "file_mounts./a"),
        (Task(file_mounts={"/a": {"source": ["file", "gone"]}}), "file_mounts./a"),
        (Task(file_mounts={"/a": "~nobody-here/x"}), "file_mounts./a"),
        (Task(file_mounts={"/a": {}}), "file_mounts./a"),
        (Task(file_mounts={"/a": {"name": "$E"}}, envs={"E": ""}), "file_mounts./a"),
    ):
        with pytest.raises(InvalidTask) as caught:
            task.check_files()
        assert caught.value.field == field


def test_a_short_text_cannot_grow_to_gigabytes() -> None:
    """Variables that multiply each other are refused before their text is built."""
    with pytest.raises(InvalidTask, match="once its variables are replaced"):
        Task(workdir="$A" * 10_000, envs={"A": "x" * 500_000})
