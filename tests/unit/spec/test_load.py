"""Task files: what is loaded, and where errors point."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from styx.api.errors import InvalidTask
from styx.spec import Dag, Task, load_dag, load_task
from styx.spec.model import Amount, GitWorkdir

Load = Callable[..., Task]


def test_a_whole_task(load: Load, here: Path) -> None:
    """Every field of a file ends up in the task; relative paths start at the current directory."""
    (here / "src").mkdir()
    task = load(
        """
        name: train
        workdir: src
        num_nodes: 2
        resources:
          accelerators: {A100: 8}
          cpus: 16+
          infra: aws/us-east-1
          autostop: 30m
        envs: {EPOCHS: 3, EMPTY: ""}
        secrets: {TOKEN: }
        file_mounts:
          /data: s3://bucket/data
        setup: |
          pip install torch
        run: |
          python train.py
        """
    )
    assert task == Task(
        "train",
        workdir="src",
        num_nodes=2,
        resources={"accelerators": "A100:8", "cpus": "16+", "infra": "aws/us-east-1", "autostop": 30},
        envs={"EPOCHS": "3", "EMPTY": ""},
        secrets={"TOKEN": None},
        file_mounts={"/data": "s3://bucket/data"},
        setup="pip install torch\n",
        run="python train.py\n",
    )
    assert task.spec.base_dir == here


def test_empty_fields_are_as_if_left_out(load: Load) -> None:
    """A key without a value is no error."""
    assert load("name:\nrun: x\nresources:\n  cpus:\nenvs:\nfile_mounts:\nworkdir:\nservice:\n") == Task(run="x")


def test_arguments_win(load: Load) -> None:
    """Variables and secrets given with the call win over those of the file, overrides over everything."""
    task = load(
        "envs: {A: , B: b, P: }\nsecrets: {S: }\nresources: {cpus: 4}\nfile_mounts: {/x: 's3://$P'}\n",
        envs={"A": "1", "P": "bucket", "NEW": "n"},
        secrets={"S": "s"},
        overrides={"cpus": "8+", "num_nodes": 3, "envs": {"B": "2"}},
    )
    assert task.spec.envs == {"A": "1", "B": "2", "P": "bucket", "NEW": "n"}
    assert task.spec.secrets == {"S": "s"}
    assert task.missing_secrets() == []
    assert task.spec.file_mounts == {"/x": "s3://bucket"}
    assert task.spec.num_nodes == 3
    assert task.spec.resources.alternatives[0].cpus == Amount(8, at_least=True)


def test_a_secret_without_a_value(load: Load) -> None:
    """A secret whose value never came is told with where it is named, and how to give it without showing it."""
    task = load("run: x\nsecrets:\n  A: a\n  TOKEN:\n")
    with pytest.raises(InvalidTask) as caught:
        task.check_secrets()
    assert re.search(r"task\.yaml:4: secrets\.TOKEN: secret 'TOKEN' has no value$", caught.value.message)
    assert caught.value.hint == "`--secret TOKEN` takes it from this shell, `--secret-file` from a file."
    assert task.secrets(TOKEN="t").check_secrets() is None
    with pytest.raises(InvalidTask, match=r"^secrets\.B: secret 'B' has no value"):
        Task(secrets={"B": None}).check_secrets()


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """``-`` is standard input, and errors say so."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"run: x\n")))
    assert load_task("-") == Task(run="x")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"run: x\nrnu: y\n")))
    with pytest.raises(InvalidTask, match=r"^<stdin>:2: rnu: "):
        load_task(Path("-"))


@pytest.mark.parametrize(
    ("content", "line", "field"),
    [
        ("", None, None),
        ("---\n---\n", None, None),
        ("# only a comment\n", None, None),
        ("{}\n", None, None),
        (b"\x7fELF\x02\x01\x01\x00\x00", 1, None),
        (b"\xff\xfe\x00r", None, None),
        (b"\x00" * 100, 1, None),
        ("- run: x\n", 1, None),
        ("just text\n", None, None),
        ("run: x\nrun: y\n", 2, None),
        ("name: a\nresources:\n  cpus: 4x\n", 3, "resources.cpus"),
        (
            "resources:\n  any_of:\n    - cpus: 1\n    - memory: 1\n      disk_tier: fast\n",
            5,
            "resources.any_of[1].disk_tier",
        ),
        ("resources:\n  accelerators:\n    - A100\n    - T4: 1\n", 4, "resources.accelerators[1]"),
        ("run: x\nnum_nodes: 1.0e+308\n", 2, "num_nodes"),
        ("run: x\nnum_nodes: .nan\n", 2, "num_nodes"),
        ("num_nodes: yes\n", 1, "num_nodes"),
        ("run: x\nresorces: {}\n", 2, "resorces"),
        ("envs:\n  A: 1\n  B:\n", 3, "envs.B"),
        ("run: x\nworkdir: gone\n", 2, "workdir"),
        ("file_mounts:\n  /a: s3://x\n  /b: gone\n", 3, "file_mounts./b"),
        ('name: "a\\eb"\n', 1, "name"),
        ("a: &a [*a]\n", 1, "a[0]"),
    ],
)
def test_errors_point_at_the_spot(load: Load, content: str | bytes, line: int | None, field: str | None) -> None:
    """An error has the file, the line and the field, as data and in its message; nothing is printed twice."""
    with pytest.raises(InvalidTask) as caught:
        load(content)
    error = caught.value
    assert (error.file, error.line, error.field) == ("task.yaml", line, field)
    assert error.message.startswith(f"task.yaml:{line}: " if line else "task.yaml: ")
    assert field is None or field in error.message
    assert error.exit_code == 2


