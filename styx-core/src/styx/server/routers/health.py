"""Whether the server lives, and whether it can work."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from styx import __version__
from styx.client.refusals import Unavailable
from styx.server.gate import HEALTH
from styx.server.parts import PartsOf
from styx.server.routing import routes

router = routes("health")


class Health(BaseModel):
    """That it lives."""

    status: Literal["ok"] = "ok"
    version: Annotated[str, Field(examples=["0.1.0"])] = __version__


_OK = Health()


@router.get(HEALTH)
async def health() -> Health:
    """Whether the process lives. Asks nothing else, and needs no token."""
    return _OK  # the gate answers it before it comes here


@router.get("/ready")
async def ready(parts: PartsOf) -> Health:
    """Whether requests can be served: the store answers, and the server is not ending. Needs no token."""
    if parts.streams.closing.is_set():
        raise Unavailable("the server is ending")
    await parts.off_loop(parts.store.now)
    return _OK
