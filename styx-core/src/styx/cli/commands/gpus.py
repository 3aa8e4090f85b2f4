"""``styx gpus``: which accelerators clouds sell, where and for how much, from their catalogs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from styx.catalog import listing
from styx.catalog.sources import Shelf, shelves_of
from styx.cli import options
from styx.cli.command import Command, option
from styx.cli.complete import catalogs
from styx.cli.render import clean, json_text, money, note, table
from styx.cli.views import usd
from styx.words import sentences

if TYPE_CHECKING:
    from decimal import Decimal

    from styx.api.errors import BadInput, CatalogError
    from styx.catalog.database import Database
    from styx.spec.model import Infra

LIST = """
styx gpus list
styx gpus list A100
styx gpus list H100:8 --all-regions
styx gpus list L4 --infra gcp/us-central1
styx gpus list A100 -o json | jq '.[] | select(.launchable)'
"""
LIST_JSON = """
With NAME a list of {gpu, quantity, cloud, launchable, instance_type,
device_memory_gib, vcpus, memory_gib, region, hourly_price,
hourly_spot_price, source, as_of}; prices are strings, USD per hour.
Without, a list of {gpu, device_memory_gib, quantities: [...],
clouds: [...], hourly_price, hourly_spot_price}: the least that a machine
with such a GPU costs.
"""
HEADERS = (
    "GPU", "QTY", "CLOUD", "INSTANCE_TYPE", "DEVICE_MEM", "vCPUs", "HOST_MEM", "HOURLY_PRICE", "HOURLY_SPOT_PRICE",
    "REGION",
)  # fmt: skip
SUMMARY_HEADERS = ("GPU", "DEVICE_MEM", "QTY", "CLOUDS", "HOURLY_PRICE", "HOURLY_SPOT_PRICE")

Opened = dict[Shelf, "Database"]


class Found(NamedTuple):
    """A machine with the accelerator, and the catalog that it is in."""

    shelf: Shelf
    row: listing.Priced

    @property
    def rank(self) -> tuple[object, ...]:
        """The same number of devices together, cheapest first."""
        row = self.row
        return row.quantity, row.hourly is None, row.hourly or 0, self.shelf.cloud, row.instance_type, row.region


@click.group()
def gpus() -> None:
    """See which accelerators clouds sell, and for how much."""


@gpus.command("list", cls=Command, notes={"Examples": LIST, "JSON": LIST_JSON})
@click.argument("name", metavar="[NAME[:QTY]]", required=False)
@option("--all-regions", is_flag=True, help="Every region, not just the cheapest for each type.")
@option("--infra", metavar="CLOUD[/REGION[/ZONE]]", shell_complete=catalogs, help="Look there alone: aws, */us-east-1.")
@options.accepted("-a", "--all")
@options.accepted("-v", "--verbose")
@options.output_option
def list_(name: str | None, all_regions: bool, infra: str | None, output: str) -> None:
    """List accelerators, or with NAME the machines that have it.

    Each machine in the region where it costs least. Prices are those of the clouds' catalogs, in USD per hour; `styx
    catalog status` tells how old they are.
    """
    place = _place(infra)
    opened = _open(place)
    if not opened:
        click.echo("[]" if output == "json" else "No catalog is installed: the packages of clouds bring them.")
    elif name is None:
        _summary(opened, output)
    else:
        _machines(opened, name, place, output, all_regions=all_regions)


def _machines(opened: Opened, name: str, place: Infra | None, output: str, *, all_regions: bool) -> None:
    device, quantity = _asked(name)
    where = (place.region, place.zone) if place else ()
    found = []
    for shelf, database in opened.items():
        rows = listing.priced(database, device, quantity, *where)
        found += [Found(shelf, row) for row in (rows if all_regions else listing.cheapest_regions(rows))]
    found.sort(key=lambda each: each.rank)
    names = {each.name for database in opened.values() for each in listing.devices(database)}
    if not found and device.lower() not in {known.lower() for known in names}:
        raise _unknown(device, names)
    if output == "json":
        click.echo(json_text([_shape(each) for each in found]))
    elif found:
        click.echo(table(HEADERS, [_row(each) for each in found]))
        _explain_marks(each.shelf for each in found)
        others = sorted(known for known in names if known.lower().startswith(f"{device.lower()}-"))
        if others:
            note(f"See also {', '.join(map(clean, others))}.")
    else:
        click.echo(f"Nobody sells {clean(name)}{f' in {clean(place)}' if place else ''}.")


class Total(NamedTuple):
    """One model of accelerator in all catalogs, and the least that a machine with some of it costs, in USD per hour."""

    name: str
    memory_gib: int
    quantities: list[float]
    shelves: list[Shelf]
    hourly: Decimal | None
    spot: Decimal | None


def _summary(opened: Opened, output: str) -> None:
    """One line for each accelerator."""
    found: dict[str, list[tuple[Shelf, listing.Device]]] = {}
    for shelf, database in opened.items():
        for device in listing.devices(database):
            found.setdefault(device.name, []).append((shelf, device))
    totals = [_total(name, found[name]) for name in sorted(found, key=str.lower)]
    if output == "json":
        click.echo(json_text([_total_shape(total) for total in totals]))
        return
    click.echo(table(SUMMARY_HEADERS, [_total_row(total) for total in totals]))
    note("Prices are of the cheapest machine with any number of them: on demand and as spot they may be of two.")
    _explain_marks(opened)


def _total(name: str, found: list[tuple[Shelf, listing.Device]]) -> Total:
    devices = [device for _, device in found]
    return Total(
        name,
        max(device.memory_gib for device in devices),
        sorted({device.quantity for device in devices}),
        sorted({shelf for shelf, _ in found}),
        min((device.hourly for device in devices if device.hourly is not None), default=None),
        min((device.spot for device in devices if device.spot is not None), default=None),
    )


def _total_shape(total: Total) -> dict[str, Any]:
    return {
        "gpu": total.name,
        "device_memory_gib": total.memory_gib or None,
        "quantities": total.quantities,
        "clouds": [shelf.cloud for shelf in total.shelves],
        "hourly_price": usd(total.hourly),
        "hourly_spot_price": usd(total.spot),
    }


def _total_row(total: Total) -> tuple[object, ...]:
    quantities = ", ".join(f"{quantity:g}" for quantity in total.quantities)
    clouds = ", ".join(map(_marked, total.shelves))
    return total.name, _gib(total.memory_gib), quantities, clouds, money(total.hourly), money(total.spot)


def _shape(found: Found) -> dict[str, Any]:
    shelf, row = found
    return {
        "gpu": row.device,
        "quantity": row.quantity,
        "cloud": shelf.cloud,
        "launchable": shelf.launchable,
        "instance_type": row.instance_type,
        "device_memory_gib": row.device_memory_gib or None,
        "vcpus": row.vcpus,
        "memory_gib": row.memory_gib,
        "region": row.region,
        "hourly_price": usd(row.hourly),
        "hourly_spot_price": usd(row.spot),
        "source": row.source,
        "as_of": row.as_of,
    }


def _row(found: Found) -> tuple[object, ...]:
    row = found.row
    return (
        row.device,
        f"{row.quantity:g}",
        _marked(found.shelf),
        row.instance_type,
        _gib(row.device_memory_gib),
        f"{row.vcpus:g}",
        _gib(row.memory_gib),
        money(row.hourly),
        money(row.spot),
        row.region,
    )


def _marked(shelf: Shelf) -> str:
    return shelf.cloud if shelf.launchable else f"{shelf.cloud}*"


def _explain_marks(shown: Iterable[Shelf]) -> None:
    unlaunchable = sorted({shelf.cloud for shelf in shown if not shelf.launchable})
    if unlaunchable:
        note(f"* No plugin that can be used launches on {', '.join(unlaunchable)} yet: shown, and never chosen.")


def _gib(amount: float) -> str | None:
    return f"{amount:g}GB" if amount else None


def _asked(name: str) -> tuple[str, float | None]:
    """The model, and how many where that is said: ``A100``, ``A100:8``."""
    device, colon, quantity = (part.strip() for part in name.partition(":"))
    if not device:
        raise click.BadParameter("names no accelerator", param_hint="NAME")
    if not colon:
        return device, None
    try:
        number = float(quantity)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise click.BadParameter(f"{quantity!r} is no number of accelerators", param_hint="NAME")
    return device, number


def _place(infra: str | None) -> Infra | None:
    if infra is None:
        return None
    from styx.spec.infra import infra as parsed
    from styx.spec.place import Place

    return parsed(infra, Place(field="--infra"))


def _open(place: Infra | None) -> Opened:
    """The catalogs to look at, all of which can be read. One that cannot silences itself alone, unless it is named."""
    chosen = shelves_of([place.cloud] if place and place.cloud else [])
    opened: Opened = {}
    for shelf in chosen:
        database = shelf.database()
        failure = _failure(database)
        if failure is None:
            opened[shelf] = database
        elif len(chosen) == 1:
            raise failure
        else:
            note(clean(sentences(f"{shelf.cloud} is left out: {failure.message}", failure.hint)))
    return opened


def _failure(database: Database) -> CatalogError | None:
    """Why the catalog cannot be read; None when it can."""
    try:
        database.ask("SELECT 1")
    except _catalog_error() as error:  # looked up when something was raised, for importing the contract is slow
        return error
    return None


def _catalog_error() -> type[CatalogError]:
    from styx.api.errors import CatalogError

    return CatalogError


def _unknown(device: str, names: Collection[str]) -> BadInput:
    """No catalog has it: the nearest ones that there are."""
    from difflib import get_close_matches

    from styx.api.errors import BadInput
    from styx.spec.suggest import looks

    wanted, lower = device.lower(), {name.lower(): name for name in sorted(names)}
    same = [each for each in lower if wanted in each or looks(each) == looks(wanted)]
    near = dict.fromkeys([*same, *get_close_matches(wanted, lower, n=3)])
    guess = f"Did you mean {' or '.join(lower[each] for each in list(near)[:3])}? " if near else ""
    hint = f"{guess}`styx gpus list` shows what there is."
    return BadInput(f"no catalog has an accelerator {device!r}", hint=hint)
