"""The rows of a snapshot, and how their cells are read and written. A cell that makes no sense raises ValueError."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from styx.api.catalog import Source
from styx.catalog.amounts import DIGITS, dollars

_PRICE = re.compile(r"\d{1,6}(?:\.\d+)?|\.\d+", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}(?:\.\d+)?", re.ASCII)
_LONGEST = 128


class TypeRow(NamedTuple):
    """What a type of machine is: the columns of ``types.csv``. ``disk_gib`` are local disks; None means not known."""

    instance_type: str
    vcpus: float
    memory_gib: float
    arch: str
    accelerator: str
    accelerator_count: float
    accelerator_memory_gib: int
    disk_gib: int | None
    capabilities: tuple[str, ...]
    source: str


class PriceRow(NamedTuple):
    """What it costs in some zones of a region, in billionths of a dollar per hour: the columns of ``prices.csv``."""

    instance_type: str
    region: str
    zones: tuple[str, ...]
    hourly: int | None
    spot: int | None
    source: str
    as_of: date | None


class TransferRow(NamedTuple):
    """What moving a GiB costs, in billionths of a dollar: the columns of ``transfer.csv``."""

    from_region: str
    to_region: str
    usd_per_gib: int
    source: str


class Skipped(NamedTuple):
    """A row that is left out: where it is written, and why."""

    file: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one cloud sold on one day. Rows are sorted and agree with each other; ``skipped`` did not."""

    cloud: str
    as_of: date
    sources: Mapping[str, Source]
    types: Sequence[TypeRow]
    prices: Sequence[PriceRow]
    transfer: Sequence[TransferRow] = ()
    skipped: Sequence[Skipped] = ()

    def dated(self, row: PriceRow) -> date:
        """The day on which this price was so."""
        return row.as_of or self.sources[row.source].as_of


def read_type(cells: Sequence[str]) -> TypeRow:
    """A row of ``types.csv``."""
    name, vcpus, memory, arch, device, count, device_memory, disk, capabilities, source = cells
    if bool(device) != bool(count):
        raise ValueError("has an accelerator without a count, or a count without an accelerator")
    return TypeRow(
        _name("instance_type", name),
        _number("vcpus", vcpus),
        _number("memory_gib", memory),
        _word("arch", arch),
        _name("accelerator", device) if device else "",
        _number("accelerator_count", count) if device else 0.0,
        round(_number("accelerator_memory_gib", device_memory or "0", least=0)),
        round(_number("disk_gib", disk, least=0)) if disk else None,
        _words("capabilities", capabilities),
        source,
    )


def write_type(row: TypeRow) -> list[str]:
    """The cells of a row of ``types.csv``."""
    device = (row.accelerator, cell(row.accelerator_count), cell(row.accelerator_memory_gib or None))
    return [
        row.instance_type, cell(row.vcpus), cell(row.memory_gib), row.arch,
        *(device if row.accelerator else ("", "", "")),
        cell(row.disk_gib), " ".join(row.capabilities), row.source,
    ]  # fmt: skip


def read_price(cells: Sequence[str]) -> PriceRow:
    """A row of ``prices.csv``."""
    name, region, zones, hourly, spot, source, as_of = cells
    return PriceRow(
        _name("instance_type", name),
        _word("region", region),
        _words("zones", zones),
        _price("hourly", hourly) if hourly else None,
        _price("spot", spot) if spot else None,
        source,
        day(as_of) if as_of else None,
    )


def write_price(row: PriceRow) -> list[str]:
    """The cells of a row of ``prices.csv``."""
    as_of = row.as_of.isoformat() if row.as_of else ""
    zones = " ".join(row.zones)
    return [row.instance_type, row.region, zones, dollars(row.hourly), dollars(row.spot), row.source, as_of]


def read_transfer(cells: Sequence[str]) -> TransferRow:
    """A row of ``transfer.csv``; moving data may be free."""
    start, end, price, source = cells
    free = price.strip("0.") == "" and price != ""
    return TransferRow(
        _word("from_region", start), _word("to_region", end), 0 if free else _price("usd_per_gib", price), source
    )


def write_transfer(row: TransferRow) -> list[str]:
    """The cells of a row of ``transfer.csv``."""
    return [row.from_region, row.to_region, dollars(row.usd_per_gib), row.source]


def cell(number: float | Decimal | None) -> str:
    """A number as the cells of a table have it, one text for each value; empty for None."""
    if number is None:
        return ""
    return format((number if isinstance(number, Decimal) else Decimal(repr(number))).normalize(), "f")


def day(text: str) -> date:
    """A date as ``2026-11-30``."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"has {text!r}, which is not a date like 2026-11-30") from None


def _price(column: str, text: str) -> int:
    if not _PRICE.fullmatch(text):
        raise ValueError(f"{column} is {text!r}, which is not an amount of USD like 32.7726")
    price = round(Decimal(text).scaleb(DIGITS))
    if not price:
        raise ValueError(f"{column} is {text!r}; where a price is not known the cell is empty")
    return price


def _number(column: str, text: str, least: float = 1e-9) -> float:
    if not _NUMBER.fullmatch(text) or float(text) < least:
        raise ValueError(f"{column} is {text!r}, which is not a number{' above 0' if least else ''}")
    return float(text)


def _name(column: str, text: str) -> str:
    if not text or len(text) > _LONGEST or not text.isprintable() or text != text.strip():
        raise ValueError(f"{column} is {text[:_LONGEST]!r}, which is no name")
    return text


def _word(column: str, text: str) -> str:
    if " " in text:
        raise ValueError(f"{column} is {text[:_LONGEST]!r}, which has spaces in it")
    return _name(column, text)


def _words(column: str, text: str) -> tuple[str, ...]:
    return tuple(sorted({_word(column, word) for word in text.split(" ")})) if text else ()
