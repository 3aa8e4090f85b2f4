"""Server-sent events: read as they come, and read on from the last one where a connection breaks."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from urllib3.exceptions import HTTPError

from styx.api.errors import TransportError
from styx.client.remote.http import Http, ServerUnreachable, Sleep, problem
from styx.client.wire import Said

END, PROBLEM = "end", "problem"
_TRIES = 8  # in a row that bring no event: about as long as a server takes that is started anew
_PAUSE, _LONGEST_PAUSE = 0.2, 5.0  # seconds between them, twice as long each time
_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name, its data, and what the server goes on after."""

    name: str
    data: Any
    id: str = ""


def parse(pieces: Iterable[bytes]) -> Iterator[Event]:
    """The events of a stream that comes in any pieces; one that is cut off is none. Raises ValueError for no JSON."""
    rest = b""
    name, data, number = "", [], ""  # type: str, list[str], str
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in map(bytes.decode, lines):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not line:
                if data:
                    yield Event(name, json.loads("\n".join(data), object_hook=Said), number)
                name, data, number = "", [], ""
            elif field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif field == "id":
                number = value


class Stream:
    """The events at one address until the server says that they end. Who stopped reading can go on where that was.

    A connection that breaks, or says nothing for too long, is followed by another that goes on where it was. Until one
    has been ``begun`` a server that does not answer is waited for no longer than anywhere else.
    """

    def __init__(
        self,
        http: Http,
        path: str,
        query: Mapping[str, object] | None = None,
        *,
        begun: bool = False,
        sleep: Sleep = time.sleep,
    ) -> None:
        self._http = http
        self._path = path
        self._query = query or {}
        self._begun = begun
        self._sleep = sleep
        self._last = ""

    def __iter__(self) -> Iterator[Event]:
        """Raises TransportError once several tries in a row have brought nothing, and what the server tells of."""
        fruitless = 0
        while True:
            try:
                for event in self._connection():
                    fruitless = 0
                    if event.name == END:
                        return
                    if event.name == PROBLEM:
                        raise problem(
                            int(event.data.get("status", 500)), json.dumps(event.data).encode(), self._http.url
                        )
                    self._last = event.id or self._last
                    yield event
                broken: Exception = ValueError("it ended early")
            except (HTTPError, ValueError) as error:
                broken = error
            except ServerUnreachable as error:
                if not self._begun:
                    raise
                broken = error
            fruitless += 1
            if fruitless > _TRIES:
                raise TransportError(
                    f"what the server at {self._http.url} sends breaks off again and again: {broken}",
                    hint="What was asked for goes on there, if it lives. Something in between may end long answers.",
                ) from broken
            self._sleep(min(_LONGEST_PAUSE, _PAUSE * 2.0**fruitless))

    def _connection(self) -> Iterator[Event]:
        headers = {"accept": "text/event-stream", **({"last-event-id": self._last} if self._last else {})}
        answer = self._http.stream(self._path, headers, self._query)
        self._begun = True
        whole = False
        try:
            for event in parse(answer.stream(_PIECE)):
                yield event
                whole = event.name == END
        finally:
            answer.drain_conn() if whole else answer.close()
