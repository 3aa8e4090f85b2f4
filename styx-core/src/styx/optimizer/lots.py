"""Offers on their way through the optimizer: as found, as chosen, as turned down."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from styx.api.offers import Offer
from styx.config import DEFAULT_ACCOUNT
from styx.optimizer.rules import Miss
from styx.spec.model import Alternative


class Lot(NamedTuple):
    """An offer, and the account of its cloud that it was made to."""

    offer: Offer
    account: str = DEFAULT_ACCOUNT


@dataclass(frozen=True, slots=True)
class Choice:
    """One offer that would do, for one of the task's alternatives. ``hourly_cost`` is USD per hour for all nodes."""

    offer: Offer
    alternative: Alternative
    hourly_cost: Decimal | None
    account: str = DEFAULT_ACCOUNT

    @property
    def source(self) -> str:
        """The cloud, and the account where it has a name, for people."""
        return label(self.offer.cloud, self.account)


@dataclass(frozen=True, slots=True)
class Rejection:
    """An offer that would not do, and the requirement that ruled it out; ``miss`` where that is one of ours."""

    offer: Offer
    reason: str
    miss: Miss | None = None
    account: str = DEFAULT_ACCOUNT

    @property
    def source(self) -> str:
        """The cloud, and the account where it has a name, for people."""
        return label(self.offer.cloud, self.account)


def label(cloud: str, account: str) -> str:
    """A cloud and one of its accounts, for people; the name of an only account says nothing."""
    return cloud if account in ("", DEFAULT_ACCOUNT) else f"{cloud} ({account})"
