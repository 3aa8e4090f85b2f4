"""What routes need of the server they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Protocol

from fastapi import Depends, Request

if TYPE_CHECKING:
    from styx.client.embedded import EmbeddedClient
    from styx.engine.engine import Engine
    from styx.sealing import Sealer
    from styx.server.files.uploads import Uploads
    from styx.server.http.sse import Streams
    from styx.server.settings import Settings
    from styx.server.terminals.shells import Shells
    from styx.server.work.requests import Requests
    from styx.store import Store
    from styx.threads import OffLoop


class Runtime(Protocol):
    """Who works on managed jobs; see styx.jobs.runtime.JobRuntime."""

    @property
    def server_id(self) -> str:
        """Under which the server is on record now. It is another once that was taken over."""

    @property
    def trouble(self) -> str:
        """Why it cannot work right now; empty while it can."""

    async def start(self) -> None:
        """Go on record and begin."""

    async def stop(self) -> None:
        """Leave what is under way to others."""

    def nudge(self) -> None:
        """Look for work now."""


@dataclass(frozen=True, slots=True)
class Parts:
    """One server."""

    engine: Engine
    runtime: Runtime
    sealer: Sealer
    settings: Settings
    off_loop: OffLoop
    requests: Requests
    streams: Streams
    shells: Shells
    uploads: Uploads
    client: EmbeddedClient

    @property
    def store(self) -> Store:
        """What the installation remembers."""
        return self.engine.context.store


def parts_of(request: Request) -> Parts:
    """The server that the request came to."""
    parts: Parts = request.app.state.parts
    return parts


PartsOf = Annotated["Parts", Depends(parts_of)]
