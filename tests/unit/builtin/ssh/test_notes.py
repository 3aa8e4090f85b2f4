"""What is noted about attempts, and that a missing note never claims anything."""

from __future__ import annotations

from pathlib import Path

from styx.api import Owner
from styx.builtin.ssh import notes as module
from styx.builtin.ssh.notes import Note, Notes

OWNER = Owner("abc123", "train", "a123")


def test_a_note_comes_back(tmp_path: Path) -> None:
    """The last note written is the one that counts."""
    notes = Notes(tmp_path / "notes")
    notes.write(OWNER, ["a", "b"], [])
    notes.write(OWNER, ["a", "b"], ["a"])
    assert notes.read(OWNER) == Note(frozenset({"a", "b"}), frozenset({"a"}))


def test_what_is_not_noted_is_not_known(tmp_path: Path) -> None:
    """A missing, torn or foreign note is None, which leaves every question open."""
    notes = Notes(tmp_path)
    assert notes.read(OWNER) is None
    for text in ('{"may": ["a"', "[]", '{"may": ["a"]}', '{"may": 5, "asked": []}'):
        (tmp_path / OWNER.name).write_text(text)
        assert notes.read(OWNER) is None


def test_where_nothing_can_be_written_nothing_is_claimed(tmp_path: Path) -> None:
    """A state directory that cannot be made loses notes, not launches."""
    (tmp_path / "file").write_text("")
    notes = Notes(tmp_path / "file")
    notes.write(OWNER, ["a"], [])
    assert notes.read(OWNER) is None


def test_old_notes_are_dropped(tmp_path: Path, monkeypatch) -> None:
    """The directory does not grow for ever; the newest stay."""
    monkeypatch.setattr(module, "_KEEP", 3)
    notes = Notes(tmp_path)
    for number in range(6):
        notes.write(Owner("abc123", "train", f"a00{number}"), ["a"], [])
    assert len(list(tmp_path.iterdir())) == 3
    assert notes.read(Owner("abc123", "train", "a005")) is not None


def test_what_holds_a_machine_is_kept_longest(tmp_path: Path, monkeypatch) -> None:
    """A cluster that lives long is not forgotten for all that came and went since."""
    monkeypatch.setattr(module, "_KEEP", 3)
    notes = Notes(tmp_path)
    notes.write(OWNER, ["a"], ["a"])
    for number in range(6):
        notes.write(Owner("abc123", "train", f"a00{number}"), ["a"], [])
    assert notes.read(OWNER) is not None
