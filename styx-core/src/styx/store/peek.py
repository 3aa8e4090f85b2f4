"""Names for shell completion, read with ``sqlite3`` alone: SQLAlchemy would take longer than the user waits."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

DATABASE_NAME = "state.db"
_WAIT = 0.2  # seconds for a writer to finish


def cluster_names(home: Path | None = None) -> list[str]:
    """Names of all clusters, sorted; empty when there is no database, it is not SQLite, or anything goes wrong.

    Never raises and never writes.
    """
    return [name for (name,) in _read("SELECT name FROM clusters ORDER BY name", home)]


def managed_jobs(home: Path | None = None) -> list[tuple[int, str, str]]:
    """Number, name and state of the newest managed jobs, newest first; empty like :func:`cluster_names`."""
    return _read("SELECT id, name, state FROM managed_jobs ORDER BY id DESC LIMIT 200", home)


def _read(query: str, home: Path | None) -> list[Any]:
    import sqlite3

    # As in styx.config.home(), which would pull in dataclasses and the whole contract.
    root = str(home) if home is not None else os.environ.get("STYX_HOME") or os.path.expanduser("~/.styx")  # noqa: PTH111
    path = os.path.abspath(os.path.join(root, DATABASE_NAME))  # noqa: PTH100, PTH118 - pathlib costs 3 ms to import
    uri = "file:" + path.replace("%", "%25").replace("?", "%3f").replace("#", "%23") + "?mode=ro"
    try:
        connection = sqlite3.connect(uri, uri=True, timeout=_WAIT)
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()
    except (sqlite3.Error, OSError, ValueError):
        return []
