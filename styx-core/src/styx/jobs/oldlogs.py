"""Output of managed jobs that has been kept for long enough."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from styx.jobs.logs import FOLDER
from styx.store import Store


def folders(home: Path) -> list[Path]:
    """The directories that have logs, oldest first."""
    found = [place for place in (home / FOLDER).glob("*") if place.name.isdecimal()]
    return sorted(found, key=lambda place: int(place.name))


def forget(folder: Path, store: Store, now: datetime, logs: timedelta | None, jobs: timedelta | None) -> None:
    """Remove logs to which nothing was added for so long, of jobs that had ended by then or are on record no more.

    ``logs`` is for how long those are kept whose jobs are, ``jobs`` for how long jobs are; None is for ever. Another
    server may do the same. Raises StoreError.
    """
    kept = [each for each in (logs, jobs) if each is not None]
    if not kept:
        return
    old = _untouched(folder, (now - min(kept)).timestamp())
    if old:
        needed = store.pruning.kept(old, None if logs is None else now - logs)
        for path in (path for job, paths in old.items() if job not in needed for path in paths):
            with suppress(OSError):
                path.unlink()


def _untouched(folder: Path, since: float) -> dict[int, list[Path]]:
    """The files of each job of which none was changed since."""
    found: dict[int, list[Path]] = defaultdict(list)
    young: set[int] = set()
    for path in folder.iterdir():
        number = path.name.partition(".")[0]
        if not number.isdecimal():
            continue
        found[int(number)].append(path)
        with suppress(OSError):  # it has just gone
            if path.stat().st_mtime > since:
                young.add(int(number))
    return {job: paths for job, paths in found.items() if job not in young}
