"""What a server forgets by itself: rows where it is its turn, and files below its own home."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from styx.config import Keep
from styx.jobs.logs import path_of
from styx.server import tidying
from styx.server.files.uploads import Uploads
from styx.server.settings import Settings
from styx.server.tidying import Tidying
from styx.store import Store
from styx.store.managed import JobQuery, ManagedState
from support.job_records import serve, started

NOW = datetime(2030, 1, 1, tzinfo=UTC)
WEEK = timedelta(days=7)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """One with two servers, of which "first" is the older, and three jobs that ended eight days ago, just now, and not.

    Each has a log as old as its end, and so has a job that is on record no more.
    """
    time = [NOW - WEEK - timedelta(days=1)]
    with Store.open(home=tmp_path, clock=lambda: time[0]) as store:
        serve(store, "first")
        for day in (time[0], NOW):
            time[0] = day
            job = started(store, str(day), "first")
            store.jobs.move(job.id, job.epoch, ManagedState.SUCCEEDED)
            written(path_of(tmp_path, job.id), day)
        works = started(store, "works", "first")
        written(path_of(tmp_path, works.id), NOW - WEEK - WEEK)
        written(path_of(tmp_path, 2000), NOW - WEEK - WEEK)
        serve(store, "second")
        yield store


def written(path: Path, at: datetime) -> None:
    """A log and its marks, last written then."""
    for each in (path, path.with_suffix(".marks")):
        each.parent.mkdir(parents=True, exist_ok=True)
        each.write_text("{}")
        os.utime(each, (at.timestamp(), at.timestamp()))


def logs(home: Path) -> set[str]:
    """The files below ``jobs``."""
    return {path.name for path in home.glob("jobs/*/*")}


def files(*jobs: int) -> set[str]:
    """Those of these jobs."""
    return {f"{job}.{kind}" for job in jobs for kind in ("log", "marks")}


def server(store: Store, home: Path, keep: Keep, name: str = "first") -> Tidying:
    """What tidies up for that server."""
    return Tidying(store, home, keep, Uploads(home, Settings(), tuple, keep.uploads), lambda: name)


async def test_only_the_oldest_server_forgets_rows(store: Store, tmp_path: Path) -> None:
    """So that several do not get in each other's way; what is kept for ever is not touched."""
    await server(store, tmp_path, Keep(jobs=7), "second").rows()
    await server(store, tmp_path, Keep()).rows()
    assert [job.id for job in store.jobs.page(JobQuery())] == [3, 2, 1]
    await server(store, tmp_path, Keep(jobs=7)).rows()
    assert [job.id for job in store.jobs.page(JobQuery())] == [3, 2]


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        (Keep(), files(1, 2, 3, 2000)),
        (Keep(jobs=7), files(1, 2, 3)),  # its row goes first
        (Keep(logs=7), files(2, 3)),
        (Keep(logs=7, jobs=100), files(2, 3)),
        (Keep(logs=9), files(1, 2, 3)),
    ],
)
async def test_logs_go_after_their_jobs(store: Store, tmp_path: Path, keep: Keep, left: set[str]) -> None:
    """When those have ended long ago or are gone; one that has said nothing for weeks and still runs keeps its own."""
    await server(store, tmp_path, keep).logs()
    assert logs(tmp_path) == left


async def test_it_goes_on_whatever_fails(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What cannot be done now keeps nobody from the rest, and is tried again the next time."""
    monkeypatch.setattr(tidying, "FIRST", 0)
    monkeypatch.setattr(tidying, "EVERY", 0)
    works, rounds = server(store, tmp_path, Keep(logs=7)), asyncio.Queue[None]()

    async def fail() -> None:
        rounds.put_nowait(None)
        raise OSError("no")

    monkeypatch.setattr(works, "uploads", fail)
    works.start()
    for _ in range(2):
        await rounds.get()
    await works.stop()
    assert logs(tmp_path) == files(2, 3)
    assert "going on" in caplog.text
