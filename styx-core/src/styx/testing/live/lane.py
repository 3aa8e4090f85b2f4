"""One lane: a cloud as the user has set it up, on a purse, in a directory that remembers what was launched."""

from __future__ import annotations

import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from styx.api import (
    Cloud,
    LaunchRequest,
    Offer,
    OfferQuery,
    Owner,
    Prepared,
    Receipt,
    Scope,
    StartRequest,
    new_installation_id,
)
from styx.catalog.query import CloudOffers
from styx.config import load_config
from styx.plugins.manager import PluginManager
from styx.testing.driver import Driver
from styx.testing.live.purse import Purse
from styx.testing.surroundings import services

RECORD = "launches.jsonl"


@dataclass(frozen=True)
class Place:
    """Which account of which cloud, and where the lane keeps what it must not forget."""

    home: Path
    cloud: str
    account: str

    @property
    def record(self) -> Path:
        """What was launched."""
        return self.home / RECORD

    def make(self, installation: str | None = None, state: Path | None = None) -> Cloud:
        """The cloud under the user's settings, for an installation of its own unless one is named.

        Raises PluginError and InvalidConfig.
        """
        settings = load_config().account(self.cloud, self.account)
        owner = installation or new_installation_id()
        around = services(
            state or self.home, settings, installation=owner, account=self.account, catalog=CloudOffers(self.cloud)
        )
        return cast("Cloud", PluginManager.installed().create("cloud", self.cloud, around))


def watched(kind: type[Cloud], purse: Purse) -> type[Cloud]:
    """The same cloud, of which every launch and start is paid for by the purse before it is asked for."""
    prices: dict[str, Decimal | None] = {}  # of what was prepared, by token

    class Watched(kind):  # type: ignore[misc, valid-type]
        """See :func:`watched`."""

        def prepare(self, request: LaunchRequest) -> Prepared:
            prepared: Prepared = super().prepare(request)
            price = request.offer.price(spot=request.spot)
            prices[prepared.token] = None if price is None else price * len(request.ranks)
            return prepared

        def launch(self, prepared: Prepared) -> Receipt:
            purse.buy(prepared.token, prepared.owner, prepared.scope, prices.get(prepared.token))
            receipt: Receipt = super().launch(prepared)
            return receipt

        def terminate(self, scope: Scope, owner: Owner, receipts: Any) -> None:
            super().terminate(scope, owner, receipts)
            purse.removed(owner)

    def prepare_start(self: Any, request: StartRequest) -> Prepared:
        prepared: Prepared = cast("Any", kind).prepare_start(self, request)
        prices[prepared.token] = purse.price(request.owner)
        return prepared

    if hasattr(kind, "prepare_start"):
        Watched.prepare_start = prepare_start
    # The kit looks for the manifest beside the class, and takes objects to other processes by its name.
    Watched.__module__, Watched.__qualname__, Watched.__name__ = kind.__module__, kind.__qualname__, kind.__name__
    return Watched


def cheapest(cloud: Cloud, query: OfferQuery, driver: Driver) -> Offer | None:
    """The machine that costs least among those with a price; None where there is none."""

    def priced() -> list[Offer]:
        return [each for each in cloud.offers(query) if each.hourly_price is not None]

    return min(driver.call(priced, what="offers()"), key=lambda offer: offer.hourly_price or Decimal(0), default=None)


def epoch() -> float:
    """Seconds since the epoch, which all processes agree on."""
    return time.time()
