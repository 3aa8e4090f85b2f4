"""Write the first snapshot of what Lambda sells: ``python -m scripts.snapshots.lambda_cloud``.

Everything is in facts/lambda.txt, with its source. Needs styx-core and styx-lambda installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from scripts.snapshots.shipping import facts, ship

from styx.api import ANYWHERE, INTERNET, Accelerator, CatalogEntry, CatalogType, Source, TransferPrice
from styx_lambda.machines import REGIONS, arch

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
    for name, vcpus, memory, device, count, device_memory, price in facts("lambda.txt"):
        accelerator = None if device == "-" else Accelerator(device, int(count), int(device_memory))
        sold = CatalogType(name, float(vcpus), float(memory), arch(name), accelerator)
        for region in REGIONS:
            yield sold.sold(region, "skypilot", hourly=Decimal(price))


if __name__ == "__main__":
    ship("lambda", DAY, {"skypilot": SOURCE, "billing": BILLING}, entries(), TRANSFER)
