"""Whether the server lives, and whether it can work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import Request
from pydantic import BaseModel, Field

from styx import __version__
from styx.client.refusals import Unavailable
from styx.server.http.gate import HEALTH
from styx.server.http.routing import routes
from styx.server.parts import PartsOf

router = routes("health")


class Health(BaseModel):
    """That it lives."""

    status: Literal["ok"] = "ok"
    version: Annotated[str, Field(examples=["0.1.0"])] = __version__


_OK = Health()
_SECONDS = 1.0
_PATIENCE = 5.0  # seconds


class Readiness:
    """Asks once for all who want to know within a second: they need no token, and are not to keep the store busy."""

    def __init__(self) -> None:
        self._asked: asyncio.Future[object] | None = None
        self._at = 0.0

    async def of(self, ask: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Raises what asking raises, and Unavailable where no answer comes within some seconds."""
        now = asyncio.get_running_loop().time()
        if self._asked is None or (self._asked.done() and now >= self._at + _SECONDS):
            self._asked, self._at = asyncio.ensure_future(ask()), now
        try:
            async with asyncio.timeout_at(self._at + _PATIENCE):
                await asyncio.shield(self._asked)
        except TimeoutError:
            raise Unavailable("the store does not answer") from None


@router.get(HEALTH)
async def health() -> Health:
    """Whether the process lives. Asks nothing else, and needs no token."""
    return _OK  # the gate answers it before it comes here


@router.get("/ready")
async def ready(request: Request, parts: PartsOf) -> Health:
    """Whether requests can be served, and managed jobs are worked on. Needs no token."""
    if parts.streams.closing.is_set():
        raise Unavailable("the server is ending")
    readiness: Readiness = request.app.state.readiness
    await readiness.of(partial(parts.off_loop, parts.store.now))
    if trouble := parts.runtime.trouble:
        raise Unavailable(f"managed jobs are not worked on: {trouble}", hint="The server's log says more.")
    return _OK
