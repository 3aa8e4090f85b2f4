"""What takes a while: asked for once, watched until it has ended, and cancelled there when it is interrupted here."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from styx.api.errors import StyxError
from styx.client.remote.events import Event, Stream
from styx.client.remote.http import Http, new_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from styx.client.protocol import Progress
    from styx.dags.model import Report

Hear = Callable[[Event], None]


class Requests:
    """The requests of one client to one server."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def run(
        self, method: str, path: str, body: object = None, *, hear: Hear, query: Mapping[str, object] | None = None
    ) -> Any:
        """Have it done and return what came of it, as JSON data. Raises the error that it has failed with.

        On KeyboardInterrupt it is cancelled, and the interrupt goes on once the server has left things in order; a
        second one leaves that to the server.
        """
        key = new_key()
        number: str | None = None

        def ask() -> str:
            return str(self._http.json(method, path, body, query=query or {}, key=key)["id"])

        try:
            number = ask()
            ended = self._watch(number, hear)
        except KeyboardInterrupt:
            with suppress(StyxError):  # there is nobody to tell
                number = number or ask()  # under the same key: it is the same request, if that has arrived
                self._http.json("POST", f"/v1/requests/{number}/cancel")
                self._watch(number, hear)
            raise
        if ended["state"] != "succeeded":
            raise StyxError("it was cancelled at the server", hint="`styx status` shows what is there.")
        return ended["result"]

    def _watch(self, number: str, hear: Hear) -> Mapping[str, Any]:
        """Pass on what it says until it has ended; how it has. Raises the error that it has failed with."""
        path = f"/v1/requests/{number}"
        for event in Stream(self._http, f"{path}/events"):
            if event.name == "result":
                return cast("Mapping[str, Any]", event.data)
            hear(event)
        return cast("Mapping[str, Any]", self._http.json("GET", path))


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
