"""Names for shell completion."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from styx.store import Store
from styx.store.peek import cluster_names, managed_jobs
from support.job_records import new_job
from support.records import cluster


def test_names_are_read_sorted(tmp_path: Path) -> None:
    """All clusters are named, also while the database is open elsewhere and under a path with odd characters."""
    home = tmp_path / "a?b#c%20d é"
    with Store.open(home=home) as store:
        for name in ("zeta", "alpha"):
            store.clusters.create(cluster(name))
        assert cluster_names(home) == ["alpha", "zeta"]
    assert cluster_names(home) == ["alpha", "zeta"]


def test_managed_jobs_are_read_newest_first(tmp_path: Path) -> None:
    """Number, name and state of each; none where the database is of a version that had none."""
    with Store.open(home=tmp_path) as store:
        store.jobs.submit([new_job("a"), new_job("b", "eval")])
    assert managed_jobs(tmp_path) == [(2, "eval", "pending"), (1, "train", "pending")]
    (tmp_path / "old").mkdir()
    sqlite3.connect(tmp_path / "old" / "state.db").close()
    assert managed_jobs(tmp_path / "old") == []


@pytest.mark.parametrize("content", [b"", b"not a database at all", None])
def test_nothing_is_raised_or_written(tmp_path: Path, content: bytes | None) -> None:
    """A missing, empty or damaged database gives no names and is left as it is."""
    file = tmp_path / "state.db"
    if content is not None:
        file.write_bytes(content)
    assert cluster_names(tmp_path) == []
    assert (file.read_bytes() if file.exists() else None) == content
    assert cluster_names(tmp_path / "nowhere") == []


def test_peeking_imports_next_to_nothing() -> None:
    """Neither SQLAlchemy nor what it brings is imported."""
    code = (
        "import sys; from styx.store.peek import cluster_names; cluster_names(None);"
        "print(*[m for m in ('sqlalchemy', 'pathlib', 'asyncio', 'dataclasses') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}; {code}"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout.strip() == ""
