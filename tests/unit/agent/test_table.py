"""The job table."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from styx.agent import table as module
from styx.agent.table import Table, open_table


def _spec(key: str, **fields: Any) -> dict[str, Any]:
    return {"key": key, "name": "n", "user": "u", "num_nodes": 1, "cpus": 0.5, "gpus": 0.0, "run": "true", **fields}


def test_jobs_are_kept(tmp_path: Path) -> None:
    """What is inserted and updated is there after the file is opened again, with its placement and spec."""
    table = Table(str(tmp_path / "jobs.db"))
    number = table.insert(_spec("a"), 10.0)
    record = table.jobs([number], number + 1, 1)[0]
    assert (record["state"], record["submitted_at"], record["ranks"]) == ("pending", 10.0, {})
    record.update(state="running", started_at=11.0, ranks={"0": 1}, reason="why")
    table.update(record, [[0, [1]]])
    table.close()
    table = Table(str(tmp_path / "jobs.db"))
    assert table.jobs(None, 1 << 62, 10) == [record]
    ((live, spec, placement),) = table.live()
    assert (live, spec["run"], placement) == (record, "true", [[0, [1]]])
    assert table.spec(number) == dict(spec, placement=[[0, [1]]])
    record.update(state="succeeded", ended_at=12.0, exit_code=0)
    table.update(record, [[0, [1]]])
    assert table.live() == []
    table.close()


def test_a_key_is_unique(tmp_path: Path) -> None:
    """The same key cannot be entered twice, and is found by name."""
    table = Table(str(tmp_path / "jobs.db"))
    number = table.insert(_spec("a"), 1.0)
    assert table.by_key("a") == number
    assert table.by_key("b") is None
    with pytest.raises(sqlite3.IntegrityError):
        table.insert(_spec("a"), 2.0)
    table.close()


def test_pages_are_newest_first(tmp_path: Path) -> None:
    """Pages go from the newest to the oldest, of all jobs or of some."""
    table = Table(str(tmp_path / "jobs.db"))
    numbers = [table.insert(_spec(str(index)), 1.0) for index in range(5)]
    assert [job["id"] for job in table.jobs(None, 1 << 62, 2)] == numbers[:2:-1]
    assert [job["id"] for job in table.jobs(None, numbers[3], 2)] == [numbers[2], numbers[1]]
    assert [job["id"] for job in table.jobs([numbers[0], numbers[4], 99], 1 << 62, 9)] == [numbers[4], numbers[0]]
    assert table.jobs([], 1 << 62, 9) == []
    assert table.spec(99) is None
    table.close()


def test_facts(tmp_path: Path) -> None:
    """Facts are replaced as a whole, and an unknown one is None."""
    table = Table(str(tmp_path / "jobs.db"))
    assert table.fact("x") is None
    table.set_fact("x", {"a": [1]})
    table.set_fact("x", {"b": 2})
    assert table.fact("x") == {"b": 2}
    table.close()


def test_a_damaged_file_is_put_aside(tmp_path: Path) -> None:
    """A file that is no database is kept under another name, and numbers go on above the highest that was used."""
    path = tmp_path / "jobs.db"
    path.write_bytes(b"this is not a database, and never was" * 100)
    table = open_table(str(path), after=41)
    assert table.insert(_spec("a"), 1.0) == 42
    assert (tmp_path / "jobs.db.damaged").read_bytes().startswith(b"this is not")
    table.close()


def test_a_file_that_cannot_be_opened_is_left_alone(tmp_path: Path) -> None:
    """A path that is a directory is an error and stays what it is."""
    (tmp_path / "jobs.db").mkdir()
    with pytest.raises(sqlite3.OperationalError):
        open_table(str(tmp_path / "jobs.db"), after=0)
    assert (tmp_path / "jobs.db").is_dir()


MORE = "ALTER TABLE jobs ADD COLUMN more TEXT NOT NULL DEFAULT 'none'; CREATE TABLE others (id INTEGER)"


def _columns(path: Path) -> set[str]:
    with contextlib.closing(sqlite3.connect(path)) as file:
        return {row[1] for row in file.execute("PRAGMA table_info(jobs)")}


@pytest.mark.parametrize("noted", [0, 1], ids=["from before versions were noted", "of the version before"])
def test_an_older_table_is_taken_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noted: int) -> None:
    """What the agent's version adds is added, once, and what was in it stays; an older agent still works with it."""
    path = tmp_path / "jobs.db"
    table = Table(str(path))
    number = table.insert(_spec("a"), 1.0)
    table._connection.execute(f"PRAGMA user_version = {noted}")
    table.close()
    with monkeypatch.context() as newer:
        newer.setattr(module, "_VERSIONS", [*module._VERSIONS, MORE])
        for _ in range(2):
            table = Table(str(path))
            assert table.by_key("a") == number
            table.close()
    assert "more" in _columns(path)
    older = Table(str(path))
    assert older.insert(_spec("b"), 2.0) == number + 1
    older.close()


def test_a_change_that_breaks_off_has_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the disk is full: the error is told, the file is the older one still, and is not put aside."""
    path = tmp_path / "jobs.db"
    table = Table(str(path))
    number = table.insert(_spec("a"), 1.0)
    table.close()
    with monkeypatch.context() as newer:
        newer.setattr(module, "_VERSIONS", [*module._VERSIONS, MORE + "; INSERT INTO nowhere VALUES (1)"])
        with pytest.raises(sqlite3.OperationalError):
            open_table(str(path), after=0)
    assert "more" not in _columns(path)
    table = open_table(str(path), after=0)
    assert table.by_key("a") == number
    table.close()
