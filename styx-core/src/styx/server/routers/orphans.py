"""What is there of this installation that no cluster on record stands for."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from styx.api.errors import BadInput
from styx.client.wire import dump
from styx.engine.orphans import Orphan, Search
from styx.server.auth.access import IN_TURN, AdminOf, CallerOf
from styx.server.auth.tokens import Level
from styx.server.http.routing import routes
from styx.server.http.submitting import SubmitOf
from styx.server.models import RequestOut
from styx.server.parts import PartsOf
from styx.store.records import ClusterRecord

router = routes("orphans", "/v1/orphans")


def orphan_of(body: Orphan) -> Orphan:
    """An orphan that is something. Raises BadInput."""
    if body.owner is None and not body.nodes and not body.leftovers:
        raise BadInput("an orphan without an owner is a node or something left over", hint="GET /v1/orphans has them.")
    return body


OrphanIn = Annotated[Orphan, Depends(orphan_of)]


@router.get("", dependencies=[IN_TURN])
async def orphans(caller: CallerOf, parts: PartsOf) -> Search:
    """All orphans, in every place that can be looked at. Asks every cloud."""
    found = await parts.engine.orphans()
    if not found.orphans and not found.unseen and caller.level > Level.READ:  # viewers change nothing
        await parts.off_loop(parts.store.nothing_is_lost)
    return found


@router.post("/adopt")
async def adopt(body: OrphanIn, parts: PartsOf, _admin: AdminOf) -> ClusterRecord:
    """Take an orphan, as it was told, up as a cluster."""
    return await parts.engine.adopt(body)


@router.post("/discard", status_code=202)
async def discard(body: OrphanIn, submit: SubmitOf, _admin: AdminOf) -> RequestOut:
    """Remove all of an orphan, as it was told."""
    return await submit("discard", {"orphan": dump(body)})
