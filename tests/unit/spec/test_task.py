"""Task in Python: the fluent form, and mappings."""

from __future__ import annotations

from pathlib import Path

import pytest

from styx.api.errors import InvalidTask
from styx.spec import Resources, Task
from styx.spec.model import GitWorkdir, StorageMount


def test_the_readme_works_as_written() -> None:
    """A task in one line says its name and its script."""
    task = Task("hello").run("echo 'Hello!'")
    assert (task.spec.name, task.spec.run) == ("hello", "echo 'Hello!'")
    assert task.resources(Resources().gpu("A100", 1)).spec.resources == Resources(accelerators="A100:1").spec


def test_fluent_and_keyword_forms_are_equal() -> None:
    """Every method is one keyword."""
    fluent = (
        Task("t")
        .setup("pip install x")
        .run("python x.py")
        .env(EPOCHS=3)
        .envs({"MODE": "fast"})
        .secrets(TOKEN="a")
        .secrets({"KEY": "b"})
        .workdir("src")
        .nodes(2)
        .mount("/data", "s3://bucket/data")
        .mount("/out", {"name": "b", "mode": "mount"})
        .resources({"cpus": "4+"})
        .after("prepare", Task("fetch"))
    )
    keywords = Task(
        "t",
        setup="pip install x",
        run="python x.py",
        envs={"EPOCHS": 3, "MODE": "fast"},
        secrets={"TOKEN": "a", "KEY": "b"},
        workdir=Path("src"),
        num_nodes=2,
        file_mounts={"/data": "s3://bucket/data", "/out": {"name": "b"}},
        resources=Resources().cpus("4+"),
        depends_on=["prepare", "fetch"],
    )
    assert fluent == keywords
    assert hash(fluent) == hash(keywords)
    assert fluent.spec == keywords.spec


def test_tasks_do_not_change() -> None:
    """A method gives a new task and leaves the old one as it was."""
    task = Task("t", run="a", envs={"A": "1"})
    task.run("b").env(A=2).nodes(3).secrets(S="x").mount("x", "y").named("u")
    assert task == Task("t", run="a", envs={"A": "1"})


def test_a_caller_cannot_change_them_later() -> None:
    """What was handed over is copied, also deep inside."""
    config = {"gcp": {"labels": ["a"]}}
    task = Task(config=config, envs=(envs := {"A": "1"}))
    config["gcp"]["labels"].append("b")
    envs["A"] = "2"
    assert task.to_dict() == {"envs": {"A": "1"}, "config": {"gcp": {"labels": ["a"]}}}


def test_a_policy_can_pass_the_mapping_on() -> None:
    """A mapping with the values of secrets put back is the task it came from."""
    task = Task("t", run="x", secrets={"A": "a"}, workdir=".", envs={"E": ""})
    assert Task.from_dict(task.to_dict(), "/elsewhere").override({"secrets": dict(task.spec.secrets)}) == task


def test_local_paths_in_the_mapping_are_absolute(here: Path) -> None:
    """The mapping means the same wherever it is read."""
    task = Task(workdir="src", file_mounts={"a": "../x", "b": "s3://b", "c": {"source": "d"}, "d": "~/e"})
    assert task.to_dict()["workdir"] == str(here / "src")
    assert task.to_dict()["file_mounts"] == {
        "a": str(here / "../x"),
        "b": "s3://b",
        "c": {"mode": "MOUNT", "source": str(here / "d")},
        "d": str(Path("~/e").expanduser()),
    }
    assert Task.from_dict({"workdir": "src"}, base_dir="/base").to_dict() == {"workdir": "/base/src"}


def test_envs_are_text() -> None:
    """Numbers and booleans become the text that SkyPilot makes of them."""
    assert Task(envs={"A": 1, "B": 1.5, "C": True, "D": "x\ny"}).spec.envs == {
        "A": "1",
        "B": "1.5",
        "C": "True",
        "D": "x\ny",
    }


