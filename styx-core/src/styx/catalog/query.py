"""From a query to the offers of a catalog."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import cached_property, partial
from typing import Any

from styx.api.offers import Accelerator, Offer, OfferQuery, Scope
from styx.catalog.amounts import NO_PRICE, exact, known
from styx.catalog.compile import DEPTH
from styx.catalog.database import Database, Row
from styx.catalog.listing import Device, devices
from styx.catalog.sources import Shelf, shelves

# CROSS JOIN keeps SQLite from choosing another order: what narrows most comes first. Types and places are looked up
# when they are first met: that is cheaper than to have them with every price.
_BY_TYPE = "FROM types t CROSS JOIN prices p ON p.type = t.id CROSS JOIN places l ON l.id = p.place"
_BY_PLACE = "FROM places l CROSS JOIN prices p ON p.place = l.id"
_CHEAPEST = """
FROM places l CROSS JOIN prices p ON p.id IN (
  SELECT p.id FROM prices p WHERE p.place = l.id AND {terms} ORDER BY p.{price} LIMIT ?
)
"""
_TYPES = "SELECT id, name, vcpus, memory, arch, device, count, device_memory, disk, capabilities FROM types"
_PLACES = "SELECT id, region, zones FROM places"
_MOST_NAMED = 500  # above that all are looked up
ANY_NUMBER = 0

# What of an offer is its type's: the fields before those of the place, the accelerators, those after the prices.
_Kind = tuple[tuple[str, float, float], tuple[Accelerator, ...], tuple[Any, ...]]
_Where = tuple[Scope, str, tuple[str | None, ...]]


class Catalog:
    """The offers of one cloud; implements :class:`styx.api.OfferSource`. Opened by the first question."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def offers(self, query: OfferQuery) -> list[Offer]:
        """One offer for each type and zone that fits, cheapest first; those without a price last.

        Raises CatalogError when the catalog cannot be read.
        """
        return list(self.in_turn(query))

    def in_turn(self, query: OfferQuery) -> Iterator[Offer]:
        """The same, each made when it is asked for: that takes most of the time, and the first may be all one needs."""
        rows, kinds, places = self._database.read(partial(_look, query))
        cloud, amounts = self._database.cloud, _Amounts()
        for number, place, hourly, spot in rows:
            kind, devices, rest = kinds[number]
            scope, region, zones = places[place]
            price, spot_price = amounts[hourly], amounts[spot]
            for zone in zones if query.zone is None else (query.zone,):
                yield Offer(cloud, scope, *kind, region, zone, devices, price, spot_price, *rest)

    def having(self, accelerator: str) -> list[Offer]:
        """All machines that have this accelerator in whatever number, the same order. Raises CatalogError."""
        return self.offers(OfferQuery(accelerators=(Accelerator(accelerator, ANY_NUMBER),)))

    def accelerators(self) -> list[Device]:
        """All there are, by name and number, with the least that a machine with them costs. Raises CatalogError."""
        return devices(self._database)

    def types(self) -> list[str]:
        """The names of all types of machines. Raises CatalogError."""
        return [name for (name,) in self._database.ask("SELECT name FROM types")]

    def regions(self) -> list[str]:
        """The names of all regions. Raises CatalogError."""
        return [name for (name,) in self._database.ask("SELECT DISTINCT region FROM places")]

    def transfer(self) -> list[tuple[str, str, Decimal]]:
        """What moving data costs: from a region, to a region, USD per GiB, with the wildcards of the snapshot."""
        rows = self._database.ask("SELECT from_region, to_region, price FROM transfer")
        return [(start, end, exact(price)) for start, end, price in rows]


class _Amounts(dict[int, Decimal | None]):
    """Prices as dollars; many are the same."""

    def __missing__(self, stored: int) -> Decimal | None:
        self[stored] = price = known(stored)
        return price


def _look(
    query: OfferQuery, connection: sqlite3.Connection, known: dict[object, Any]
) -> tuple[list[tuple[int, int, int, int]], dict[int, _Kind], dict[int, _Where]]:
    """The prices that fit, and types and places by number, those of the prices among them."""
    rows = connection.execute(*_question(query)).fetchall()
    kinds: dict[int, _Kind] = known.setdefault("types", {})
    places: dict[int, _Where] = known.setdefault("places", {})
    new_kinds = {row[0] for row in rows}.difference(kinds)
    for number, *facts in _missing(connection, _TYPES, new_kinds):
        kinds[number] = _kind(*facts)
    new_places = {row[1] for row in rows}.difference(places)
    for number, *facts in _missing(connection, _PLACES, new_places):
        places[number] = _where(*facts)
    if not (new_kinds <= kinds.keys() and new_places <= places.keys()):
        raise sqlite3.DatabaseError("prices of what is not there")
    return rows, kinds, places


