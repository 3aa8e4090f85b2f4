"""What a server listed last, clusters and managed jobs, for shell completion: it is far, and a user is waiting."""

from __future__ import annotations

import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

NAME = "seen.json"
_MOST = 1000  # clusters
_MOST_JOBS = 200


class Seen:
    """What was listed of a server: names of clusters; number, name and state of managed jobs, newest first."""

    def __init__(self, clusters: list[str], jobs: list[tuple[int, str, str]]) -> None:
        self.clusters = clusters
        self.jobs = jobs


def seen() -> Seen | None:
    """What is known of the server that commands work with; None where there is none. Never raises."""
    # As in styx.store.peek and styx.client.login, which would take longer to import than this takes.
    url = os.environ.get("STYX_API_URL") or _read("api.json").get("url")
    if not url:
        return None
    kept = _read(NAME)
    if not str(kept.get("url", "")).endswith(str(url).rstrip("/")):  # https:// may have been left out
        return Seen([], [])
    return _seen(kept)


def note(url: str, clusters: Iterable[str] | None = None, jobs: Iterable[tuple[int, str, str]] = ()) -> None:
    """Write down all clusters of a server, and some of its managed jobs. Best effort: it is only for completion."""
    before = _read(NAME)
    known = _seen(before) if before.get("url") == url else Seen([], [])
    listed = {**{job[0]: job for job in known.jobs}, **{job[0]: job for job in jobs}}
    names = known.clusters if clusters is None else sorted(clusters)[:_MOST]
    now = {"url": url, "clusters": names, "jobs": sorted(map(list, listed.values()), reverse=True)[:_MOST_JOBS]}
    if now != before:
        _write(now)


def _seen(kept: dict[str, Any]) -> Seen:
    try:
        jobs = [(int(number), str(name), str(state)) for number, name, state in kept.get("jobs", [])]
        return Seen(list(map(str, kept.get("clusters", []))), jobs)
    except (TypeError, ValueError):  # written by nobody of ours
        return Seen([], [])


def _path(name: str) -> str:
    return os.path.join(os.environ.get("STYX_HOME") or os.path.expanduser("~/.styx"), name)  # noqa: PTH111, PTH118


def _read(name: str) -> dict[str, Any]:
    try:
        with open(_path(name), encoding="utf-8") as file:  # noqa: PTH123
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(content: dict[str, Any]) -> None:
    from contextlib import suppress

    from styx.replacing import replacing

    path = _path(NAME)
    draft = f"{path}.{os.getpid()}"
    with suppress(OSError), replacing(path, draft), open(draft, "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(content, file)
