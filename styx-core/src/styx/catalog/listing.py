"""What ``styx gpus list`` and ``styx catalog status`` show of a catalog: plain values, without the contract's types."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from styx.catalog.amounts import known
from styx.catalog.database import Database


class Device(NamedTuple):
    """So many accelerators of one model in one machine, and the least that such a machine costs anywhere, in USD/h."""

    name: str
    quantity: float
    memory_gib: int  # of each, 0 when unknown
    hourly: Decimal | None
    spot: Decimal | None


class Priced(NamedTuple):
    """A type of machine in a region, and the least that it costs in a zone there; ``as_of`` is of the oldest price."""

    device: str
    quantity: float
    device_memory_gib: int
    instance_type: str
    vcpus: float
    memory_gib: float
    region: str
    hourly: Decimal | None
    spot: Decimal | None
    source: str
    as_of: str


class About(NamedTuple):
    """What a snapshot says of itself. ``sources`` are (name, what, published, as of, licence)."""

    as_of: str
    rows: int
    types: int
    regions: int
    skipped: int
    sources: Sequence[tuple[str, ...]]


_PRICED = """
SELECT t.device, t.count, t.device_memory, t.name, t.vcpus, t.memory, l.region, min(p.hourly), min(p.spot),
  s.name, min(CASE p.as_of WHEN '' THEN s.as_of ELSE p.as_of END)
FROM types t CROSS JOIN prices p ON p.type = t.id CROSS JOIN places l ON l.id = p.place
  CROSS JOIN sources s ON s.id = p.source
WHERE {terms} GROUP BY t.id, l.region
"""


def devices(database: Database) -> list[Device]:
    """All accelerators, sorted by name and quantity. Raises CatalogError."""
    rows = database.ask("SELECT device, count, memory, hourly, spot FROM devices ORDER BY device, count")
    return [Device._make((*row[:3], known(row[3]), known(row[4]))) for row in rows]


def priced(
    database: Database, device: str, quantity: float | None = None, region: str | None = None, zone: str | None = None
) -> list[Priced]:
    """The machines with this accelerator, whatever its case, in each region. Raises CatalogError."""
    terms: list[tuple[str, object]] = [("t.wanted = ?", device.lower())]
    if quantity is not None:
        terms.append(("t.count = ?", quantity))
    if region is not None:
        terms.append(("l.region = ?", region))
    if zone is not None:
        terms.append(("instr(' ' || l.zones || ' ', ?)", f" {zone} "))
    question = _PRICED.format(terms=" AND ".join(term for term, _ in terms))
    rows = database.ask(question, [value for _, value in terms])
    return [Priced._make((*row[:7], known(row[7]), known(row[8]), *row[9:])) for row in rows]


def cheapest_regions(rows: Iterable[Priced]) -> list[Priced]:
    """One region for each type: where it costs least, on demand and then as spot."""
    best: dict[str, Priced] = {}
    for row in rows:
        before = best.get(row.instance_type)
        if before is None or _rank(row) < _rank(before):
            best[row.instance_type] = row
    return list(best.values())


def _rank(row: Priced) -> tuple[object, ...]:
    return row.hourly is None, row.hourly or 0, row.spot is None, row.spot or 0, row.region


def about(database: Database) -> About:
    """What the snapshot that counts says of itself. Raises CatalogError."""
    facts: dict[str, str] = dict(database.ask("SELECT name, value FROM about"))
    sources = database.ask("SELECT name, what, published, as_of, licence FROM sources ORDER BY name")
    rows, types, regions, skipped_rows = (int(facts[name]) for name in ("rows", "types", "regions", "skipped"))
    return About(facts["as_of"], rows, types, regions, skipped_rows, sources)


def skipped(database: Database) -> list[tuple[str, int, str]]:
    """Rows that are left out: file, line and why; the first of them where there are many. Raises CatalogError."""
    return [(file, line, reason) for file, line, reason in database.ask("SELECT file, line, reason FROM skipped")]
