"""Which offers are taken, in what order, and why not the others."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api.offers import DIVISIBLE, Accelerator, Offer, Scope
from styx.optimizer.rank import Choice, Judge, Lot, nearest, query_for, rank, thinned, why_not
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
def test_every_offer_that_fits_is_a_choice_and_every_reason_is_true(
    spec: ResourcesSpec, shelf: list[Offer], nodes: int
) -> None:
    """Chosen are those that miss no requirement; of the others those that came closest say the one that they miss."""
    choices, rejections = ranked(spec, shelf, nodes)
    fitting = [(offer, each) for each in spec.alternatives for offer in shelf if why_not(each, offer, nodes) is None]
    assert len(choices) == len(fitting)
    for choice in choices:
        assert (choice.offer, choice.alternative) in fitting
        price = choice.offer.price(spot=choice.alternative.use_spot)
        assert choice.hourly_cost == (None if price is None else price * nodes)
    for rejection in rejections:
        assert any(why_not(a, rejection.offer, nodes) == rejection.reason for a in spec.alternatives)
    turned_down = {each.cloud for each in shelf for a in spec.alternatives if why_not(a, each, nodes) is not None}
    assert {rejection.source for rejection in rejections} == turned_down


@given(spec=specs, shelf=shelves, nodes=st.integers(1, 4))
def test_of_each_cloud_only_the_closest_are_told(spec: ResourcesSpec, shelf: list[Offer], nodes: int) -> None:
    """All that is told of a cloud failed the same rule, the latest that any of its offers failed first."""
    for cloud in ("x", "y"):
        told = {rejection.miss.rule for rejection in ranked(spec, shelf, nodes)[1] if rejection.source == cloud}
        judges = [Judge(each, nodes) for each in spec.alternatives]
        failed = [judge.failed(offer) for judge in judges for offer in shelf if offer.cloud == cloud]
        assert told == {max(rules)} if (rules := [rule for rule in failed if rule is not None]) else not told


@given(spec=specs, shelf=shelves, nodes=st.integers(1, 4))
def test_a_usual_machine_is_one_that_also_fits_what_was_said(
    spec: ResourcesSpec, shelf: list[Offer], nodes: int
) -> None:
    """Asking for a usual machine only ever leaves some out; divided ones and those for devices stay as they were."""
    lots = [[Lot(offer) for offer in shelf]] * len(spec.alternatives)
    usual, plain = (rank(spec, lots, nodes, usual=each)[0] for each in (True, False))
    assert all(choice in plain for choice in usual)
    for choice in plain:
        if DIVISIBLE in choice.offer.capabilities or choice.alternative.accelerators:
            assert choice in usual


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
        if wanted.max_hourly_cost is not None:
            assert price is not None
            assert float(price) <= wanted.max_hourly_cost + 1e-9


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
    """Without an order price alone decides, unknown prices last; with one, price decides only within an alternative.

    What has devices that nobody asked for comes after what has none, whatever the price.
    """
    choices = ranked(spec, shelf, nodes)[0]
    groups = [choices]
    if spec.ordered:
        positions = [_position(spec, choice) for choice in choices]
        assert positions == sorted(positions)
        groups = [[c for c, at in zip(choices, positions, strict=True) if at == n] for n in set(positions)]
    for group in groups:
        spoilt = [Judge(choice.alternative, nodes).spoils(choice.offer) for choice in group]
        assert spoilt == sorted(spoilt)
        for part in (group[: spoilt.count(False)], group[spoilt.count(False) :]):
            known = [choice.hourly_cost for choice in part if choice.hourly_cost is not None]
            assert known == sorted(known)
            assert all(choice.hourly_cost is None for choice in part[len(known) :])


def _position(spec: ResourcesSpec, choice: Choice) -> int:
    return next(n for n, each in enumerate(spec.alternatives) if each is choice.alternative)


@given(alternative=alternatives, offer=offers, nodes=st.integers(1, 4), usual=st.booleans())
def test_the_question_is_never_narrower_than_the_judgement(
    alternative: Alternative, offer: Offer, nodes: int, usual: bool
) -> None:
    """A provider that answers the query to the letter leaves no machine out that would do as a whole."""
    judge, query = Judge(alternative, nodes, usual=usual), query_for(alternative, nodes, usual=usual)
    if alternative.infra.cloud in (None, offer.cloud) and judge.failed(offer) is None:
        if usual and DIVISIBLE in offer.capabilities:
            return
        assert fits(offer, query)
        if DIVISIBLE not in offer.capabilities:
            assert query.vcpus_at_most is None or offer.vcpus <= query.vcpus_at_most
            assert query.memory_gib_at_most is None or offer.memory_gib <= query.memory_gib_at_most


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
        (Alternative(use_spot=True), OFFER, "no spot price is known"),
        (Alternative(max_hourly_cost=0.5), OFFER, "$1.00/h, wanted at most $0.5"),
        (
            Alternative(max_hourly_cost=0.5), replace(OFFER, hourly_price=None),
            "its price is not known, wanted at most $0.5",
        ),
        (Alternative(max_hourly_cost=5, use_spot=True), OFFER, "no spot price is known"),
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


def machine(kind: str, vcpus: float, memory: float, price: str, **more: object) -> Offer:
    """A machine that is rented as a whole."""
    return replace(OFFER, instance_type=kind, vcpus=vcpus, memory_gib=memory, hourly_price=Decimal(price), **more)


T4 = (Accelerator("T4", 1, 16),)
SHELF = [
    machine("tiny", 2, 8, "0.08"),
    machine("compute", 8, 16, "0.30"),
    machine("burst", 8, 32, "0.31", capabilities=frozenset({"burstable"})),
    machine("arm", 8, 32, "0.32", arch="arm64"),
    machine("tesla", 8, 32, "0.35", accelerators=T4),
    machine("general", 8, 32, "0.38"),
    machine("half", 4, 16, "0.19"),
]


@pytest.mark.parametrize(
    ("wanted", "first"),
    [
        (Alternative(), "general"),
        (Alternative(cpus=Amount(4.0, at_least=True)), "half"),
        (Alternative(cpus=Amount(8.0), memory=Amount(4.0, at_least=True)), "compute"),
        (Alternative(cpus=Amount(2.0)), "tiny"),
        (Alternative(memory=Amount(32.0)), "general"),
        (Alternative(instance_type="arm"), "arm"),
        (Alternative(instance_type="burst"), "burst"),
        (Alternative(accelerators=(Accelerator("T4", 1),)), "tesla"),
        (Alternative(accelerators=(Accelerator("T4", 2),)), None),
        (Alternative(cpus=Amount(64.0)), None),
    ],
)  # fmt: skip
def test_what_a_task_leaves_open_is_as_usual(wanted: Alternative, first: str | None) -> None:
    """8 vCPUs, 4 GiB for each vCPU, x86_64, at full speed and without devices, unless the task says otherwise."""
    found = rank(ResourcesSpec((wanted,)), [[Lot(offer) for offer in SHELF]], 1, usual=True)[0]
    assert (found[0].offer.instance_type if found else None) == first


def test_devices_that_nobody_asked_for_come_last() -> None:
    """A machine with a device is taken for a task without one where there is no other at all, however cheap it is."""
    lots = [[Lot(offer) for offer in SHELF]]
    usual, any_machine = (rank(ResourcesSpec(), lots, 1, usual=usual)[0] for usual in (True, False))
    assert [choice.offer.instance_type for choice in usual] == ["general"]
    assert any_machine[-1].offer.instance_type == "tesla"


def test_a_cluster_that_is_there_need_not_be_usual() -> None:
    """A task without a size runs on whatever cluster is named: only new machines are usual."""
    assert why_not(Alternative(), SHELF[0], 1) is None


def test_a_divided_machine_need_not_be_usual() -> None:
    """One's own machine is as large as it is, and runs a task that says nothing."""
    own = replace(SHELF[0], arch="arm64", capabilities=frozenset({DIVISIBLE}))
    assert Judge(Alternative(), 1, usual=True).failed(own) is None