def test_variables_are_expanded_in_paths() -> None:
    """Paths may use the task's variables, whole or in braces; others stay, and secrets are not put into paths."""
    task = Task(
        envs={"A": "x", "B": "$A/y"},
        secrets={"S": "s"},
        workdir="/$A",
        file_mounts={"/${B}": "s3://${A}-$C-$S", "/m": {"name": "n-$A", "source": ["$A", "$B"]}},
    )
    assert task.spec.workdir == "/x"
    assert task.spec.file_mounts == {
        "/x/y": "s3://x-$C-$S",
        "/m": StorageMount(name="n-x", source=("x", "x/y")),
    }
    assert Task(workdir={"url": "https://h/$A.git"}, envs={"A": "r"}).spec.workdir == GitWorkdir("https://h/r.git")


def test_workdir_forms() -> None:
    """A directory, a repository with or without a ref, or none."""
    assert Task().workdir(Path("x")).spec.workdir == "x"
    assert Task().workdir("https://h/r.git", ref="v1").spec.workdir == GitWorkdir("https://h/r.git", "v1")
    assert Task(workdir={"url": "git@h:r"}).spec.workdir == GitWorkdir("git@h:r")
    assert Task(workdir="x").workdir(None).spec.workdir is None


def test_every_form_of_files_is_read_back(here: Path) -> None:
    """Repositories, and storages with all their fields, survive the way through the mapping."""
    task = Task(
        workdir={"url": "https://h/r", "ref": "v1"},
        file_mounts={
            "/a": {"source": ["x", "s3://y"], "persistent": False, "config": {"mount": {"read_only": True}}},
            "/b": {"name": "b", "store": "S3", "type": "dataset_ro", "mode": "mount_cached"},
        },
    )
    assert task.to_dict() == {
        "workdir": {"url": "https://h/r", "ref": "v1"},
        "file_mounts": {
            "/a": {
                "mode": "MOUNT",
                "source": [str(here / "x"), "s3://y"],
                "persistent": False,
                "config": {"mount": {"read_only": True}},
            },
            "/b": {"mode": "MOUNT_CACHED", "name": "b", "store": "s3", "type": "DATASET_RO"},
        },
    }
    assert Task.from_dict(task.to_dict()) == task
    task.override({"workdir": None, "file_mounts": {"/b": {"name": "b"}}}).check_files()


def test_later_features_are_kept() -> None:
    """Fields that this part does not act on are kept as plain data."""
    extra = {
        "service": {
            "readiness_probe": {
                "path": "/",
                "post_data": {"a": [1]},
                "initial_delay_seconds": 5,
                "timeout_seconds": 5,
            },
            "replica_policy": {"min_replicas": 2},
            "ports": 80,
            "tls": {"keyfile": "k", "certfile": "c"},
        },
        "volumes": {"/v": {"name": "x"}},
        "inputs": {"s3://a": 5.0},
        "config": {"kubernetes": {"pod_config": {"spec": {}}}},
        "event_callback": "echo",
        "api_server_access": True,
        "job": {"wait_for_scheduling_timeout": 5},
    }
    assert Task(**extra).spec.extra == extra


def test_from_yaml_takes_text_or_a_path(here: Path) -> None:
    """A text is read as YAML, a path as a file."""
    (here / "t.yaml").write_text("run: a")
    (here / "plain").write_text("run: b")
    assert Task.from_yaml("t.yaml") == Task(run="a")
    assert Task.from_yaml(here / "t.yaml") == Task(run="a")
    assert Task.from_yaml("plain") == Task(run="b")
    assert Task.from_yaml("run: c") == Task(run="c")
    assert Task.from_yaml("name: x\nrun: c\n") == Task("x", run="c")
    for missing in ("gone.yaml", "", "just words", "\0"):
        with pytest.raises(InvalidTask):
            Task.from_yaml(missing)


def test_repr_is_short() -> None:
    """A long script is cut."""
    assert len(repr(Task(run="x" * 10_000))) < 200
    assert repr(Task("a").resources(Resources().cpus(4).spec)) == "Task(name='a', resources={'cpus': '4'})"
