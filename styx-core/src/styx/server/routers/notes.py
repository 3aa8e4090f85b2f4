"""What is to be told beside the clusters: what may be there, and billed, though no record says so."""

from __future__ import annotations

import asyncio

from pydantic import BaseModel, Field

from styx.server.auth.access import IN_TURN
from styx.server.http.routing import routes
from styx.server.parts import PartsOf

router = routes("records", "/v1")


class Notes(BaseModel):
    """All of it is empty where everything is in order."""

    lost: list[str] | None = Field(
        default=None, description="the installation's id, and when its database was made anew because it had been lost"
    )
    passed_over: list[str] = Field(description="clusters on record only in the home's own database, which is not used")
    given_up: list[str] = Field(description="clusters of which something may be left that a refresh removes")


@router.get("/notes", dependencies=[IN_TURN])
async def notes(parts: PartsOf) -> Notes:
    """What else may be there and billed. Asks no cloud."""
    return await asyncio.to_thread(_found, parts)


def _found(parts: PartsOf) -> Notes:
    client = parts.client
    lost = client.lost()
    told = None if lost is None else [lost[0], lost[1].isoformat()]
    return Notes(lost=told, passed_over=client.passed_over(), given_up=client.given_up())
