"""Task in Python: the fluent form, mappings, overrides, secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from styx.api.errors import InvalidTask
from styx.spec import Resources, Task
from styx.spec.model import Alternative, Amount, GitWorkdir, Infra, StorageMount


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
    service = {"readiness_probe": "/", "replicas": 1}
    task = Task(service=service, envs=(envs := {"A": "1"}))
    service["replicas"] = 2
    envs["A"] = "2"
    assert task.to_dict() == {"envs": {"A": "1"}, "service": {"readiness_probe": "/", "replicas": 1}}


def test_secrets_never_show() -> None:
    """Neither repr nor the mapping for policies has a value of a secret; errors about them do not either."""
    task = Task("t", secrets={"TOKEN": "hunter2"}, run="x")
    for shown in (repr(task), str(task), repr(task.spec), repr(task.to_dict())):
        assert "hunter2" not in shown
    assert task.to_dict()["secrets"] == {"TOKEN": None}
    assert task.spec.secrets == {"TOKEN": "hunter2"}
    for bad in ("hunter2\0", ["hunter2"], {"hunter2": 1}, "hunter2\ud800"):
        with pytest.raises(InvalidTask) as caught:
            Task(secrets={"TOKEN": bad})
        assert "hunter2" not in f"{caught.value} {caught.value.hint} {caught.value.details}"


def test_secrets_without_a_value_are_missing_until_given() -> None:
    """A secret may be named first and get its value later; it can be taken back."""
    task = Task(secrets={"A": None, "B": "b"})
    assert task.missing_secrets() == ["A"]
    assert task.secrets(A="a").missing_secrets() == []
    assert task.secrets(A="a").spec.secrets == {"A": "a", "B": "b"}
    assert task.secrets(B=None).missing_secrets() == ["A", "B"]
    assert task.override({"secrets": {"A": "x"}}).missing_secrets() == []
    assert task.override({"secrets": None}).to_dict() == {}


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


def test_variables_without_a_value_name_the_option() -> None:
    """A null variable is an error that says how to give it."""
    with pytest.raises(InvalidTask, match="'EPOCHS' has no value") as caught:
        Task(envs={"EPOCHS": None})
    assert "--env EPOCHS=" in str(caught.value.hint)
    assert caught.value.field == "envs.EPOCHS"


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
            "/b": {"name": "b", "store": "S3", "type": "dataset_ro", "mode": "copy"},
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
            "/b": {"mode": "COPY", "name": "b", "store": "s3", "type": "DATASET_RO"},
        },
    }
    assert Task.from_dict(task.to_dict()) == task
    task.override({"workdir": None, "file_mounts": {"/b": {"name": "b"}}}).check_files()


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
        ({"file_mounts": {"/x": {}}}, "file_mounts./x"),
        ({"file_mounts": {"/x": {"name": "b", "mode": "STREAM"}}}, "file_mounts./x.mode"),
        ({"file_mounts": {"/x": {"name": "b", "persistent": "no"}}}, "file_mounts./x.persistent"),
        ({"file_mounts": {"/x": {"nam": "b"}}}, "file_mounts./x.nam"),
        ({"file_mounts": {"/x": {"name": "$E"}}, "envs": {"E": ""}}, "file_mounts./x.name"),
        ({"file_mounts": {"/$A": "x", "/b": "y"}, "envs": {"A": "b"}}, "file_mounts./b"),
        ({"depends_on": [3, []]}, "depends_on[1]"),
        ({"service": {"replica_policy": {"min_replica": 1}}}, "service.replica_policy.min_replica"),
        ({"service": {"replicas": -1}}, "service.replicas"),
        ({"service": {"readiness_probe": {"timeout_seconds": 3}}}, "service.readiness_probe"),
        ({"service": {"ports": "1-2"}}, "service.ports"),
        ({"service": {"ports": []}}, "service.ports"),
        ({"pool": {"workers": "many"}}, "pool.workers"),
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


def test_a_secret_may_refer_to_one_kept_elsewhere() -> None:
    """``{ref: scheme:name}`` is kept as it is written, needs no value, and gives way to one; plain text is a value."""
    task = Task.from_yaml("run: x\nsecrets: {A: {ref: 'vault:team/key'}, B: 'vault:team/key'}")
    assert task.spec.secret_refs == {"A": "vault:team/key"}
    assert task.spec.secrets == {"B": "vault:team/key"}
    assert task.missing_secrets() == []
    assert task.to_dict()["secrets"] == {"A": {"ref": "vault:team/key"}, "B": None}
    given = task.secrets(A="a").spec
    assert (given.secrets["A"], given.secret_refs) == ("a", {})
    named = task.secrets(B={"ref": "file:b"}, A=None).spec
    assert (named.secrets, named.secret_refs, named.missing_secrets) == ({}, {"B": "file:b"}, ("A",))
    assert task.override({"secrets": {"A": {"ref": "file:a"}}}).spec.secret_refs == {"A": "file:a"}
    assert "secrets" not in task.override({"secrets": None}).to_dict()


@pytest.mark.parametrize(
    "reference",
    [
        {},
        {"ref": None},
        {"ref": "hunter2"},
        {"ref": ":hunter2"},
        {"ref": "hunter:"},
        {"ref": 3},
        {"hunter2": 1},
        {"ref": "a:b", "hunter2": 1},
        {"ref": "a:hunter\n2"},
    ],
    ids=str,
)
def test_what_is_no_reference_is_not_shown(reference: dict[str, object]) -> None:
    """A reference has a scheme and a name; what has not may be the secret itself, so no message repeats it."""
    with pytest.raises(InvalidTask, match=r"secrets\.TOKEN: is not a reference") as refused:
        Task(secrets={"TOKEN": reference})
    assert "hunter" not in repr(refused.value.to_wire())
    with pytest.raises(InvalidTask, match="envs"):
        Task(envs={"TOKEN": {"ref": "vault:x"}})


def test_a_list_of_secrets_refers_to_managed_ones() -> None:
    """The list form names secrets that a plugin keeps."""
    task = Task(secrets=["team/token"], managed_secrets=[{"cert": {"mount_path": "/c"}}])
    assert task.spec.extra == {"managed_secrets": [{"cert": {"mount_path": "/c"}}, "team/token"]}
    assert task.missing_secrets() == []
    assert Task.from_dict(task.to_dict()) == task


def test_later_features_are_kept() -> None:
    """Fields that this part does not act on are kept as plain data."""
    extra = {
        "service": {
            "readiness_probe": {"path": "/", "post_data": {"a": [1]}},
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
    ):
        with pytest.raises(InvalidTask) as caught:
            task.check_files()
        assert caught.value.field == field


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


def test_a_short_text_cannot_grow_to_gigabytes() -> None:
    """Variables that multiply each other are refused before their text is built."""
    with pytest.raises(InvalidTask, match="once its variables are replaced"):
        Task(workdir="$A" * 10_000, envs={"A": "x" * 500_000})


def test_override_takes_resources() -> None:
    """Resources replace those of the task, as an object or as a mapping."""
    task = Task(resources={"cpus": 4})
    assert task.override({"resources": Resources().gpu("A100")}) == Task(resources={"accelerators": "A100"})
    assert task.override({"resources": {"cpus": 8}, "infra": "aws"}) == Task(resources={"cpus": 8, "infra": "aws"})
    assert task.override({"resources": None}) == Task()
