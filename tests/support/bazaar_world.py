"""A world whose only cloud is the bazaar, with given habits."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from styx.api import Cloud, Idempotency
from styx.engine.orphans import Orphan
from styx.store.records import ClusterRecord
from styx.store.states import ClusterState
from styx.testing.bazaar import Habits, Machine, Market, bazaar
from support.world import World

LONG = 320.0  # seconds in which every lag, removal and blindness of the bazaar is over; no whole minutes


class BazaarWorld(World):
    """A world with a market in it, which goes by the world's clock."""

    def __init__(self, home: Path, habits: Habits) -> None:
        super().__init__(home)
        self.market = Market.in_memory(habits, clock=self.clock)
        near: dict[str, tuple[type[Cloud], Any]] = {"bazaar": (bazaar(habits), self.market)}
        self.clouds = near

    def unclosed(self) -> list[str]:
        """Every attempt that is not over, as ``cluster: state``."""
        return [f"{attempt.cluster}: {attempt.state}" for attempt in self.store.attempts.unclosed()]

    def unknown_machines(self) -> list[Machine]:
        """Machines that exist and that no attempt on record stands for, by owner or by receipt."""
        known = self.store.attempts.unclosed()
        names = {attempt.owner.name for attempt in known}
        ids = {id_ for attempt in known if attempt.receipt for id_ in attempt.receipt.node_ids.values()}
        return [m for m in self.market.machines() if m.name.rpartition("-")[0] not in names and m.id not in ids]

    async def strangers(self) -> list[Orphan]:
        """What the search for orphans shows."""
        return list((await self.engine().orphans()).orphans)

    async def settle_down(self) -> None:
        """Let everything that is under way come to its end, and look at it as a user would from time to time."""
        for _ in range(3):
            self.clock.advance(LONG)
            await self.engine().status(refresh=True)

    async def only_strangers_besides(self, ours: set[str]) -> None:
        """Whatever else costs money is on record to be removed, or shown as nobody's where the provider cannot tell."""
        if self.market.habits.idempotency is not Idempotency.NONE:
            assert not self.unknown_machines()
            return
        await self.settle_down()
        shown = {thing.id for orphan in await self.strangers() for thing in (*orphan.nodes, *orphan.leftovers)}
        assert {bill.id for bill in self.market.billing()} - ours <= shown

    async def nothing_bills(self) -> None:
        """In the end nothing costs money and nothing is open, but for what the provider cannot say whose it is."""
        await self.settle_down()
        assert self.unclosed() == []
        await self.only_strangers_besides(set())
        if self.market.habits.idempotency is not Idempotency.NONE:
            assert self.market.billing() == []

    def is_up(self, name: str = "c") -> bool:
        """Whether the record says so."""
        record = self.record(name)
        return record is not None and record.state is ClusterState.UP

    def known_nodes(self, name: str = "c") -> set[str]:
        """The ids of the cluster's nodes on record."""
        return {node.node_id for node in self.store.nodes.of(name)}

    def record_cost(self, name: str = "c") -> tuple[Decimal | None, Decimal | None]:
        """What the record says that it costs per hour: running, and stopped."""
        record = self.record(name)
        return (None, None) if record is None else (record.hourly_cost, record.disk_hourly_cost)

    def true_cost(self) -> Decimal:
        """USD per hour for everything, as the provider bills it."""
        return sum((bill.hourly_cost for bill in self.market.billing()), Decimal(0))


NewBazaar = Callable[..., BazaarWorld]


def says_why(record: ClusterRecord | None) -> bool:
    """Whether a record that is not up explains itself."""
    return record is not None and record.error is not None and bool(record.error.get("message"))
