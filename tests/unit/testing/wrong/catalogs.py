"""Packages whose catalog breaks one rule each; everything else they do as the reference does."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

from registry import Registry

from styx.api import Accelerator, CatalogEntry, Refresher, Source
from styx.catalog.entries import to_snapshot
from styx.catalog.snapshot import write

WRONG = Registry()
DAY = date(2026, 11, 1)
MANIFEST = """
name = "acme"
summary = "What Acme sells."

[contract]
cloud = "1.1"

[[catalogs]]
cloud = "acme"
snapshot = "catalog"
refresher = "{module}:AcmeRefresher"
config = "{module}:Settings"
"""
MODULE = """
from pydantic import BaseModel, ConfigDict
from styx.api import Refresher

class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")

class AcmeRefresher(Refresher):
    def entries(self, progress):
        return []

    def sources(self):
        return {}
"""


def entry(name: str, price: str, spot: str | None = None, device: Accelerator | None = None) -> CatalogEntry:
    """One of the source "list"."""
    return CatalogEntry(
        name, 4, 16, "east", "list", zones=("east-a", "east-b"), hourly=Decimal(price),
        spot=Decimal(spot) if spot else None, accelerator=device,
    )  # fmt: skip


class Found(Refresher):
    """Finds two types."""

    def sources(self) -> Mapping[str, Source]:
        return {"list": Source("prices", "Acme", self.today)}

    def entries(self, progress: Callable[[str], None]) -> Iterable[CatalogEntry]:
        return [entry("a1", "1", "0.4"), entry("a2", "2", device=Accelerator("T4", 1, 16))]


class Reference:
    """A package that keeps all rules: ``manifest`` and ``module`` are its text, ``refresher`` what a test is handed."""

    manifest: ClassVar[str] = MANIFEST
    module: ClassVar[str] = MODULE
    refresher: ClassVar[type[Refresher]] = Found

    def entries(self) -> list[CatalogEntry]:
        """What the snapshot has."""
        device = Accelerator("A100", 1, 40)
        return [
            entry("a1", "1", "0.4"),
            entry("a2", "2", device=device),
            entry("a3", "9", device=replace(device, count=8)),
        ]

    def sources(self) -> dict[str, Source]:
        """Where it is from."""
        return {"list": Source("prices", "Acme", DAY)}

    def spoil(self, folder: Path) -> None:
        """Change what was written."""

    def install(self, place: Path) -> str:
        """Write the package into a directory that modules are found in; returns its name."""
        name = f"styx_wrong_{type(self).__name__.lower()}"
        folder = place / name / "catalog"
        folder.mkdir(parents=True)
        (place / name / "__init__.py").write_text(self.module)
        (place / name / "styx-plugin.toml").write_text(self.manifest.format(module=name))
        write(to_snapshot("acme", DAY, self.sources(), self.entries()), folder)
        self.spoil(folder)
        sys.modules.pop(name, None)
        return name


def edit(path: Path, before: str, after: str) -> None:
    """Replace a text that is there."""
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


@WRONG.breaks("test_the_snapshot_can_be_read")
class CutOff(Reference):
    """A file that ends in the middle."""

    def spoil(self, folder: Path) -> None:
        (folder / "prices.csv").write_text((folder / "prices.csv").read_text()[:-3])


@WRONG.breaks("test_no_row_is_left_out")
class Free(Reference):
    """A price of nothing."""

    def spoil(self, folder: Path) -> None:
        edit(folder / "prices.csv", ",9,", ",0,")


@WRONG.breaks("test_files_are_as_styx_writes_them")
class Padded(Reference):
    """Zeros that say nothing."""

    def spoil(self, folder: Path) -> None:
        edit(folder / "prices.csv", ",1,", ",1.000,")


@WRONG.breaks("test_every_source_is_used")
class Boasting(Reference):
    """A source that nothing is taken from."""

    def sources(self) -> dict[str, Source]:
        return super().sources() | {"oracle": Source("prices", "somebody", DAY)}


@WRONG.breaks("test_no_day_is_in_the_future")
class Prophetic(Reference):
    """Prices of next year."""

    def sources(self) -> dict[str, Source]:
        return {"list": Source("prices", "Acme", date(9998, 1, 1))}


@WRONG.breaks("test_accelerators_have_one_spelling")
class Careless(Reference):
    """Capitals here, none there."""

    def entries(self) -> list[CatalogEntry]:
        return [*super().entries(), entry("a4", "2", device=Accelerator("a100", 2, 40))]


@WRONG.breaks("test_accelerators_of_one_name_have_one_memory")
class Blurred(Reference):
    """Two models under one name."""

    def entries(self) -> list[CatalogEntry]:
        return [*super().entries(), entry("a4", "2", device=Accelerator("A100", 1, 80))]


@WRONG.breaks("test_spot_costs_no_more_than_on_demand")
class Dear(Reference):
    """More for less."""

    def entries(self) -> list[CatalogEntry]:
        return [*super().entries(), entry("a4", "2", "2.5")]


@WRONG.breaks("test_accelerators_have_prices")
class Priceless(Reference):
    """Nobody knows what the A100 costs."""

    def entries(self) -> list[CatalogEntry]:
        return [each if each.accelerator is None else replace(each, hourly=None) for each in super().entries()]


@WRONG.breaks("test_prices_agree_with_those_elsewhere")
class Dedicated(Reference):
    """The price of a machine of one's own."""

    def entries(self) -> list[CatalogEntry]:
        return [replace(each, hourly=each.hourly and each.hourly * Decimal("1.06")) for each in super().entries()]


@WRONG.breaks("test_files_are_small")
class Huge(Reference):
    """A description as long as a book."""

    def sources(self) -> dict[str, Source]:
        return {"list": Source("prices" * 400_000, "Acme", DAY)}


@WRONG.breaks("test_importing_the_package_brings_no_sdk")
class Eager(Reference):
    """A library of the provider at the top of the module."""

    module = f"import acme_sdk\n{MODULE}"

    def install(self, place: Path) -> str:
        (place / "acme_sdk.py").write_text("")
        return super().install(place)


@WRONG.breaks("test_the_refresher_is_one")
class Renamed(Reference):
    """A class that is called otherwise."""

    module = MODULE.replace("AcmeRefresher", "Renewer")


@WRONG.breaks("test_settings_are_checked")
class Lenient(Reference):
    """Settings of which any may be misspelt."""

    module = MODULE.replace('extra="forbid"', "")


@WRONG.breaks("test_what_is_found_makes_sense")
class Empty(Reference):
    """Machines without memory."""

    class refresher(Found):  # noqa: N801 - as the fixture is called
        """Says 0 where it does not know."""

        def entries(self, progress: Callable[[str], None]) -> Iterable[CatalogEntry]:
            return [*super().entries(progress), replace(entry("a3", "1"), memory_gib=0)]


@WRONG.breaks("test_what_is_found_has_a_source_of_that_day")
class Stale(Reference):
    """Yesterday's day."""

    class refresher(Found):  # noqa: N801 - as the fixture is called
        """Wrong by a day."""

        def sources(self) -> Mapping[str, Source]:
            return {name: replace(each, as_of=each.as_of - timedelta(1)) for name, each in super().sources().items()}
