"""``styx compat``."""

import json
from pathlib import Path

TASK = {
    "name": None,
    "num_nodes": 1,
    "has_run": True,
    "has_setup": False,
    "is_pool": False,
    "resources": {"ordered": False, "list": [{}]},
}
OK = {"verdict": "ok", "kind": "task", "dag_name": None}


def test_without_verdicts(styx, tmp_path: Path):
    """It is said what parses, as what, and why the rest does not; that is no failure."""
    (tmp_path / "a.yaml").write_text("run: x")
    (tmp_path / "b.yaml").write_text("foo: 1")
    result = styx("compat", "check", ".")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.split()[:3] for line in lines[:2]] == [["FILE", "STYX", "KIND"], ["a.yaml", "ok", "task"]]
    assert lines[2].endswith("1: foo: there is no field of this name")
    assert lines[-1] == "files 2, read 1"


def test_with_verdicts(styx, tmp_path: Path):
    """Each file has a line; only a difference that nothing explains makes the command fail."""
    (tmp_path / "a.yaml").write_text("run: x")
    (tmp_path / "b.yaml").write_text("num_nodes: '1'")
    verdicts = {
        "a.yaml": {**OK, "tasks": [TASK]},
        "b.yaml": {"verdict": "error", "error_text": "Invalid task YAML: '1' is not of type 'integer'."},
    }
    (tmp_path / "verdicts.json").write_text(json.dumps(verdicts))
    result = styx("compat", "check", ".")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[1].split() == ["a.yaml", "ok", "ok", "task", "agree"]
    assert lines[2].endswith("wider, on purpose: quoted-numbers")
    assert lines[-1] == "files 2, agree 1, differ 1 (explained 1)"
    (tmp_path / "a.yaml").write_text("num_nodes: 2\nrun: x")
    result = styx("compat", "check", ".", "-o", "json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert [found.pop(key) for key in ("files", "agree", "differ", "explained")] == [2, 0, 2, 1]
    assert found["rows"][0] == {
        "file": "a.yaml",
        "skypilot": "ok",
        "styx": "ok",
        "kind": "task",
        "agree": False,
        "difference": None,
        "why": "tasks[0].num_nodes: SkyPilot 1, Styx 2",
    }


def test_no_directory(styx, tmp_path: Path):
    """A directory that is none is a wrong argument."""
    result = styx("compat", "check", str(tmp_path / "gone"))
    assert result.exit_code == 2
    assert "is not a directory" in result.stderr