@pytest.mark.parametrize(
    ("wanted", "disk", "fit"),
    [
        ("nvme:100+", None, False), ("nvme:100+", 0, False), ("nvme:100+", 94, True), ("nvme:1000", 931, True),
        ("nvme:1000", 3725, False), ("ssd:1000+", 3725, True), ("ssd:1000+", 800, False),
    ],
)  # fmt: skip
def test_local_disks(wanted: str, disk: int | None, fit: bool) -> None:
    """A machine's own disks are at least as large as asked for, or about that where no + is written; GB are not GiB."""
    assert (why_not(Alternative(local_disk=wanted), replace(OFFER, disk_gib=disk), 1) is None) == fit


@given(spec=specs, shelf=shelves, nodes=st.integers(1, 4))
def test_nothing_is_nearer_than_the_nearest(spec: ResourcesSpec, shelf: list[Offer], nodes: int) -> None:
    """Of each cloud the offer that misses fewest requirements, with each that it misses; none where it fits."""
    lots = [[Lot(offer) for offer in shelf]] * len(spec.alternatives)
    near = {each.source: each for each in nearest(spec, lots, nodes)}
    assert set(near) == {offer.cloud for offer in shelf}
    for cloud, each in near.items():
        judges = [Judge(alternative, nodes) for alternative in spec.alternatives]
        fewest = min(len(judge.all_failed(offer)) for judge in judges for offer in shelf if offer.cloud == cloud)
        assert len(each.misses) == fewest
        assert [miss.rule for miss in each.misses] == Judge(each.alternative, nodes).all_failed(each.offer)


