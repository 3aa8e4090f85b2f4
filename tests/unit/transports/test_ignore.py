"""Which files stay at home."""

from __future__ import annotations

from pathlib import Path

import pytest

from styx.api import InvalidTask
from styx.transports.ignore import Ignore


def write(root: Path, files: dict[str, str]) -> Path:
    """Make these files below ``root``."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_without_ignore_files_everything_goes(tmp_path: Path):
    """Nothing is left out by default, not even .git: tasks may ask it for their version."""
    rules = Ignore(tmp_path)
    assert not rules.matches("a/b.pyc", directory=False)
    assert not rules.matches(".git", directory=True)


def test_gitignore_has_the_syntax_of_git(tmp_path: Path):
    """Anchors, directories, negation and comments."""
    rules = Ignore(write(tmp_path, {".gitignore": "# text\n*.log\n!keep.log\n/build/\ndata/*.bin\n"}))
    assert rules.matches("a/x.log", directory=False)
    assert not rules.matches("a/keep.log", directory=False)
    assert rules.matches("build", directory=True)
    assert not rules.matches("build", directory=False)
    assert not rules.matches("sub/build", directory=True)
    assert rules.matches("data/x.bin", directory=False)


def test_the_deepest_gitignore_decides(tmp_path: Path):
    """A directory may take back what one above it says, for what is below it."""
    rules = Ignore(write(tmp_path, {".gitignore": "*.log\n", "sub/.gitignore": "!x.log\n/only\n"}))
    rules.enter("sub")
    assert rules.matches("x.log", directory=False)
    assert not rules.matches("sub/x.log", directory=False)
    assert not rules.matches("sub/deep/x.log", directory=False)
    assert rules.matches("sub/y.log", directory=False)
    assert rules.matches("sub/only", directory=False)
    assert not rules.matches("only", directory=False)


def test_git_info_exclude_counts_too(tmp_path: Path):
    """As it does for git; .gitignore has the later and so the last word."""
    rules = Ignore(write(tmp_path, {".git/info/exclude": "*.tmp\n*.log\n", ".gitignore": "!keep.log\n"}))
    assert rules.matches("a.tmp", directory=False)
    assert not rules.matches("keep.log", directory=False)


@pytest.mark.parametrize("name", [".styxignore", ".skyignore"])
def test_our_own_file_is_the_whole_truth(tmp_path: Path, name: str):
    """With one, no .gitignore counts, at any depth."""
    rules = Ignore(write(tmp_path, {name: "*.bin\n", ".gitignore": "*.log\n", "sub/.gitignore": "*\n"}))
    rules.enter("sub")
    assert rules.matches("a.bin", directory=False)
    assert not rules.matches("a.log", directory=False)
    assert not rules.matches("sub/x", directory=False)


def test_styxignore_wins_over_skyignore(tmp_path: Path):
    """Of both, ours is read."""
    rules = Ignore(write(tmp_path, {".styxignore": "a\n", ".skyignore": "b\n"}))
    assert rules.matches("a", directory=False)
    assert not rules.matches("b", directory=False)


def test_a_pattern_without_sense_names_its_directory(tmp_path: Path):
    """The user learns which file to mend."""
    with pytest.raises(InvalidTask, match=str(tmp_path)):
        Ignore(write(tmp_path, {".styxignore": "!\n"}))


def test_names_that_are_no_text_can_be_ignored(tmp_path: Path):
    """File names are bytes, and so are the patterns for them."""
    (tmp_path / ".gitignore").write_bytes(b"\xff*\n")
    assert Ignore(tmp_path).matches("\udcffx", directory=False)