def _missing(connection: sqlite3.Connection, question: str, numbers: Collection[int]) -> Iterable[Row]:
    if not numbers:
        return ()
    if len(numbers) > _MOST_NAMED:
        return connection.execute(question)
    return connection.execute(f"{question} WHERE id IN ({', '.join(map(str, numbers))})")


def _kind(name: str, vcpus: float, memory: float, arch: str, *more: Any) -> _Kind:
    device, count, device_memory, disk, capabilities = more
    devices = (Accelerator(device, count, device_memory),) if device else ()
    return (name, vcpus, memory), devices, (arch, disk, None, frozenset(capabilities.split()))


def _where(region: str, zones: str) -> _Where:
    return Scope(region), region, tuple(zones.split()) or (None,)


def _question(query: OfferQuery) -> tuple[str, list[object]]:
    """The SQL for a query, and the values in the order in which they stand in it."""
    kinds = _Terms()
    if query.instance_type is not None:
        kinds.add("t.name = ?", query.instance_type)
    for device in query.accelerators:
        kinds.add("t.wanted = ?", device.name.lower())
        if device.count != ANY_NUMBER:
            kinds.add("t.count = ?", device.count)
    if query.accelerator_memory_gib is not None:
        kinds.add("t.device_memory >= ?", query.accelerator_memory_gib)
        kinds.add("t.wanted != ''")
    places = _Terms()
    if query.region is not None:
        places.add("l.region = ?", query.region)
    if query.zone is not None:
        places.add("instr(' ' || l.zones || ' ', ?)", f" {query.zone} ")
    prices = _sizes(query)
    price = "spot" if query.spot else "hourly"
    if kinds.texts or not query.cheapest:
        terms = kinds + places + prices
        tables, values = _BY_TYPE if kinds.texts else _BY_PLACE, terms.values
    else:
        if query.vcpus_at_most is None and query.memory_gib_at_most is None and query.cheapest <= DEPTH:
            prices.add("p.spot_band" if query.spot else "p.band")  # which knows nothing of what is too large
        tables = _CHEAPEST.format(terms=prices, price=price)
        terms, values = places, [*prices.values, query.cheapest, *places.values]
    return (
        f"SELECT p.type, p.place, p.hourly, p.spot {tables} WHERE {terms} ORDER BY p.{price}, p.type, p.place",
        values,
    )


def _sizes(query: OfferQuery) -> _Terms:
    terms = _Terms()
    for column, least, most in (
        ("p.vcpus", query.vcpus, query.vcpus_at_most),
        ("p.memory", query.memory_gib, query.memory_gib_at_most),
    ):
        if least is not None and least == most:
            terms.add(f"{column} = ?", least)
            continue
        if least is not None:
            terms.add(f"{column} >= ?", least)
        if most is not None:
            terms.add(f"{column} <= ?", most)
    if query.spot:
        terms.add(f"p.spot < {NO_PRICE}")
    return terms


class _Terms:
    """Conditions that all have to hold, and the values for their question marks."""

    def __init__(self, texts: Sequence[str] = (), values: Sequence[object] = ()) -> None:
        self.texts = list(texts)
        self.values = list(values)

    def add(self, text: str, *values: object) -> None:
        self.texts.append(text)
        self.values += values

    def __add__(self, other: _Terms) -> _Terms:
        return _Terms([*self.texts, *other.texts], [*self.values, *other.values])

    def __str__(self) -> str:
        return " AND ".join(self.texts) or "1"


def catalogs() -> list[tuple[Shelf, Catalog]]:
    """The catalogs of all plugins that can be used, sorted by cloud; none is opened. Raises InvalidConfig."""
    return [(shelf, Catalog(shelf.database())) for shelf in shelves()]


class CloudOffers:
    """The catalog of the cloud of this name, whoever ships it; empty where nobody does. For Services.catalog."""

    def __init__(self, cloud: str) -> None:
        self._cloud = cloud

    def offers(self, query: OfferQuery) -> list[Offer]:
        """See :meth:`Catalog.offers`."""
        return self._catalog.offers(query) if self._catalog else []

    @cached_property
    def _catalog(self) -> Catalog | None:
        return next((Catalog(shelf.database()) for shelf in shelves() if shelf.cloud == self._cloud), None)
