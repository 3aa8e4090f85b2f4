"""What takes a while: asked for once, watched until it has ended, and cancelled there when it is interrupted here."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from styx.api.errors import StyxError, from_wire
from styx.client.remote.events import Event, Stream
from styx.client.remote.http import Http, new_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from styx.client.protocol import Progress
    from styx.dags.model import Report

Hear = Callable[[Event], None]


@dataclass(eq=False, slots=True)
class _UnderWay:
    """Something that a thread waits for: its number, once the server has said it, and whether it is to end."""

    number: str | None = None
    interrupted: bool = False


class Requests:
    """What one client has a server do. Threads may share it."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._under_way: set[_UnderWay] = set()

    def run(
        self, method: str, path: str, body: object = None, *, hear: Hear, query: Mapping[str, object] | None = None
    ) -> Any:
        """Have it done and return what came of it, as JSON data. Raises the error that it has failed with.

        On KeyboardInterrupt it is cancelled, and the interrupt goes on once the server has left things in order; a
        second one leaves that to the server.
        """
        key, mine = new_key(), _UnderWay()
        said: Stream | None = None

        def ask() -> Stream:
            mine.number = str(self._http.json(method, path, body, query=query or {}, key=key)["id"])
            if mine.interrupted:
                self._cancel(mine.number)
            return Stream(self._http, f"/v1/requests/{mine.number}/events", begun=True)

        self._under_way.add(mine)
        try:
            said = ask()
            ended = self._watch(said, mine, hear)
        except KeyboardInterrupt:
            with suppress(StyxError):  # there is nobody to tell
                said = said or ask()  # under the same key: it is the same request, if that has arrived
                self._cancel(mine.number)
                self._watch(said, mine, hear)
            raise
        finally:
            self._under_way.discard(mine)
        if ended.get("error"):
            raise from_wire(ended["error"])
        if ended["state"] != "succeeded":
            raise StyxError("it was cancelled at the server", hint="`styx status` shows what is there.")
        return ended["result"]

    def interrupt(self) -> bool:
        """Cancel what other threads have done here, who go on waiting for its end; whether there is anything."""
        found = [*self._under_way]
        for each in found:
            each.interrupted = True  # before it is looked whether it has a number by now
            if each.number is not None:
                self._cancel(each.number)
        return bool(found)

    def _cancel(self, number: str | None) -> None:
        self._http.json("POST", f"/v1/requests/{number}/cancel")

    def _watch(self, said: Stream, mine: _UnderWay, hear: Hear) -> Mapping[str, Any]:
        """Pass on what it says until it has ended; how it has. Raises the error that it has failed with."""
        for event in said:
            if event.name == "result":
                return cast("Mapping[str, Any]", event.data)
            hear(event)
        return cast("Mapping[str, Any]", self._http.json("GET", f"/v1/requests/{mine.number}"))


def telling(progress: Progress) -> Hear:
    """Pass phases on."""

    def hear(event: Event) -> None:
        if event.name == "progress":
            progress(event.data["phase"], event.data["sentence"])

    return hear


def reporting(report: Report) -> Hear:
    """Pass on what a run of a Dag says."""

    def hear(event: Event) -> None:
        if event.name == "report":
            report(event.data["task"], event.data["kind"], event.data["text"])

    return hear
