"""The jobs of this cluster, on the head's disk: one SQLite file that only the running agent writes."""

from __future__ import annotations

import json
import os
import sqlite3

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, Mapping

LIVE = ("pending", "setting_up", "running")
# What each version of the table adds to the one before, in order. Add only, and nothing without a default: an agent
# takes up the table of any older one, and one that is replaced by an older one has left it what it needs.
_VERSIONS = [
    """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, name TEXT NOT NULL, user TEXT NOT NULL,
    state TEXT NOT NULL, submitted_at REAL NOT NULL, started_at REAL, ended_at REAL, exit_code INTEGER,
    num_nodes INTEGER NOT NULL, cpus REAL NOT NULL, gpus REAL NOT NULL,
    ranks TEXT NOT NULL DEFAULT '{}', reason TEXT NOT NULL DEFAULT '', spec TEXT NOT NULL, placement TEXT
);
CREATE INDEX IF NOT EXISTS jobs_live ON jobs (id) WHERE ended_at IS NULL;
"""
]
_COLUMNS = (
    "id", "key", "name", "user", "state", "submitted_at", "started_at", "ended_at", "exit_code", "num_nodes", "cpus",
    "gpus", "ranks", "reason",
)  # fmt: skip


def open_table(path: str, after: int) -> Table:
    """Open the table, made if need be. A damaged one is put aside; numbers then go on after ``after``."""
    try:
        return Table(path)
    except sqlite3.OperationalError:
        raise  # the disk is full or cannot be written: the file may be fine
    except sqlite3.DatabaseError:
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(path + suffix):
                os.replace(path + suffix, f"{path}.damaged{suffix}")
    table = Table(path)
    table.number_after(after)
    return table


class Table:
    """Raises sqlite3.OperationalError when the disk is full; nothing is half done then."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, cached_statements=16)
        self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # one agent a state: no shared memory, no locking
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA cache_size = -512")
        self._bring_up_to_date()

    def _bring_up_to_date(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if not version and self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'jobs_live'").fetchone():
            version = 1  # from before versions were noted; nothing is written, for the disk may be full
        for added in _VERSIONS[version:]:
            version += 1
            try:
                self._connection.executescript(f"BEGIN IMMEDIATE;{added};PRAGMA user_version = {version};COMMIT;")
            except sqlite3.Error:
                self._connection.close()  # which undoes what was begun
                raise

    def number_after(self, number: int) -> None:
        """Give the next job a number above this one."""
        self._connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('jobs', ?)", (number,))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def fact(self, name: str) -> Any:
        """Return a stored value, None when there is none."""
        row = self._connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def set_fact(self, name: str, value: Any) -> None:
        """Store a value."""
        self._connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, json.dumps(value)))

    def by_key(self, key: str) -> int | None:
        """Return the id of the job with this key."""
        row = self._connection.execute("SELECT id FROM jobs WHERE key = ?", (key,)).fetchone()
        return None if row is None else int(row[0])

    def insert(self, spec: Mapping[str, Any], submitted_at: float) -> int:
        """Enter a new pending job; ``spec`` holds no secret. Return its id."""
        columns = [spec[name] for name in ("key", "name", "user", "num_nodes", "cpus", "gpus")]
        cursor = self._connection.execute(
            "INSERT INTO jobs (key, name, user, num_nodes, cpus, gpus, state, submitted_at, spec)"
            " VALUES (?, ?, ?, ?, ?, ?, 'pending', ?, ?)",
            [*columns, submitted_at, json.dumps(spec)],
        )
        return int(cursor.lastrowid or 0)

    def update(self, job: Mapping[str, Any], placement: Any) -> None:
        """Store where a job stands, by its id."""
        self._connection.execute(
            "UPDATE jobs SET state = ?, started_at = ?, ended_at = ?, exit_code = ?, ranks = ?, reason = ?,"
            " placement = ? WHERE id = ?",
            [
                *(job[name] for name in ("state", "started_at", "ended_at", "exit_code")),
                json.dumps(job["ranks"]),
                job["reason"],
                json.dumps(placement),
                job["id"],
            ],
        )

    def jobs(self, ids: Iterable[int] | None, before: int, limit: int) -> list[dict[str, Any]]:
        """Return the newest ``limit`` jobs with an id below ``before``, of those in ``ids`` if given."""
        query = f"SELECT {', '.join(_COLUMNS)} FROM jobs WHERE id < ?"
        if ids is not None:
            query += f" AND id IN ({','.join(str(int(number)) for number in ids)})"
        rows = self._connection.execute(query + " ORDER BY id DESC LIMIT ?", (before, limit))
        return [_job(row) for row in rows]

    def live(self) -> list[tuple[dict[str, Any], dict[str, Any], Any]]:
        """Return (job, spec, placement) of every job that has not ended, oldest first."""
        rows = self._connection.execute(
            f"SELECT {', '.join(_COLUMNS)}, spec, placement FROM jobs WHERE ended_at IS NULL ORDER BY id"
        )
        return [(_job(row), json.loads(row[-2]), json.loads(row[-1] or "null")) for row in rows]

    def spec(self, job: int) -> dict[str, Any] | None:
        """Return a job as it was submitted, with ``placement``."""
        row = self._connection.execute("SELECT spec, placement FROM jobs WHERE id = ?", (job,)).fetchone()
        return None if row is None else dict(json.loads(row[0]), placement=json.loads(row[1] or "null"))


def _job(row: tuple[Any, ...]) -> dict[str, Any]:
    job = dict(zip(_COLUMNS, row))
    job["ranks"] = json.loads(job["ranks"])
    return job
