"""A world whose only cloud is the bazaar, with given habits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from styx.api import Cloud, StyxError
from styx.engine.orphans import Orphan, find_orphans
from styx.store.records import AttemptState, ClusterRecord
from styx.store.states import ClusterState
from styx.testing.bazaar import Habits, Machine, Market, bazaar
from support.world import World, quiet

LONG = 300.0  # seconds in which every lag, removal and blindness of the bazaar is over


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
        return list((await find_orphans(self.engine().context)).orphans)

    async def settle_down(self) -> None:
        """Let everything that is under way come to its end, and look at it as a user would from time to time."""
        for _ in range(3):
            self.clock.advance(LONG)
            await self.engine().status(refresh=True)

    def is_up(self, name: str = "c") -> bool:
        """Whether the record says so."""
        record = self.record(name)
        return record is not None and record.state is ClusterState.UP

    def known_nodes(self, name: str = "c") -> set[str]:
        """The ids of the cluster's nodes on record."""
        return {node.node_id for node in self.store.nodes.of(name)}


def says_why(record: ClusterRecord | None) -> bool:
    """Whether a record that is not up explains itself."""
    return record is not None and record.error is not None and bool(record.error.get("message"))


__all__ = ["LONG", "AttemptState", "BazaarWorld", "StyxError", "quiet", "says_why"]
