"""What happened and what it cost; what this installation has, and what is wrong with it."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, Field

from styx.client.costs import CostReport
from styx.client.protocol import CheckResult
from styx.client.refusals import NoSuchThing
from styx.hookspecs import DoctorFinding
from styx.plugins.status import Plugin
from styx.server.auth.access import IN_TURN
from styx.server.http.responses import NAME, After, Limit, last_page, number, whole
from styx.server.http.routing import routes
from styx.server.models import Page
from styx.server.parts import PartsOf
from styx.store.records import EventRecord
from styx.threads import Pool

router = routes("records", "/v1")

_asking = Pool(32, "styx-question")  # for what may wait for providers

Word = Annotated[str, Path(max_length=200)]


class PluginOut(BaseModel):
    """An installed plugin, and whether it can be used."""

    name: str
    distribution: str
    version: str
    status: str = Field(description="ok, disabled, incompatible, broken, conflict or missing-dependency")
    reason: str
    fix: str
    summary: str
    provides: list[dict[str, Any]] = Field(description="kind, name and capabilities of each")
    implements: list[str] = Field(description="its hooks")

    @classmethod
    def of(cls, plugin: Plugin) -> PluginOut:
        """As its manifest says."""
        entry, manifest = plugin.entry, plugin.manifest
        provides = [{key: each[key] for key in ("kind", "name", "capabilities")} for each in manifest["provides"]]
        return cls(
            name=plugin.name,
            distribution=entry["distribution"],
            version=entry["version"],
            status=plugin.status,
            reason=plugin.reason,
            fix=plugin.fix,
            summary=manifest["summary"],
            provides=provides,
            implements=list(manifest["implements"]),
        )


class Policy(BaseModel):
    """What credentials must be allowed, in the provider's own language."""

    policy: str


@router.get("/events")
async def events(
    parts: PartsOf,
    cluster: Annotated[str | None, Query(pattern=NAME, examples=["dev"])] = None,
    kind: Annotated[str | None, Query(max_length=50, description="of one cluster", examples=["state"])] = None,
    after: After = None,
    limit: Limit = 100,
) -> Page[EventRecord]:
    """What happened to clusters, or to one, oldest first; also after they are gone. The last so many come first."""
    find = parts.store.events.of
    found = await parts.off_loop(find, cluster, limit + 1, before=number(after), kind=kind)
    return last_page(found, limit)  # type: ignore[return-value]


@router.get("/costs", dependencies=[IN_TURN])
async def costs(parts: PartsOf, days: Annotated[int | None, Query(ge=0, le=36500)] = None) -> CostReport:
    """What clusters have cost, ever or in the last days."""
    return await _asking(parts.client.costs, days)


@router.get("/billed", responses={200: {"content": {"application/json": {"example": {"dev": "1.006"}}}}})
async def billed(parts: PartsOf) -> dict[str, Decimal | None]:
    """What clusters are billed for right now: USD an hour, null where nobody knows."""
    return {span.cluster: span.hourly_cost for span in await parts.off_loop(parts.store.spans.going_on)}


@router.get("/clouds", dependencies=[IN_TURN])
async def clouds(
    parts: PartsOf,
    name: Annotated[list[Annotated[str, Query(max_length=100)]], Query(max_length=100)] = [],  # noqa: B006
) -> Page[CheckResult]:
    """Whether each cloud and store can be used. Asks them."""
    return whole(await _asking(parts.client.check, name))  # type: ignore[return-value]


@router.get("/clouds/{name}/policy")
async def policy(name: Word, parts: PartsOf) -> Policy:
    """What the credentials of a cloud must be allowed."""
    return Policy(policy=await asyncio.to_thread(parts.client.policy, name))


@router.get("/doctor", dependencies=[IN_TURN])
async def doctor(parts: PartsOf) -> Page[DoctorFinding]:
    """Whether the server's installation is in order."""
    return whole(await _asking(parts.client.doctor))  # type: ignore[return-value]


@router.get("/plugins")
async def plugins(parts: PartsOf) -> Page[PluginOut]:
    """The plugins of the server."""
    return whole([PluginOut.of(each) for each in parts.engine.context.plugins.plugins])  # type: ignore[return-value]


@router.get("/plugins/{name}")
async def plugin(name: Word, parts: PartsOf) -> PluginOut:
    """One plugin."""
    for each in parts.engine.context.plugins.plugins:
        if each.name == name:
            return PluginOut.of(each)
    raise NoSuchThing(f"no plugin is called {name!r}", hint="GET /v1/plugins lists them.")
