"""A stall at the bazaar: one cloud of some habits, and the means to ask it for machines."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from styx.api import (
    Boot,
    LaunchRequest,
    Observation,
    Offer,
    Owner,
    Prepared,
    Receipt,
    Scope,
    new_attempt_id,
)
from styx.testing.bazaar import BazaarCloud, Market


@dataclass
class Stall:
    """A market and a cloud for it."""

    market: Market
    cloud: BazaarCloud
    offer: Offer

    @property
    def scope(self) -> Scope:
        """Where things are asked for."""
        return self.offer.scope

    def prepare(self, ranks: Sequence[int] = (0,), owner: Owner | None = None, **changes: Any) -> Prepared:
        """An intent, for a new attempt unless one is named."""
        owner = owner or Owner(self.cloud.services.installation, "c", new_attempt_id())
        offer = replace(self.offer, **changes)
        return self.cloud.prepare(LaunchRequest(owner, offer, tuple(ranks), Boot("ssh-ed25519 key")))

    def launch(self, ranks: Sequence[int] = (0,), **changes: Any) -> tuple[Prepared, Receipt]:
        """A new attempt, launched."""
        prepared = self.prepare(ranks, **changes)
        return prepared, self.cloud.launch(prepared)

    def look(self, owners: Collection[Owner] | None = None) -> Observation:
        """What the listing shows."""
        return self.cloud.observe(self.scope, owners)

    def ids(self) -> list[str]:
        """The ids that the listing shows."""
        return [node.id for node in self.look().nodes]

    def remove(self, prepared: Prepared, *receipts: Receipt) -> None:
        """Terminate, once."""
        self.cloud.terminate(prepared.scope, prepared.owner, receipts)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.market.clock.advance(seconds)  # type: ignore[union-attr]


NewStall = Callable[..., Stall]
