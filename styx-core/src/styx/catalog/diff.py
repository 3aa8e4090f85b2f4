"""What changed between two snapshots of one cloud."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import NamedTuple

from styx.catalog.amounts import exact
from styx.catalog.rows import Snapshot

_Sold = dict[tuple[str, str, str], tuple[int | None, int | None]]


class PriceChange(NamedTuple):
    """Another price for one type in one zone (empty: the region as a whole): on demand, or as spot; USD per hour."""

    instance_type: str
    region: str
    zone: str
    spot: bool
    old: Decimal
    new: Decimal

    @property
    def ratio(self) -> float:
        """The new price divided by the old one."""
        return float(self.new / self.old)


@dataclass(frozen=True, slots=True)
class Change:
    """What is in one snapshot and not in the other. Lists are sorted; a place is a type in a zone or region.

    A price that was not known and is now, or the other way round, counts in ``gained`` or ``lost``.
    """

    types_added: Sequence[str]
    types_removed: Sequence[str]
    types_changed: Sequence[str]
    regions_added: Sequence[str]
    regions_removed: Sequence[str]
    places_added: int
    places_removed: int
    gained: int
    lost: int
    prices: Sequence[PriceChange]

    @property
    def nothing(self) -> bool:
        """Whether both say the same."""
        lists = self.types_added, self.types_removed, self.types_changed, self.regions_added, self.regions_removed
        return not any(lists) and not (
            self.prices or self.places_added or self.places_removed or self.gained or self.lost
        )

    def typical(self) -> float | None:
        """The median of new price to old price, of those that changed."""
        return median(change.ratio for change in self.prices) if self.prices else None

    def largest(self, most: int) -> list[PriceChange]:
        """The changes by the largest factor, up or down."""
        return sorted(self.prices, key=lambda change: -max(change.ratio, 1 / change.ratio))[:most]


def compare(old: Snapshot, new: Snapshot) -> Change:
    """What changed from ``old`` to ``new``; where facts come from does not count."""
    types_before = {row.instance_type: row[:-1] for row in old.types}
    types_now = {row.instance_type: row[:-1] for row in new.types}
    before, now = _sold(old), _sold(new)
    regions_before, regions_now = {row.region for row in old.prices}, {row.region for row in new.prices}
    changes, gained, lost = [], 0, 0
    for place in sorted(before.keys() & now.keys()):
        for spot, (was, became) in enumerate(zip(before[place], now[place], strict=True)):
            if was is None or became is None:
                gained += was is None and became is not None
                lost += became is None and was is not None
            elif was != became:
                changes.append(PriceChange(*place, bool(spot), exact(was), exact(became)))
    return Change(
        types_added=sorted(types_now.keys() - types_before.keys()),
        types_removed=sorted(types_before.keys() - types_now.keys()),
        types_changed=sorted(n for n in types_before.keys() & types_now.keys() if types_before[n] != types_now[n]),
        regions_added=sorted(regions_now - regions_before),
        regions_removed=sorted(regions_before - regions_now),
        places_added=len(now.keys() - before.keys()),
        places_removed=len(before.keys() - now.keys()),
        gained=gained,
        lost=lost,
        prices=changes,
    )


def _sold(snapshot: Snapshot) -> _Sold:
    return {
        (row.instance_type, row.region, zone): (row.hourly, row.spot)
        for row in snapshot.prices
        for zone in row.zones or ("",)
    }
