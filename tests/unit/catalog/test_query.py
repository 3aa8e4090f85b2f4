"""Whatever is asked for, the compiled catalog says what a look at every row would say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from styx.api import Accelerator, CatalogEntry, Offer, OfferQuery, Scope
from styx.catalog.query import Catalog
from support.catalogs import DEVICES, REGIONS, database, entries, entry, write_catalog

ZONES = [zone for zones in REGIONS.values() for zone in zones]
sizes = st.sampled_from([None, 0.5, 2, 4, 8, 16, 96])
queries = st.builds(
    OfferQuery,
    vcpus=sizes,
    memory_gib=sizes,
    accelerators=st.just(())
    | st.builds(Accelerator, st.sampled_from([*DEVICES, "a100", "none"]), st.sampled_from([0.5, 1, 2, 8])).map(
        lambda device: (device,)
    ),
    instance_type=st.none() | st.sampled_from(["t0", "t1", "none"]),
    region=st.none() | st.sampled_from([*REGIONS, "none"]),
    zone=st.none() | st.sampled_from([*ZONES, "none", "e"]),
    spot=st.booleans(),
    vcpus_at_most=sizes,
    memory_gib_at_most=sizes,
    accelerator_memory_gib=st.sampled_from([None, None, 0, 41, 80]),
)


@contextmanager
def catalog(found: Iterable[CatalogEntry]) -> Iterator[Catalog]:
    """A catalog of these entries, compiled into the cache."""
    with TemporaryDirectory() as folder:
        write_catalog(Path(folder), found)
        opened = database(Path(folder))
        yield Catalog(opened)
        opened.close()


def every(found: Iterable[CatalogEntry]) -> Iterator[Offer]:
    """One offer for each entry and zone."""
    for each in found:
        for zone in each.zones or (None,):
            yield Offer(
                "acme", Scope(each.region), each.instance_type, each.vcpus, each.memory_gib, each.region, zone,
                (each.accelerator,) if each.accelerator else (), each.hourly, each.spot, each.arch, each.disk_gib,
                None, each.capabilities,
            )  # fmt: skip


def fits(offer: Offer, query: OfferQuery) -> bool:
    """The query, word by word."""
    return (
        (query.vcpus is None or offer.vcpus >= query.vcpus)
        and (query.memory_gib is None or offer.memory_gib >= query.memory_gib)
        and (query.vcpus_at_most is None or offer.vcpus <= query.vcpus_at_most)
        and (query.memory_gib_at_most is None or offer.memory_gib <= query.memory_gib_at_most)
        and all(
            any(device.name.lower() == wanted.name.lower() and device.count == wanted.count
                for device in offer.accelerators)
            for wanted in query.accelerators
        )
        and (
            query.accelerator_memory_gib is None
            or any(device.memory_gib >= query.accelerator_memory_gib for device in offer.accelerators)
        )
        and query.instance_type in (None, offer.instance_type)
        and query.region in (None, offer.region)
        and query.zone in (None, offer.zone)
        and (not query.spot or offer.spot_hourly_price is not None)
    )  # fmt: skip


def price(offer: Offer, query: OfferQuery) -> Decimal:
    """What counts for the query; what is not known comes last."""
    found = offer.price(spot=query.spot)
    return Decimal("Infinity") if found is None else found


def key(offer: Offer) -> tuple[object, ...]:
    """What tells offers apart."""
    return offer.instance_type, offer.region, offer.zone or ""


@given(entries(), queries)
def test_a_query_finds_what_a_look_at_every_row_finds(found: list[CatalogEntry], query: OfferQuery) -> None:
    """All that fits and nothing else, with all its facts, cheapest first."""
    with catalog(found) as shelf:
        offers = shelf.offers(query)
    assert sorted(offers, key=key) == sorted((offer for offer in every(found) if fits(offer, query)), key=key)
    amounts = [price(offer, query) for offer in offers]
    assert amounts == sorted(amounts)


@given(entries(most=60), queries, st.integers(1, 7))
def test_the_cheapest_are_the_cheapest_of_each_zone(found: list[CatalogEntry], query: OfferQuery, most: int) -> None:
    """Asked for so many, no zone lacks one that is among its cheapest, for either architecture, and all of them fit."""
    with catalog(found) as shelf:
        offers = shelf.offers(OfferQuery(**{**fields(query), "cheapest": most}))
    assert all(fits(offer, query) for offer in offers)
    for place in {(offer.region, offer.zone, offer.arch) for offer in every(found)}:
        fitting = [o for o in every(found) if fits(o, query) and (o.region, o.zone, o.arch) == place]
        right = sorted(price(offer, query) for offer in fitting)[:most]
        said = sorted(price(o, query) for o in offers if (o.region, o.zone, o.arch) == place)
        assert said[: len(right)] == right


def fields(query: OfferQuery) -> dict[str, object]:
    """The fields of a query by name."""
    return {name: getattr(query, name) for name in OfferQuery.__dataclass_fields__}


def test_a_model_can_be_asked_for_in_any_number() -> None:
    """For who wants to know what comes nearest to a number that nobody sells."""
    found = [entry(f"t{n}", str(n), accelerator=Accelerator("A100", n)) for n in (1, 8)]
    with catalog([*found, entry("cpu", "1")]) as shelf:
        assert [offer.accelerators[0].count for offer in shelf.having("a100")] == [1, 8]
        assert [(device.name, device.quantity) for device in shelf.accelerators()] == [("A100", 1), ("A100", 8)]


def test_prices_read_as_people_write_them() -> None:
    """No zeros at the end, and no exponent."""
    with catalog([entry("t1", "32.7700"), entry("t2", "30"), entry("t3", "0.0116")]) as shelf:
        assert [str(offer.hourly_price) for offer in shelf.offers(OfferQuery())] == ["0.0116", "30", "32.77"]
