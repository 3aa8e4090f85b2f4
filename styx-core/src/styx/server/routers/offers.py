"""What clouds sell, as their catalogs say."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Annotated

from fastapi import Query

from styx.api.errors import BadInput
from styx.api.offers import Accelerator, Offer, OfferQuery
from styx.catalog.query import ANY_NUMBER, catalogs
from styx.server.auth.access import IN_TURN
from styx.server.http.responses import After, Limit, number, page
from styx.server.http.routing import routes
from styx.server.models import Page

router = routes("offers", "/v1/offers")

_GPU = r"^[A-Za-z0-9][A-Za-z0-9._ +-]{0,60}(:[0-9]{1,4})?$"
Word = Annotated[str | None, Query(max_length=100)]
Least = Annotated[float | None, Query(ge=0, le=10**6, allow_inf_nan=False)]


@router.get("", dependencies=[IN_TURN])
async def offers(
    *,
    gpu: Annotated[str | None, Query(pattern=_GPU, description="NAME or NAME:COUNT", examples=["A100:8"])] = None,
    cloud: Word = None,
    region: Word = None,
    zone: Word = None,
    instance_type: Word = None,
    cpus: Annotated[float | None, Query(ge=0, le=10**6, allow_inf_nan=False, description="at least")] = None,
    memory: Annotated[float | None, Query(ge=0, le=10**6, allow_inf_nan=False, description="GiB, at least")] = None,
    spot: bool = False,
    after: After = None,
    limit: Limit = 100,
) -> Page[Offer]:
    """Machines that fit, cheapest first; those without a price last."""
    begin = number(after) or 0
    name, _, count = (gpu or "").partition(":")
    wanted = (Accelerator(name.strip(), int(count) if count else ANY_NUMBER),) if gpu else ()
    query = OfferQuery(
        vcpus=cpus, memory_gib=memory, accelerators=wanted, instance_type=instance_type, region=region, zone=zone,
        spot=spot,
    )  # fmt: skip
    found = await asyncio.to_thread(_find, query, cloud)
    if begin > len(found):
        raise BadInput("after: no page has ended with that")
    return page(found[begin : begin + limit + 1], limit, lambda _: begin + limit)  # type: ignore[return-value]


def _find(query: OfferQuery, cloud: str | None) -> list[Offer]:
    found = [
        offer
        for shelf, catalog in catalogs()
        if cloud is None or shelf.cloud == cloud
        for offer in catalog.offers(query)
    ]

    def rank(offer: Offer) -> tuple[bool, Decimal, str, str, str, str]:
        price = offer.price(spot=query.spot)
        unknown = price is None
        return unknown, price or Decimal(0), offer.cloud, offer.instance_type, offer.region, offer.zone or ""

    return sorted(found, key=rank)
