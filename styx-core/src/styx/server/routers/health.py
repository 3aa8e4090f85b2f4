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


class Readiness:
    """Asks once for all who want to know within a second: they need no token, and are not to keep the store busy."""

    def __init__(self) -> None:
        self._asked: asyncio.Future[object] | None = None
        self._until = 0.0

    async def of(self, ask: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Raises what asking raises."""
        now = asyncio.get_running_loop().time()
        if self._asked is None or (self._asked.done() and now >= self._until):
            self._asked, self._until = asyncio.ensure_future(ask()), now + _SECONDS
        await asyncio.shield(self._asked)


@router.get(HEALTH)
async def health() -> Health:
    """Whether the process lives. Asks nothing else, and needs no token."""
    return _OK  # the gate answers it before it comes here


@router.get("/ready")
async def ready(request: Request, parts: PartsOf) -> Health:
    """Whether requests can be served: the store answers, and the server is not ending. Needs no token."""
    if parts.streams.closing.is_set():
        raise Unavailable("the server is ending")
    readiness: Readiness = request.app.state.readiness
    await readiness.of(partial(parts.off_loop, parts.store.now))
    return _OK
