"""A cloud finds its own catalog in its services."""

from __future__ import annotations

from pathlib import Path

import pytest

from styx.api import Accelerator, CatalogError, OfferQuery
from styx.clock import SystemClock
from styx.config import load_config
from styx.engine.clouds import Clouds
from styx.plugins import index
from styx.plugins.manager import PluginManager
from support.catalog_plugins import install
from support.catalogs import entry


def clouds(home: Path) -> Clouds:
    """The clouds of this installation."""
    index.read.cache_clear()
    return Clouds(PluginManager.installed(), load_config(), home, "i12345", SystemClock())


def test_a_cloud_is_handed_its_rows(site: Path, styx_home: Path) -> None:
    """And those of no other cloud, so that offering them is one line."""
    install(site, [entry("a1", "1"), entry("a2", "2", accelerator=Accelerator("T4"))], launchable=True)
    install(site, [entry("b1", "1")], "bolt")
    catalog = clouds(styx_home).services("cloud", "acme").catalog
    assert catalog is not None
    assert [offer.instance_type for offer in catalog.offers(OfferQuery())] == ["a1", "a2"]
    assert [offer.instance_type for offer in catalog.offers(OfferQuery(accelerators=(Accelerator("t4"),)))] == ["a2"]


def test_one_that_cannot_be_read_is_told_with_what_to_do(site: Path, styx_home: Path) -> None:
    """By the cloud that has it, and by no other."""
    folder = install(site, [entry("a1", "1")], launchable=True)
    (folder / "prices.csv").write_text("nonsense\n")
    install(site, [entry("b1", "1")], "bolt")
    found = clouds(styx_home)
    acme, bolt = (found.services("cloud", name).catalog for name in ("acme", "bolt"))
    assert acme is not None
    assert bolt is not None
    with pytest.raises(CatalogError) as raised:
        acme.offers(OfferQuery())
    assert raised.value.hint == "Install styx-acme again, or do without: `styx plugins disable acme`."
    assert len(bolt.offers(OfferQuery())) == 1


def test_a_cloud_without_a_catalog_finds_nothing(site: Path, styx_home: Path) -> None:
    """Its own machines, or a market that is asked each time, are in none; other kinds of objects are handed none."""
    catalog = clouds(styx_home).services("cloud", "local").catalog
    assert catalog is not None
    assert catalog.offers(OfferQuery()) == []
    assert clouds(styx_home).services("storage", "file").catalog is None
