"""Plugins that ship a catalog, installed into a directory that stands for site-packages."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from styx.api import CatalogEntry
from support.catalogs import TODAY, write_catalog
from support.plugin_packages import GOOD_CLOUD, Package

MANIFEST = """
name = "{name}"
summary = "What {name} sells."
[contract]
cloud = "1.1"
[[catalogs]]
cloud = "{name}"
snapshot = "catalog"
"""
PROVIDES = """
[[provides]]
kind = "cloud"
name = "{name}"
target = "styx_{name}.cloud:AcmeCloud"
"""
# What it says is written by the test: a function `entries(progress)`, and `transfer()` where there is one.
REFRESHER = """
from datetime import date
from decimal import Decimal

from pydantic import BaseModel

from styx.api import *


class Settings(BaseModel, extra="forbid"):
    profile: str = "default"


class Fresh(Refresher):
    def sources(self):
        return {{"live": Source("prices", "the price API of {name}", date(2026, 12, 1))}}

    def entries(self, progress):
{body}


def sell(name, hourly, region="east", **more):
    return CatalogEntry(name, 4, 16, region, "live", hourly=Decimal(hourly), **more)
"""


def install(
    site: Path,
    found: Iterable[CatalogEntry],
    name: str = "acme",
    *,
    body: str = "",
    launchable: bool = False,
    as_of: date = TODAY,
) -> Path:
    """Install ``styx-<name>`` with these entries; with ``body``, the code of a refresher's ``entries``.

    Returns the folder of its snapshot.
    """
    manifest = MANIFEST.format(name=name)
    modules = {}
    if body:
        manifest += f'refresher = "styx_{name}.fresh:Fresh"\nconfig = "styx_{name}.fresh:Settings"\n'
        lines = "\n".join(f"        {line}" for line in body.strip().splitlines())
        modules["fresh"] = REFRESHER.format(name=name, body=lines)
    if launchable:
        manifest += PROVIDES.format(name=name)
        modules["cloud"] = GOOD_CLOUD
    clouds = (f"{name} = styx_{name}.cloud:AcmeCloud",) if launchable else ()
    written = Package(name=name, manifest=manifest, modules=modules, clouds=clouds).install(site)
    return write_catalog(written.parent / "catalog", found, name, as_of)
