"""The page about files in stores, word for word: its commands are run and its task is launched."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "storage.md").read_text(encoding="utf-8")

pytestmark = pytest.mark.timeout(180)


def blocks(language: str) -> list[str]:
    """The blocks of code in that language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def run_block(styx, text: str) -> list[str]:
    """Run every command; what each prints."""
    said = []
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        assert words[0] == "styx"
        done = styx(*words[1:])
        assert done.returncode == 0, (line, done.stderr)
        said.append(done.stdout)
    return said


def test_the_page_is_true(styx, tmp_path: Path) -> None:
    """Commands do what their comments say, and the task finds its files and leaves its own in the bucket."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("a\n")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "i.png").write_text("i\n")
    commands, setting = blocks("sh")
    made, copied, compared, listed, *_ = run_block(styx, commands)
    assert "is there" in made
    assert copied.startswith("Copied 1 file")
    assert compared == "There is nothing to do.\n"
    assert "file://datasets/data/a.txt" in listed
    assert (tmp_path / "copy.txt").read_text() == (tmp_path / "back" / "a.txt").read_text() == "a\n"
    run_block(styx, setting)

    (task,) = blocks("yaml")
    (tmp_path / "task.yaml").write_text(task)
    (tmp_path / "main.py").write_text("")
    assert styx("storage", "cp", "main.py", "file://datasets/code/main.py").returncode == 0
    assert styx("storage", "cp", "task.yaml", "file://datasets/task.yaml").returncode == 0
    ran = styx("launch", "-c", "c", "file://datasets/task.yaml")
    assert ran.returncode == 0, ran.stderr
    assert {"a.txt", "i.png"} <= set(ran.stdout.split())
    assert "file://datasets/out/date" in styx("storage", "ls", "file://datasets/out").stdout
    assert "file://my-scratch" in styx("storage", "ls").stdout
    assert styx("down", "c", "-y").returncode == 0
    buckets = styx("storage", "ls").stdout
    assert "file://my-scratch" not in buckets
    assert "file://my-images" in buckets


def test_a_task_out_of_a_store(styx, tmp_path: Path) -> None:
    """What is wrong in it is told with its URI and line; one that is not there, with what to do."""
    styx("storage", "create", "file://b")
    (tmp_path / "task.yaml").write_text("run: echo hi\nnum_node: 2\n")
    styx("storage", "cp", "task.yaml", "file://b")
    wrong = styx("launch", "-c", "c", "file://b/task.yaml")
    assert (wrong.returncode, "file://b/task.yaml:2:" in wrong.stderr) == (2, True), wrong.stderr
    missing = styx("launch", "-c", "c", "file://b/none.yaml")
    assert (missing.returncode, "there is nothing at file://b/none.yaml" in missing.stderr) == (1, True)
