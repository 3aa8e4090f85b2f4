"""Write the first snapshot of what Lambda sells: ``python scripts/snapshots/lambda_cloud.py``.

Everything is in facts/lambda.txt, with its source. Needs styx-core and styx-lambda installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

from styx.api import ANYWHERE, INTERNET, Accelerator, CatalogEntry, Source, TransferPrice
from styx.catalog.entries import to_snapshot
from styx.catalog.snapshot import write
from styx_lambda.machines import REGIONS, arch

HERE = Path(__file__).parent
TARGET = HERE.parents[1] / "plugins/styx-lambda/src/styx_lambda/catalog"
DAY = date(2026, 7, 9)
SOURCE = Source(
    "types and prices; whether a type is in a region Lambda tells by what is free there, so each is listed in all",
    "skypilot-org/skypilot-catalog, catalogs/v9/lambda/vms.csv at commit 2c3d7ea7d76b",
    DAY,
    "Apache-2.0",
)
BILLING = Source(
    "moving data costs nothing: it is not among what Lambda bills",
    "Lambda, documentation of its public cloud, Billing, as it was stored then",
    date(2026, 11, 30),
)
TRANSFER = tuple(TransferPrice(ANYWHERE, to, Decimal(0), "billing") for to in (ANYWHERE, INTERNET))


def entries() -> Iterator[CatalogEntry]:
    """Each type in each region."""
    for line in (HERE / "facts/lambda.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        name, vcpus, memory, device, count, device_memory, price = line.split()
        accelerator = None if device == "-" else Accelerator(device, int(count), int(device_memory))
        for region in REGIONS:
            yield CatalogEntry(
                name, float(vcpus), float(memory), region, "skypilot", hourly=Decimal(price), arch=arch(name),
                accelerator=accelerator,
            )  # fmt: skip


def main() -> None:
    """Write it."""
    snapshot = to_snapshot("lambda", DAY, {"skypilot": SOURCE, "billing": BILLING}, entries(), TRANSFER)
    TARGET.mkdir(exist_ok=True)
    write(snapshot, TARGET)
    print(f"{len(snapshot.types)} types, {len(snapshot.prices)} prices, {len(snapshot.skipped)} left out")


if __name__ == "__main__":
    main()
