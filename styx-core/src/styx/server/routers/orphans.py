"""What is there of this installation that no cluster on record stands for."""

from __future__ import annotations

from fastapi import APIRouter

from styx.client.wire import dump
from styx.engine.orphans import Orphan, Search
from styx.server.access import AdminOf
from styx.server.bodies import Route
from styx.server.models import RequestOut
from styx.server.parts import PartsOf
from styx.store.records import ClusterRecord

router = APIRouter(prefix="/v1/orphans", tags=["orphans"], route_class=Route)


@router.get("")
async def orphans(parts: PartsOf, _admin: AdminOf) -> Search:
    """All orphans, in every place that can be looked at. Asks every cloud."""
    found = await parts.engine.orphans()
    if not found.orphans and not found.unseen:
        await parts.off_loop(parts.store.nothing_is_lost)
    return found


@router.post("/adopt")
async def adopt(body: Orphan, parts: PartsOf, _admin: AdminOf) -> ClusterRecord:
    """Take an orphan, as it was told, up as a cluster."""
    return await parts.engine.adopt(body)


@router.post("/discard", status_code=202)
async def discard(body: Orphan, parts: PartsOf, admin: AdminOf) -> RequestOut:
    """Remove all of an orphan, as it was told."""
    return RequestOut.of(await parts.requests.submit("discard", admin.user, {"orphan": dump(body)}))
