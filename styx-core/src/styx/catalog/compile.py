"""From a snapshot to the tables that questions are put to, with an index for each way of asking.

A price that is not known is stored as NO_PRICE, which sorts last. A *place* is a set of zones with one price, for one
architecture. Names of accelerators are compared in lower case. Columns have types because SQLite would not use an
index to compare one that has none with one that has.

Most of what is on sale is never worth buying: there is something at least as large in the same place for less. A row
that at least DEPTH others beat in that way is not among the DEPTH cheapest for any wish of the form "at least so many
vCPUs and so much memory". Those that fewer beat are marked (``band``), and the cheapest are looked for among them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from styx.catalog.amounts import NO_PRICE

if TYPE_CHECKING:
    from styx.catalog.rows import PriceRow, Snapshot

DEPTH = 5
_SHOWN_SKIPPED = 100

_TABLES = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE sources (id INTEGER PRIMARY KEY, name TEXT, what TEXT, published TEXT, as_of TEXT, licence TEXT);
CREATE TABLE skipped (file TEXT, line INTEGER, reason TEXT);
CREATE TABLE types (id INTEGER PRIMARY KEY, name TEXT, vcpus REAL, memory REAL, arch TEXT, device TEXT, wanted TEXT,
  count REAL, device_memory INTEGER, disk INTEGER, capabilities TEXT);
CREATE TABLE places (id INTEGER PRIMARY KEY, region TEXT, zones TEXT);
CREATE TABLE prices (id INTEGER PRIMARY KEY, type INTEGER, place INTEGER, hourly INTEGER, spot INTEGER, source INTEGER,
  as_of TEXT, vcpus REAL, memory REAL, band INTEGER, spot_band INTEGER);
CREATE TABLE transfer (from_region TEXT, to_region TEXT, price INTEGER);
"""
_INDEXES = """
CREATE INDEX type_name ON types (name);
CREATE INDEX type_device ON types (wanted, count);
CREATE INDEX place_region ON places (region);
CREATE INDEX price_type ON prices (type, place);
CREATE INDEX price_size ON prices (place, vcpus, memory, hourly);
CREATE INDEX price_band ON prices (place, hourly, vcpus, memory) WHERE band;
CREATE INDEX price_spot_band ON prices (place, spot, vcpus, memory) WHERE spot_band;
CREATE TABLE devices AS
  SELECT t.device, t.count, max(t.device_memory) AS memory, min(p.hourly) AS hourly, min(p.spot) AS spot
  FROM types t JOIN prices p ON p.type = t.id WHERE t.wanted != '' GROUP BY t.device, t.count;
ANALYZE;
"""


class _Price(NamedTuple):
    """A row of the table of prices, but for what it is in the band of."""

    type: int
    place: int
    hourly: int
    spot: int
    source: int
    as_of: str
    vcpus: float
    memory: float


def fill(database: sqlite3.Connection, snapshot: Snapshot) -> None:
    """Make the tables in an empty database. Raises sqlite3.Error."""
    database.executescript(_TABLES)
    types = {row.instance_type: (number, row) for number, row in enumerate(snapshot.types, 1)}
    sources = {name: number for number, name in enumerate(snapshot.sources, 1)}
    # Numbers are in the order of names, so that sorting by number is sorting by name.
    found = [(row.region, " ".join(row.zones), types[row.instance_type][1].arch) for row in snapshot.prices]
    places = {place: number for number, place in enumerate(sorted(set(found)), 1)}
    prices = []
    for row, place in zip(snapshot.prices, found, strict=True):
        number, kind = types[row.instance_type]
        amounts, source = _amounts(row), sources[row.source]
        prices.append(_Price(number, places[place], *amounts, source, _as_of(row), kind.vcpus, kind.memory_gib))
    database.executemany(
        "INSERT INTO types VALUES (?,?,?,?,?,?,?,?,?,?,?)",
        (
            (number, *row[:5], row.accelerator.lower(), *row[5:8], " ".join(row.capabilities))
            for number, row in types.values()
        ),
    )
    database.executemany(
        "INSERT INTO places VALUES (?,?,?)", ((number, *place[:2]) for place, number in places.items())
    )
    database.executemany("INSERT INTO prices VALUES (NULL,?,?,?,?,?,?,?,?,?,?)", _with_bands(prices))
    database.executemany("INSERT INTO transfer VALUES (?,?,?)", (row[:3] for row in snapshot.transfer))
    database.executemany("INSERT INTO skipped VALUES (?,?,?)", snapshot.skipped[:_SHOWN_SKIPPED])
    database.executemany(
        "INSERT INTO sources VALUES (?,?,?,?,?,?)",
        (
            (sources[name], name, source.what, source.published, source.as_of.isoformat(), source.licence)
            for name, source in snapshot.sources.items()
        ),
    )
    about = {
        "cloud": snapshot.cloud,
        "as_of": snapshot.as_of.isoformat(),
        "rows": len(prices),
        "types": len(types),
        "regions": len({region for region, _, _ in places}),
        "skipped": len(snapshot.skipped),
    }
    database.executemany("INSERT INTO about VALUES (?,?)", about.items())
    database.commit()
    database.executescript(_INDEXES)


def _amounts(row: PriceRow) -> tuple[int, int]:
    return NO_PRICE if row.hourly is None else row.hourly, NO_PRICE if row.spot is None else row.spot


def _as_of(row: PriceRow) -> str:
    """Empty for the source's own date."""
    return row.as_of.isoformat() if row.as_of else ""


def _with_bands(prices: list[_Price]) -> Iterator[tuple[object, ...]]:
    prices.sort(key=lambda row: row.place)
    for _, found in groupby(prices, key=lambda row: row.place):
        rows = list(found)
        band = _band(rows, [row.hourly for row in rows])
        # What is not sold as spot is no answer there, whatever is asked for.
        sold = [number for number, row in enumerate(rows) if row.spot != NO_PRICE]
        among = _band([rows[number] for number in sold], [rows[number].spot for number in sold])
        spot_band = {sold[number] for number in among}
        yield from ((*row, number in band, number in spot_band) for number, row in enumerate(rows))


def _band(rows: list[_Price], prices: list[int]) -> set[int]:
    """The numbers of the rows that fewer than DEPTH others beat; of equal ones those that come first count as better.

    In order of price, it is enough to compare with rows that are in the band already: what beats one that is not in it
    beats all that this one beats.
    """
    chosen: set[int] = set()
    sizes: dict[tuple[float, float], int] = {}  # of those chosen, and how many of each
    beaten: set[tuple[float, float]] = set()  # too often, so the rest of this size, which costs more, is as well
    for number in sorted(range(len(rows)), key=lambda each: (prices[each], -rows[each].vcpus, -rows[each].memory)):
        size = rows[number].vcpus, rows[number].memory
        if size in beaten:
            continue
        if _better(size, sizes.items()) >= DEPTH:
            beaten.add(size)
            continue
        chosen.add(number)
        sizes[size] = sizes.get(size, 0) + 1
    return chosen


def _better(size: tuple[float, float], sizes: Iterable[tuple[tuple[float, float], int]]) -> int:
    vcpus, memory = size
    return sum(count for (cpus, gib), count in sizes if cpus >= vcpus and gib >= memory)