def test_a_missing_file_is_named_where_the_file_says_so(load: Load, here: Path) -> None:
    """The path is shown whole, and the hint says where relative paths start; not looking is possible."""
    with pytest.raises(InvalidTask) as caught:
        load("workdir: gone\n")
    assert str(here / "gone") in caught.value.message
    assert str(here) in str(caught.value.hint)
    assert load("workdir: gone\n", check_files=False).spec.workdir == "gone"
    with pytest.raises(InvalidTask) as caught:
        load("run: x\nworkdir: .\n", overrides={"workdir": "gone"})
    assert caught.value.line is None  # it is not the file's line that is wrong


@pytest.mark.parametrize("path", ["gone.yaml", ".", "a\0b", "x" * 300, "\x1b[31m"])
def test_files_that_cannot_be_read(here: Path, path: str) -> None:
    """No such file, a directory, a name that cannot be: one InvalidTask."""
    with pytest.raises(InvalidTask) as caught:
        load_task(path)
    assert "\x1b" not in caught.value.message


def test_several_tasks_are_refused_where_one_is_wanted(load: Load) -> None:
    """A file with several tasks says so, and points at the second."""
    with pytest.raises(InvalidTask, match="holds 2 tasks") as caught:
        load("run: a\n---\nrun: b\n")
    assert caught.value.line == 3
    assert load("name: header\n---\nname: t\nrun: a\n") == Task("t", run="a")
    assert load("name: only\n") == Task("only")


def dag(here: Path, content: str) -> Dag:
    """Load a file with this content."""
    (here / "dag.yaml").write_text(content)
    return load_dag("dag.yaml")


def edges(found: Dag) -> list[str]:
    """The edges, each as the names of its two tasks."""
    return [f"{low.spec.name}{high.spec.name}" for low, high in found.edges()]


def test_documents_are_a_chain(here: Path) -> None:
    """Without a header and with, tasks run one after the other; null documents do not count."""
    found = dag(here, "---\nname: a\nrun: x\n---\n---\nname: b\n---\nname: c\n")
    assert (found.name, found.execution, edges(found)) == (None, "serial", ["ab", "bc"])
    assert found.is_chain
    found = dag(here, "name: pipe\nexecution: serial\n---\nname: a\n---\nname: b\n")
    assert (found.name, edges(found)) == ("pipe", ["ab"])
    assert edges(dag(here, "name: pipe\n---\nname: a\n---\nname: b\n")) == ["ab"]
    assert dag(here, "name: null\n---\nname: a\n---\nname: b\n").name is None
    assert dag(here, "name: one\nrun: x\n").name == "one"


def test_a_job_group_has_no_order(here: Path) -> None:
    """``execution: parallel`` keeps the rest of its header and adds no edges."""
    found = dag(
        here,
        "name: g\nexecution: parallel\nprimary_tasks: [a]\ntermination_delay: 30s\n---\nname: a\n---\nname: b\n",
    )
    delays = "termination_delay: {default: 30, a: 5m}\ninter_connection: false\nplacement: SAME_INFRA"
    assert dag(here, f"name: g\nexecution: parallel\n{delays}\n---\nname: a\n").options["inter_connection"] is False
    assert (found.execution, edges(found)) == ("parallel", [])
    assert found.options == {"primary_tasks": ["a"], "termination_delay": "30s"}


def test_depends_on_makes_any_graph(here: Path) -> None:
    """As soon as one task says what it depends on, the order of the documents means nothing."""
    found = dag(here, "name: c\ndepends_on: [a, b]\n---\nname: a\n---\nname: b\ndepends_on: a\n")
    assert [task.spec.name for task in found.order()] == ["a", "b", "c"]
    assert sorted(edges(found)) == ["ab", "ac", "bc"]


