"""What the programs that write first snapshots share."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from styx.api import CatalogEntry, Source, TransferPrice
from styx.catalog.entries import to_snapshot
from styx.catalog.snapshot import write

HERE = Path(__file__).parent
PLUGINS = HERE.parents[1] / "plugins"


def facts(name: str) -> Iterator[list[str]]:
    """The lines of a file of facts, as words."""
    for line in (HERE / "facts" / name).read_text().splitlines():
        if line and not line.startswith("#"):
            yield line.split()


def pairs(words: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What is before and after the sign in each of such words as ``large=0.085``."""
    for word in words:
        name, _, value = word.partition("=")
        yield name, value


def amount(text: str) -> Decimal | None:
    """A price; a dash where there is none."""
    return None if text == "-" else Decimal(text)


def price_list(packages: Path, name: str) -> Any:
    """A part of apache-libcloud's prices, of those of machines."""
    return json.loads((packages / "libcloud/data/pricing.json").read_text())["compute"][name]


def ship(
    cloud: str, as_of: date, sources: Mapping[str, Source], entries: Iterable[CatalogEntry],
    transfer: Sequence[TransferPrice] = (),
) -> None:  # fmt: skip
    """Write the snapshot into the package of the cloud; of the sources, those that a row names."""
    rows = list(entries)
    used = {name for row in rows for name in (row.source, row.type_source)} | {row.source for row in transfer}
    named = {name: source for name, source in sources.items() if name in used}
    snapshot = to_snapshot(cloud, as_of, named, rows, transfer)
    for each in snapshot.skipped:
        print(each, file=sys.stderr)
    folder = PLUGINS / f"styx-{cloud}/src/styx_{cloud}/catalog"
    folder.mkdir(exist_ok=True)
    write(snapshot, folder)
    print(f"{len(snapshot.types)} types, {len(snapshot.prices)} prices")
