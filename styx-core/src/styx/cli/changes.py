"""What changed from one catalog to another, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from styx.catalog.diff import Change, PriceChange

LARGEST = 5  # changes of prices that are shown
NAMES = 10  # names that are shown of one kind


def lines(change: Change) -> Iterator[str]:
    """What people want to know of it."""
    if change.nothing:
        yield "Nothing changed."
    for what, names in (
        ("types added", change.types_added),
        ("types removed", change.types_removed),
        ("types that are another now", change.types_changed),
        ("regions added", change.regions_added),
        ("regions removed", change.regions_removed),
    ):
        if names:
            more = f" and {len(names) - NAMES:,} more" if len(names) > NAMES else ""
            yield f"{what}: {', '.join(names[:NAMES])}{more}"
    if change.places_added or change.places_removed:
        yield f"places: {change.places_added:,} added, {change.places_removed:,} removed"
    if change.gained or change.lost:
        yield f"prices: {change.gained:,} known now, {change.lost:,} not known any more"
    typical = change.typical()
    if typical is not None:
        up = sum(each.ratio > 1 for each in change.prices)
        yield f"prices changed: {len(change.prices):,} ({up:,} up), typically {_percent(typical)}; the largest:"
        yield from (f"  {_price_line(each)}" for each in change.largest(LARGEST))


def _price_line(change: PriceChange) -> str:
    where = change.zone or change.region
    how = " spot" if change.spot else ""
    return f"{change.instance_type} in {where}{how}: ${change.old:f} -> ${change.new:f} ({_percent(change.ratio)})"


def _percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.1f}%"


def shape(change: Change) -> dict[str, Any]:
    """All of it, for programs."""
    return {
        "types_added": list(change.types_added),
        "types_removed": list(change.types_removed),
        "types_changed": list(change.types_changed),
        "regions_added": list(change.regions_added),
        "regions_removed": list(change.regions_removed),
        "places_added": change.places_added,
        "places_removed": change.places_removed,
        "gained": change.gained,
        "lost": change.lost,
        "prices": [{**each._asdict(), "old": f"{each.old:f}", "new": f"{each.new:f}"} for each in change.prices],
    }
