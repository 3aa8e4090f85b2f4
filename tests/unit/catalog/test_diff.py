"""What changed between two snapshots."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given

from styx.api import CatalogEntry
from styx.catalog.diff import PriceChange, compare
from styx.catalog.entries import to_snapshot
from styx.catalog.rows import Snapshot
from support.catalogs import SOURCES, TODAY, entries, entry


def snapshot(*found: CatalogEntry) -> Snapshot:
    """A snapshot with these entries."""
    return to_snapshot("acme", TODAY, SOURCES, found)


def test_each_kind_of_change_is_found() -> None:
    """Types, regions, places, prices that are known now or no more, and other prices, by zone."""
    old = snapshot(
        entry("gone", "1"), entry("same", "2"), entry("other", "3"), entry("dear", "4", zones=("e1", "e2")),
        entry("same", "1", region="west"), entry("known", None),
    )  # fmt: skip
    new = snapshot(
        entry("came", "1"), entry("same", "2"), entry("other", "3", vcpus=8), entry("dear", "4", zones=("e1",)),
        entry("dear", "6", zones=("e2",), spot=Decimal(1)), entry("same", "1", region="south"), entry("known", "9"),
    )  # fmt: skip
    change = compare(old, new)
    assert (change.types_added, change.types_removed, change.types_changed) == (["came"], ["gone"], ["other"])
    assert (change.regions_added, change.regions_removed) == (["south"], ["west"])
    assert (change.places_added, change.places_removed, change.gained, change.lost) == (2, 2, 2, 0)
    assert change.prices == [PriceChange("dear", "east", "e2", spot=False, old=Decimal(4), new=Decimal(6))]
    assert change.typical() == 1.5
    assert not change.nothing


def test_the_largest_come_first_up_or_down() -> None:
    """To a third is more than to the double."""
    old, new = (
        snapshot(*(entry(name, price) for name, price in zip("abc", prices, strict=True)))
        for prices in (("1", "3", "1"), ("2", "1", "1.1"))
    )
    assert [each.instance_type for each in compare(old, new).largest(2)] == ["b", "a"]


@given(entries(), entries())
def test_nothing_is_found_where_nothing_changed(one: list[CatalogEntry], other: list[CatalogEntry]) -> None:
    """And the way back undoes the way there."""
    first, second = snapshot(*one), snapshot(*other)
    assert compare(first, first).nothing
    there, back = compare(first, second), compare(second, first)
    assert (there.types_added, there.regions_added, there.gained) == (
        back.types_removed, back.regions_removed, back.lost,
    )  # fmt: skip
    assert [(each.old, each.new) for each in there.prices] == [(each.new, each.old) for each in back.prices]
