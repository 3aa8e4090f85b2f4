"""The output of a job of a cluster, as the server sends it; a stream that breaks is read on from where it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from styx.api.backend import LogChunk
from styx.client.remote.events import Stream
from styx.client.wire import load

if TYPE_CHECKING:
    from styx.client.remote.http import Http


def chunks(
    http: Http, path: str, *, follow: bool, tail: int | None, rank: int | None, offsets: Mapping[int, int] | None
) -> Iterator[LogChunk]:
    """What each rank has written, and with ``follow`` writes until the job has ended."""
    at = ",".join(f"{number}:{offset}" for number, offset in (offsets or {}).items())
    query = {"follow": follow, "tail": tail, "rank": rank, "offsets": at or None}
    for event in Stream(http, path, query):
        yield load(LogChunk, event.data)
