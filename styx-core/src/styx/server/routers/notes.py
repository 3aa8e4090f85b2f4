"""What is to be told beside the clusters: what may be there, and billed, though no record says so."""

from __future__ import annotations

import asyncio
from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from styx.server.bodies import Route
from styx.server.parts import PartsOf

router = APIRouter(prefix="/v1", tags=["records"], route_class=Route)


class Notes(BaseModel):
    """All of it is empty where everything is in order."""

    lost: tuple[str, datetime] | None = Field(
        default=None, description="the installation's id, and when its database was made anew because it had been lost"
    )
    passed_over: list[str] = Field(description="clusters on record only in the home's own database, which is not used")
    given_up: list[str] = Field(description="clusters of which something may be left that a refresh removes")


@router.get("/notes")
async def notes(parts: PartsOf) -> Notes:
    """What else may be there and billed. Asks no cloud."""
    return await asyncio.to_thread(_found, parts)


def _found(parts: PartsOf) -> Notes:
    client = parts.client
    return Notes(lost=client.lost(), passed_over=client.passed_over(), given_up=client.given_up())