@pytest.mark.parametrize(
    ("content", "line", "field", "says"),
    [
        ("name: a\ndepends_on: b\n---\nname: b\ndepends_on: a\n", 5, "depends_on", "circle"),
        ("name: a\ndepends_on: a\n", 2, "depends_on", "a -> a"),
        ("name: a\nrun: x\n---\nname: b\ndepends_on: [c]\n", 5, "depends_on", "no task 'c'"),
        ("run: x\nname: a\n---\nname: a\n", 4, "name", "two tasks"),
        ("name: p\nexecution: foo\n---\nname: a\n---\nname: b\n", 2, "execution", "serial, parallel"),
        ("execution: serial\n---\nname: a\n", 1, None, "needs a name"),
        ("name: p\nexecution: serial\nrun: x\n---\nname: a\n", 3, "run", "no field of this name"),
        ("name: p\nprimary_tasks: [a]\n---\nname: a\n", 2, "primary_tasks", "only for job groups"),
        ("name: p\nexecution: parallel\nprimary_tasks: [z]\n---\nname: a\n", 3, "primary_tasks[0]", "no task 'z'"),
        ("name: p\nexecution: parallel\nprimary_tasks: 3\n---\nname: a\n", 3, "primary_tasks", "must be a list"),
        ("name: p\nexecution: parallel\nprimary_tasks: [a, a]\n---\nname: a\n", 3, "primary_tasks[1]", "twice"),
        ("name: p q\nexecution: parallel\n---\nname: a\n", 1, "name", "letters, digits"),
        ("name: p\nexecution: parallel\n---\nname: a b\n", 4, "name", "letters, digits"),
        ("name: p\nexecution: parallel\n---\nrun: x\n", 1, None, "task 1 of the group has no name"),
        ("name: p\nexecution: parallel\ntermination_delay: 90x\n---\nname: a\n", 3, "termination_delay", "such as 30s"),
        (
            "name: p\nexecution: parallel\ntermination_delay: {z: 1}\n---\nname: a\n",
            3,
            "termination_delay.z",
            "no task",
        ),
        ("name: p\nexecution: parallel\ninter_connection: 1\n---\nname: a\n", 3, "inter_connection", "true or false"),
        ("", None, None, "empty"),
        ("name: a\n---\n- b\n", 3, None, "mapping"),
    ],
)
def test_graphs_that_are_refused(here: Path, content: str, line: int | None, field: str | None, says: str) -> None:
    """Circles, unknown names, names given twice and bad headers point at the document or the line."""
    with pytest.raises(InvalidTask, match=says) as caught:
        dag(here, content)
    assert (caught.value.file, caught.value.line, caught.value.field) == ("dag.yaml", line, field)


def test_variables_reach_every_task(here: Path) -> None:
    """Variables and secrets given with the call go to all tasks of the file."""
    (here / "dag.yaml").write_text("name: a\nenvs: {X: }\n---\nname: b\n")
    found = load_dag("dag.yaml", envs={"X": "1"}, secrets={"S": "2"})
    assert [task.spec.envs for task in found.tasks] == [{"X": "1"}] * 2
    assert [task.spec.secrets for task in found.tasks] == [{"S": "2"}] * 2


def test_many_documents_are_quick_or_refused(here: Path) -> None:
    """Thousands of tasks in one file are read in their order; more than the limit are refused."""
    assert len(dag(here, "".join(f"name: t{index}\nrun: x\n---\n" for index in range(5000)))) == 5000
    with pytest.raises(InvalidTask, match="more than 10000 tasks"):
        dag(here, "run: x\n---\n" * 10_001)
    with pytest.raises(InvalidTask, match="in more than 1000000 ways") as refused:
        dag(here, "name: a\nforeach: 1001\n---\nname: b\nforeach: 1001\n")
    assert refused.value.file == "dag.yaml"
    assert "Put one task between them" in str(refused.value.hint)


def test_numbers_that_are_text_stay_as_they_are_written(load: Load) -> None:
    """A commit, version or label that looks like a number is the text that stands there; a variable is the number."""
    task = load(
        """
        name: 1.10
        workdir: {url: https://h/r.git, ref: 0012345}
        envs: {A: 1.10, B: 017}
        resources: {labels: {a: 0x1F, b: 1_000, c: 7}, accelerator_args: {runtime_version: 2.0}}
        """
    )
    (found,) = task.spec.resources.alternatives
    assert task.spec.name == "1.10"
    assert task.spec.workdir == GitWorkdir("https://h/r.git", "0012345")
    assert task.spec.envs == {"A": "1.1", "B": "15"}
    assert found.labels == {"a": "0x1F", "b": "1_000", "c": "7"}
    assert found.accelerator_args == {"runtime_version": "2.0"}
    assert Task.from_dict(task.to_dict()) == task


def test_variables_given_with_the_call_are_checked(load: Load) -> None:
    """A name that cannot be, or a value that is not text, is no fault of the file's."""
    for envs, field in (({"A B": "1"}, "envs.A B"), ({"A": ["1"]}, "envs.A"), ({"A": "\0"}, "envs.A")):
        with pytest.raises(InvalidTask) as caught:
            load("run: x\n", envs=envs)
        assert (caught.value.field, caught.value.line) == (field, None)