@given(spec=specs, shelf=st.lists(offers, max_size=20), nodes=st.integers(1, 4))
def test_what_is_thinned_out_is_nowhere_the_nearest(spec: ResourcesSpec, shelf: list[Offer], nodes: int) -> None:
    """The same is told of fewer offers: of each kind of machine the cheapest, where its place does not matter."""
    shelf = [replace(offer, region=region, scope=Scope(region)) for offer in shelf for region in ("east", "west")]
    whole = [[Lot(offer) for offer in shelf]] * len(spec.alternatives)
    few = thinned(spec.alternatives, whole[0])
    assert nearest(spec, few, nodes) == nearest(spec, whole, nodes)
    assert rank(spec, few, nodes)[1] == rank(spec, whole, nodes)[1]


def test_of_a_machine_that_is_sold_everywhere_one_offer_is_looked_at() -> None:
    """The cheapest; where a region is named, one in each."""
    shelf = [Lot(replace(OFFER, region=f"r{n % 9}", zone=f"z{n}", hourly_price=Decimal(n))) for n in range(90)]
    anywhere, somewhere = thinned((Alternative(), Alternative(infra=Infra(region="r1"))), reversed(shelf))
    assert anywhere == shelf[:1]
    assert somewhere == shelf[8::-1]


def test_the_nearest_is_the_one_that_is_almost_it() -> None:
    """The same device in another number comes before another device; the cheaper of two that are as near."""
    eight = machine("eight", 96, 1152, "20", accelerators=(Accelerator("A100", 8, 40),))
    other = machine("other", 96, 1152, "9", accelerators=(Accelerator("V100", 4, 16),))
    dear = replace(eight, instance_type="dear", hourly_price=Decimal(30))
    spec = ResourcesSpec((Alternative(accelerators=(Accelerator("A100", 4),)),))
    (found,) = nearest(spec, [[Lot(offer) for offer in (*SHELF, other, dear, eight)]], 1)
    assert found.offer == eight
    assert [miss.reason for miss in found.misses] == ["8x A100, wanted 4x A100"]
    (told,) = rank(spec, [[Lot(offer) for offer in (*SHELF, other, dear, eight)]], 1)[1]
    assert (told.offer, told.reason) == (eight, "8x A100, wanted 4x A100")


def test_many_offers_that_do_not_fit_cost_no_words() -> None:
    """Of a hundred thousand the closest of each name is told, not every one."""
    offers = [replace(OFFER, instance_type=f"t{n}", vcpus=n % 4 + 1) for n in range(10_000)]
    spec = ResourcesSpec((Alternative(cpus=Amount(64.0)),))
    assert len(rank(spec, [[Lot(offer) for offer in offers]], 1)[1]) == 1
