"""Rows that agree with each other: each is tried on its own and on those before it, and left out if it does not fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from styx.api.catalog import Source
from styx.catalog import files
from styx.catalog.rows import (
    PriceRow,
    Skipped,
    TransferRow,
    TypeRow,
    read_price,
    read_transfer,
    read_type,
)

RowT = TypeVar("RowT", TypeRow, PriceRow, TransferRow)


class Gathering:
    """Types must be added before the prices that name them."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources
        self.types: dict[str, TypeRow] = {}
        self.prices: list[PriceRow] = []
        self.transfer: dict[tuple[str, str], TransferRow] = {}
        self.skipped: list[Skipped] = []
        self._sold: set[tuple[str, str, str]] = set()  # type, region and zone

    def add_type(self, cells: Sequence[str], line: int) -> None:
        """A row of ``types.csv``; the first of each name counts."""
        row = self._row(read_type, cells, files.TYPES, line)
        if row is not None and row.instance_type in self.types:
            self._skip(files.TYPES, line, f"{row.instance_type} is there twice")
        elif row is not None:
            self.types[row.instance_type] = row

    def add_price(self, cells: Sequence[str], line: int) -> None:
        """A row of ``prices.csv``; the first for each zone counts."""
        row = self._row(read_price, cells, files.PRICES, line)
        if row is None:
            return
        if row.instance_type not in self.types:
            self._skip(files.PRICES, line, f"{files.TYPES} has no {row.instance_type}")
            return
        places = {(row.instance_type, row.region, zone) for zone in row.zones or ("",)}
        if not self._sold.isdisjoint(places):
            self._skip(files.PRICES, line, f"{row.instance_type} in {row.region} is there twice for a zone")
            return
        self._sold |= places
        self.prices.append(row)

    def add_transfer(self, cells: Sequence[str], line: int) -> None:
        """A row of ``transfer.csv``; the first for each pair counts."""
        row = self._row(read_transfer, cells, files.TRANSFER, line)
        if row is not None and row[:2] in self.transfer:
            self._skip(files.TRANSFER, line, f"{row.from_region} to {row.to_region} is there twice")
        elif row is not None:
            self.transfer[row[:2]] = row

    def _row(self, read: Callable[[Sequence[str]], RowT], cells: Sequence[str], file: str, line: int) -> RowT | None:
        try:
            row = read(cells)
        except ValueError as error:
            self._skip(file, line, str(error))
            return None
        if row.source not in self._sources:
            self._skip(file, line, f"source is {row.source!r}, of which nothing is said in snapshot.toml")
            return None
        return row

    def _skip(self, file: str, line: int, reason: str) -> None:
        self.skipped.append(Skipped(file, line, reason))
