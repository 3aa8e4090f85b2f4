"""What core hands to every plugin object it makes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from styx.api.offers import Offer, OfferQuery


class Clock(Protocol):
    """Where time comes from. Passed in, so that tests never wait for the real one."""

    def now(self) -> datetime:
        """The time of day: timezone-aware, UTC."""

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps."""

    async def sleep(self, seconds: float) -> None:
        """Let this many seconds pass."""


class OfferSource(Protocol):
    """What the catalog knows of one cloud."""

    def offers(self, query: OfferQuery) -> Sequence[Offer]:
        """What fits the query, cheapest first; nothing where the cloud has no catalog. May be called from any thread.

        Raises CatalogError when the catalog cannot be read.
        """


@dataclass(frozen=True, slots=True)
class Services:
    """The surroundings of one plugin object, which lives for one account.

    ``config`` is an instance of the config model named in the plugin's manifest, validated, or an empty mapping when
    it names none. ``state_dir`` is the plugin's own directory on this machine (mode 0700), for caches and pins, never
    for the truth about machines. ``installation`` is the id written into every name and tag. ``catalog`` has the rows
    of the cloud that the object is made for; it is None for other kinds, and for an object that is made by hand.
    """

    installation: str
    account: str
    config: Any
    state_dir: Path
    clock: Clock
    log: logging.Logger
    catalog: OfferSource | None = None
