"""Which offers are taken, in what order, and why not the others."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api.offers import DIVISIBLE, Accelerator, Offer, Scope
from styx.optimizer.rank import Choice, Lot, query_for, rank, why_not
from styx.spec.model import Alternative, Amount, Infra, ResourcesSpec
from styx.testing.memory.catalog import fits

MODELS = {"A100": 40, "H100": 80, "T4": 16}
AMOUNTS = {"16GB": 16, "40GB+": 40, "nvidia:40GB": 40}
COUNTS = st.sampled_from([1, 2, 8])
DEVICES = st.builds(lambda name, count: Accelerator(name, count, MODELS[name]), st.sampled_from([*MODELS]), COUNTS)
WISHES = st.builds(
    lambda name, count: Accelerator(name, count, AMOUNTS.get(name, 0)),
    st.sampled_from([*MODELS, "a100", *AMOUNTS]),
    COUNTS,
)
PRICES = st.none() | st.decimals(min_value=0, max_value=50, places=2)
SIZES = st.sampled_from([1.0, 2.0, 4.0, 8.0, 16.0, 64.0])

offers = st.builds(
    lambda cloud, region, kind, vcpus, memory, devices, price, spot, available, divisible: Offer(
        cloud=cloud,
        scope=Scope(region),
        region=region,
        zone=f"{region}-a",
        instance_type=kind,
        vcpus=vcpus,
        memory_gib=memory,
        accelerators=devices,
        hourly_price=price,
        spot_hourly_price=spot,
        available=available,
        capabilities=frozenset({DIVISIBLE} if divisible else ()),
    ),
    st.sampled_from(["x", "y"]),
    st.sampled_from(["east", "west"]),
    st.sampled_from(["small", "large"]),
    SIZES,
    SIZES,
    st.lists(DEVICES, max_size=1).map(tuple),
    PRICES,
    PRICES,
    st.none() | st.integers(0, 4),
    st.booleans(),
)
amounts = st.builds(Amount, SIZES, st.booleans())
memories = amounts | st.builds(Amount, SIZES, st.just(True), st.just(True))
alternatives = st.builds(
    Alternative,
    infra=st.builds(
        Infra, st.none() | st.sampled_from(["x", "y"]), st.none() | st.sampled_from(["east", "west"]), st.none()
    ),
    cpus=st.none() | amounts,
    memory=st.none() | memories,
    accelerators=st.lists(WISHES, max_size=1).map(tuple),
    instance_type=st.none() | st.sampled_from(["small", "large"]),
    use_spot=st.booleans(),
    max_hourly_cost=st.none() | st.floats(0, 60),
)
specs = st.builds(ResourcesSpec, st.lists(alternatives, min_size=1, max_size=3).map(tuple), st.booleans())
shelves = st.lists(offers, max_size=8)


def ranked(spec: ResourcesSpec, shelf: list[Offer], nodes: int) -> tuple[list[Choice], list[object]]:
    """Every alternative sees the same shelf."""
    choices, rejections = rank(spec, [[Lot(offer) for offer in shelf]] * len(spec.alternatives), nodes)
    return choices, list(rejections)


@given(spec=specs, shelf=shelves, nodes=st.integers(1, 4))
def test_every_offer_is_either_a_choice_or_rejected_for_a_reason(
    spec: ResourcesSpec, shelf: list[Offer], nodes: int
) -> None:
    """Nothing is lost on the way: chosen offers miss no requirement, and the others miss the one that is named."""
    choices, rejections = ranked(spec, shelf, nodes)
    assert len(choices) + len(rejections) == len(shelf) * len(spec.alternatives)
    for choice in choices:
        assert why_not(choice.alternative, choice.offer, nodes) is None
        price = choice.offer.price(spot=choice.alternative.use_spot)
        assert choice.hourly_cost == (None if price is None else price * nodes)
    for rejection in rejections:
        assert rejection.reason
        assert any(why_not(a, rejection.offer, nodes) == rejection.reason for a in spec.alternatives)


@given(spec=specs, shelf=shelves, nodes=st.integers(1, 4))
def test_what_is_chosen_is_what_was_asked_for(spec: ResourcesSpec, shelf: list[Offer], nodes: int) -> None:
    """Each requirement holds of each choice, stated here once more in other words."""
    for choice in ranked(spec, shelf, nodes)[0]:
        wanted, offer = choice.alternative, choice.offer
        assert wanted.infra.cloud in (None, offer.cloud)
        assert wanted.infra.region in (None, offer.region)
        assert wanted.instance_type in (None, offer.instance_type)
        assert wanted.cpus is None or offer.vcpus >= wanted.cpus.value
        assert wanted.memory is None or offer.memory_gib >= wanted.memory.value * (
            offer.vcpus if wanted.memory.per_cpu else 1
        )
        for device in wanted.accelerators:
            (has,) = offer.accelerators
            assert has.count >= device.count
            assert has.memory_gib >= device.memory_gib if device.memory_gib else has.name == device.name.upper()
        assert not wanted.use_spot or offer.spot_hourly_price is not None
        assert offer.available is None or offer.available >= nodes
        price = offer.price(spot=wanted.use_spot)
        assert wanted.max_hourly_cost is None or price is None or float(price) <= wanted.max_hourly_cost + 1e-9


@given(spec=specs, shelf=shelves, nodes=st.integers(1, 4), seed=st.integers())
def test_the_order_does_not_depend_on_the_order_of_the_answers(
    spec: ResourcesSpec, shelf: list[Offer], nodes: int, seed: int
) -> None:
    """However the clouds list what they have, the same offers come in the same order."""
    shuffled = shelf[:]
    random.Random(seed).shuffle(shuffled)

    def key(choice: Choice) -> tuple[object, ...]:
        offer = choice.offer
        return choice.hourly_cost, offer.cloud, offer.scope.name, offer.zone, offer.vcpus, offer.instance_type

    assert [key(c) for c in ranked(spec, shelf, nodes)[0]] == [key(c) for c in ranked(spec, shuffled, nodes)[0]]


@given(spec=specs, shelf=shelves, nodes=st.integers(1, 4))
def test_cheapest_first_or_in_the_order_given(spec: ResourcesSpec, shelf: list[Offer], nodes: int) -> None:
    """Without an order price alone decides, unknown prices last; with one, price decides only within an alternative."""
    choices = ranked(spec, shelf, nodes)[0]
    groups = [choices]
    if spec.ordered:
        positions = [_position(spec, choice) for choice in choices]
        assert positions == sorted(positions)
        groups = [[c for c, at in zip(choices, positions, strict=True) if at == n] for n in set(positions)]
    for group in groups:
        known = [choice.hourly_cost for choice in group if choice.hourly_cost is not None]
        assert known == sorted(known)
        assert all(choice.hourly_cost is None for choice in group[len(known) :])


def _position(spec: ResourcesSpec, choice: Choice) -> int:
    return next(n for n, each in enumerate(spec.alternatives) if each is choice.alternative)


@given(alternative=alternatives, offer=offers, nodes=st.integers(1, 4))
def test_the_question_is_never_narrower_than_the_judgement(alternative: Alternative, offer: Offer, nodes: int) -> None:
    """A provider that answers the query to the letter leaves nothing out that would do."""
    if alternative.infra.cloud in (None, offer.cloud) and why_not(alternative, offer, nodes) is None:
        assert fits(offer, query_for(alternative, nodes))


OFFER = Offer("x", Scope("east"), "small", 4, 16, region="east", hourly_price=Decimal("1.00"))
A100 = (Accelerator("A100", 2, 40),)
FOUR = (Accelerator("A100", 4, 40),)
MIXED = (Accelerator("A100", 1, 40), Accelerator("H100", 2, 80))
AT_LEAST_32 = (Accelerator("32GB+", 2, 32),)


@pytest.mark.parametrize(
    ("wanted", "offer", "reason"),
    [
        (Alternative(infra=Infra("y")), OFFER, "not on y"),
        (Alternative(infra=Infra(None, "west")), OFFER, "region east, wanted west"),
        (Alternative(infra=Infra("x", "east", "east-b")), OFFER, "zone -, wanted east-b"),
        (Alternative(cpus=Amount(2.0)), OFFER, "4 vCPUs, wanted 2"),
        (Alternative(cpus=Amount(8.0, at_least=True)), OFFER, "4 vCPUs, wanted 8+"),
        (Alternative(memory=Amount(8.0, per_cpu=True)), OFFER, "16 GiB of memory, wanted 8x"),
        (Alternative(accelerators=A100), OFFER, "no accelerator, wanted 2x A100"),
        (Alternative(accelerators=A100), replace(OFFER, accelerators=FOUR), "4x A100, wanted 2x A100"),
        (Alternative(accelerators=AT_LEAST_32), replace(OFFER, accelerators=FOUR), "4x A100, wanted 2x 32GB+"),
        (Alternative(accelerators=AT_LEAST_32), replace(OFFER, accelerators=MIXED), None),
        (Alternative(use_spot=True), OFFER, "not sold as spot"),
        (Alternative(max_hourly_cost=0.5), OFFER, "$1.00/h, wanted at most $0.5"),
        (Alternative(), replace(OFFER, available=1), "1 free, wanted 2"),
        (Alternative(cpus=Amount(4.0), memory=Amount(16.0)), OFFER, None),
        (Alternative(cpus=Amount(2.0)), replace(OFFER, capabilities=frozenset({DIVISIBLE})), None),
        (Alternative(accelerators=(Accelerator("a100", 2),)), replace(OFFER, accelerators=A100), None),
    ],
)  # fmt: skip
def test_reasons(wanted: Alternative, offer: Offer, reason: str | None) -> None:
    """The first requirement that is missed, in the words that the user reads."""
    assert why_not(wanted, offer, 2) == reason


def test_a_cloud_knows_whether_it_was_asked_for() -> None:
    """A cloud that is one of all must not hold the others up; one that the user named may take its time."""
    assert query_for(Alternative(infra=Infra("ssh", "lab")), 1).named
    assert not query_for(Alternative(), 1).named
