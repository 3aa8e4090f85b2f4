"""``styx compat check``: what is compared, and what is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from styx.api.errors import InvalidTask
from styx.compat.check import Row, check

Fill = Callable[..., Path]
TASK: dict[str, Any] = {
    "name": None,
    "num_nodes": 1,
    "has_run": True,
    "has_setup": False,
    "is_pool": False,
    "resources": {"ordered": False, "list": [{"cpus": "4+"}]},
}
TEXT = "resources: {cpus: 4+}\nrun: x\n"


def ok(*tasks: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A verdict of SkyPilot's on a file that it takes."""
    return {"verdict": "ok", "kind": "task", "dag_name": None, "tasks": [*tasks], **more}


def row(directory: Path) -> Row:
    """The row of the one file of a directory."""
    (found,) = check(directory).rows
    return found


def test_files_that_agree(fill: Fill) -> None:
    """A file that both refuse agrees, and so does one that both take to mean the same, however it is written."""
    directory = fill(
        {"a.yaml": TEXT, "b/c.yaml": "foo: 1\n", "d.yaml": "resources: {any_of: [{memory: 1}, {cpus: 2}]}\nrun: x"},
        {
            "a.yaml": ok(TASK),
            "b/c.yaml": {"verdict": "error", "error_text": "unsupported"},
            "d.yaml": ok({**TASK, "resources": {"ordered": False, "list": [{"cpus": 2}, {"memory": "1.0"}]}}),
        },
    )
    report = check(directory)
    assert report.summary == "files 3, agree 3, differ 0 (explained 0)"
    assert [each.file for each in report.rows] == ["a.yaml", "b/c.yaml", "d.yaml"]


@pytest.mark.parametrize(
    ("change", "gap"),
    [
        ({"num_nodes": 2}, "tasks[0].num_nodes: SkyPilot 2, Styx 1"),
        ({"has_run": False}, "tasks[0].has_run: SkyPilot false, Styx true"),
        ({"name": "t"}, 'tasks[0].name: SkyPilot "t", Styx null'),
        ({"env_values": {"A": "1"}}, 'tasks[0].env_values: SkyPilot {"A": "1"}, Styx null'),
        ({"resources": {"list": [{"cpus": "4"}]}}, 'tasks[0].resources.list[0].cpus: SkyPilot "4", Styx "4+"'),
        (
            {"resources": {"ordered": False, "list": [{"cpus": "4+", "use_spot": True}]}},
            "tasks[0].resources.list[0].use_spot: SkyPilot true, Styx null",
        ),
    ],
)
def test_the_first_gap_is_told(fill: Fill, change: dict[str, Any], gap: str) -> None:
    """Where meanings part, the first place is named with what each has there."""
    found = row(fill({"a.yaml": TEXT}, {"a.yaml": ok({**TASK, **change})}))
    assert (found.differs, found.difference, found.why) == (True, None, gap)


def test_kinds_and_headers_count(fill: Fill) -> None:
    """A chain is no group, and a group is told by its header too."""
    text = "name: g\nexecution: parallel\nprimary_tasks: [a]\n---\nname: a\nresources: {cpus: 4+}\nrun: x\n"
    task = {**TASK, "name": "a"}
    group = {"kind": "job_group", "dag_name": "g", "execution": "parallel", "primary_tasks": ["a"]}
    assert not row(fill({"a.yaml": text}, {"a.yaml": ok(task, **group)})).differs
    assert row(fill({}, {"a.yaml": ok(task, **{**group, "kind": "chain"})})).why.startswith("kind: ")
    assert row(fill({}, {"a.yaml": ok(task, **{**group, "primary_tasks": None})})).why.startswith("primary_tasks: ")


def test_files_are_tried_with_values_for_what_has_none(fill: Fill) -> None:
    """Where a variable or secret has no value, the file is read again with one for each."""
    text = "envs: {A: }\nsecrets: {B: }\nworkdir: $A\n" + TEXT
    task = {**TASK, "env_values": {"A": "dummy-value"}, "workdir": "dummy-value", "secrets": ["B"]}
    verdict = {
        "verdict": "error",
        "error_text": "A has no value",
        "null_envs": ["A"],
        "null_secrets": ["B"],
        "with_dummies": ok(task),
    }
    assert not row(fill({"a.yaml": text}, {"a.yaml": verdict})).differs
    task["workdir"] = "$A"
    assert row(fill({}, {"a.yaml": verdict})).why == 'tasks[0].workdir: SkyPilot "$A", Styx "dummy-value"'


def test_a_deliberate_difference_hides_no_other(fill: Fill) -> None:
    """Of several gaps the one that nothing explains is told."""
    text = "envs: {AT: 12:30, B: 1}\n" + TEXT
    task = {**TASK, "env_values": {"AT": "750", "B": "1"}}
    found = row(fill({"a.yaml": text}, {"a.yaml": ok(task)}))
    assert found.difference is not None
    assert found.difference.name == "yaml-values"
    found = row(fill({}, {"a.yaml": ok({**task, "num_nodes": 2})}))
    assert (found.difference, found.why) == (None, "tasks[0].num_nodes: SkyPilot 2, Styx 1")


def test_what_only_one_takes(fill: Fill) -> None:
    """A file that only one of the two takes differs, and the other's reason is told."""
    found = row(fill({"a.yaml": "num_nodes: none\n"}, {"a.yaml": ok(TASK)}))
    assert (found.theirs, found.ours, found.difference) == ("ok", "error", None)
    assert found.why == "1: num_nodes: must be a whole number, not 'none'"
    found = row(fill({"a.yaml": TEXT}, {"a.yaml": {"verdict": "error", "error_text": "no"}}))
    assert (found.theirs, found.ours, found.why, found.differs) == ("error", "ok", "SkyPilot: no", True)


def test_a_missing_file_differs(fill: Fill) -> None:
    """A verdict on a file that is not there is no agreement."""
    found = check(fill({}, {"a.yaml": ok(TASK)}))
    assert (found.rows[0].ours, found.summary) == ("missing", "files 1, agree 0, differ 1 (explained 0)")


@pytest.mark.parametrize("content", ["", "[]", '{"a.yaml": 3}', '{"a.yaml": {}}', "[" * 100_000])
def test_verdicts_that_cannot_be_read(fill: Fill, content: str) -> None:
    """What is no table of verdicts is an error, and so is a directory that is none."""
    directory = fill({"verdicts.json": content})
    with pytest.raises(InvalidTask, match=r"verdicts\.json"):
        check(directory)
    with pytest.raises(InvalidTask, match="is not a directory"):
        check(directory / "verdicts.json")


def test_without_verdicts(fill: Fill) -> None:
    """Then it is said what parses, as what, and why the rest does not; that is no failure."""
    report = check(fill({"a.yaml": TEXT, "b.yaml": "foo: 1\n"}))
    assert [(each.theirs, each.ours, each.kind, each.differs) for each in report.rows] == [
        (None, "ok", "task", False),
        (None, "error", None, False),
    ]
    assert report.rows[1].why.startswith("1: foo: there is no field")
    assert report.summary == "files 2, read 1"


def test_which_files_are_read(fill: Fill) -> None:
    """Those with either ending of YAML, in any case and however deep; a directory with none of them is a mistake."""
    directory = fill({"a.yml": TEXT, "b/C.YAML": TEXT, "notes.txt": "x"})
    assert [each.file for each in check(directory).rows] == ["a.yml", "b/C.YAML"]
    (directory / "empty").mkdir()
    with pytest.raises(InvalidTask, match=r"has no \.yaml or \.yml file in it"):
        check(directory / "empty")
