"""What is derived from a listing and a price list, and whose machines are touched."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from styx.api import (
    Accelerator,
    Billing,
    Boot,
    Cause,
    Conflict,
    Idempotency,
    InsufficientCapacity,
    LaunchRequest,
    LaunchState,
    Node,
    NodeState,
    NotYet,
    OfferGone,
    OfferQuery,
    OutcomeUnknown,
    Owner,
    Prepared,
    Receipt,
    Rest,
    Scope,
    StartRequest,
    SupportsDiscard,
    SupportsPorts,
    SupportsStop,
    Traits,
    Transient,
    Unsupported,
    new_attempt_id,
)
from support.garage import BOOT_SECONDS, CLOUDS, GPU, AnonymousCloud, GarageCloud, NamedCloud, SearchCloud, make

STOCK = InsufficientCapacity("sold out", scope="all")
KEY = "ssh-ed25519 AAAA key"


@pytest.fixture
def cloud(tmp_path: Path) -> GarageCloud:
    """Machines are found again by the name that is listed."""
    made: GarageCloud = make(SearchCloud, tmp_path)
    return made


def request(cloud: GarageCloud, ranks: Sequence[int] = (0,), **more: Any) -> LaunchRequest:
    """A launch of the first offer."""
    offer = next(iter(cloud.offers(OfferQuery())))
    owner = Owner(cloud.services.installation, "train", new_attempt_id())
    return replace(LaunchRequest(owner, offer, tuple(ranks), Boot(KEY, script="#!/bin/sh\n")), **more)


def running(cloud: GarageCloud, ranks: Sequence[int] = (0,)) -> tuple[Prepared, Receipt]:
    """Machines that are up."""
    papers = cloud.prepare(request(cloud, ranks))
    receipt = cloud.launch(papers)
    cloud.garage.clock.advance(60.0)  # type: ignore[attr-defined]
    return papers, receipt


def seen(cloud: GarageCloud, papers: Prepared) -> list[Node]:
    """The nodes of that owner."""
    return list(cloud.observe(papers.scope, {papers.owner}).nodes)


def test_capabilities_are_those_whose_calls_are_written(cloud: GarageCloud, tmp_path: Path) -> None:
    """Single machines can always be removed; stop and ports come with their classes."""
    assert isinstance(cloud, SupportsDiscard)
    assert isinstance(cloud, SupportsStop)
    assert isinstance(cloud, SupportsPorts)
    assert not isinstance(make(AnonymousCloud, tmp_path), SupportsPorts)


def test_a_cloud_with_tokens_is_refused_when_its_class_is_made() -> None:
    """What cannot be derived is said to the author and not to the user."""
    with pytest.raises(TypeError, match="NAME, SEARCH or NONE"):
        type("Tokens", (GarageCloud,), {"traits": Traits(Idempotency.TOKEN, token_lifetime=60.0)})


def test_offers_are_the_rows_that_fit(cloud: GarageCloud) -> None:
    """Sizes are minima, names of devices are compared whatever their case, regions must be the same."""
    a100 = OfferQuery(vcpus=4, accelerators=(Accelerator("a100", 1),))
    assert [(offer.instance_type, offer.region) for offer in cloud.offers(a100)] == [("gpu", "north"), ("gpu", "south")]
    assert [offer.region for offer in cloud.offers(replace(a100, region="south"))] == ["south"]
    for none in (replace(a100, spot=True), replace(a100, accelerators=(Accelerator("A100", 2),)), OfferQuery(vcpus=99)):
        assert list(cloud.offers(none)) == []


def test_prepare_asks_nobody(cloud: GarageCloud) -> None:
    """A launch costs one request a machine, and one for an unknown name more."""
    cloud.launch(cloud.prepare(request(cloud, (0, 1))))
    assert cloud.garage.requests == ["create 0", "create 1"]


def test_keys_are_uploaded_under_one_name_each(tmp_path: Path) -> None:
    """Where machines take keys by name, the name says whose key it is, and comes with the order."""
    uploaded: list[tuple[str, str]] = []
    names: list[str] = []

    class Keyed(SearchCloud):
        def upload_key(self, name: str, public_key: str) -> None:
            uploaded.append((name, public_key))

        def create(self, order: Any) -> str:
            names.append(order.key_name)
            return super().create(order)

    cloud = make(Keyed, tmp_path)
    for _ in range(2):
        cloud.launch(cloud.prepare(request(cloud)))
    assert len(set(uploaded)) == 1
    assert uploaded[0][1] == KEY
    assert uploaded[0][0].startswith(f"styx-{cloud.services.installation}-")
    assert names == [uploaded[0][0]] * 2


@pytest.mark.parametrize(
    ("wish", "error"),
    [
        ({"image": "ubuntu"}, Unsupported),
        ({"identity": "trainer"}, Unsupported),
        ({"spot": True}, Unsupported),
        ({"disk_gib": 101}, Unsupported),
        ({"labels": {"team": "a"}}, Unsupported),
        ({"offer": "gone"}, OfferGone),
    ],
)
def test_a_wish_that_create_does_not_honour_is_refused(
    wish: dict[str, Any], error: type[Exception], cloud: GarageCloud
) -> None:
    """Nothing that the user asked for is left out in silence."""
    asked = request(cloud)
    if wish == {"offer": "gone"}:
        wish = {"offer": replace(asked.offer, instance_type="gone")}
    with pytest.raises(error):
        cloud.prepare(replace(asked, **wish))


def test_a_disk_that_comes_with_the_machine_is_enough(cloud: GarageCloud) -> None:
    """What the machine has anyway need not be honoured."""
    assert cloud.prepare(request(cloud, disk_gib=GPU.disk_gib))


def test_papers_of_another_version_are_read(cloud: GarageCloud) -> None:
    """An order that a later version wrote more into, or an earlier one less, is still placed."""
    papers = cloud.prepare(request(cloud, ports=(8080,)))
    payload = json.loads(papers.payload)
    payload["order"]["tomorrow"] = 1
    del payload["order"]["labels"]
    receipt = cloud.launch(replace(papers, payload=json.dumps(payload)))
    assert cloud.garage.made[receipt.node_ids[0]][1].ports == {8080: "192.0.2.1:38080"}


def test_the_boot_script_goes_only_where_it_is_run(tmp_path: Path) -> None:
    """Without ``boot_script`` in the traits the script is not even stored."""
    for runs in (False, True):
        cloud = make(SearchCloud, tmp_path, boot_script=runs)
        assert json.loads(cloud.prepare(request(cloud)).payload)["order"]["script"] == ("#!/bin/sh\n" if runs else "")


def test_nodes_say_all_that_the_listing_does(cloud: GarageCloud) -> None:
    """Rank, name, type, age, address, and the price of the row that was bought."""
    papers, _ = running(cloud, (0, 1))
    node = max(seen(cloud, papers), key=lambda node: node.rank or 0)
    assert (node.rank, node.name) == (1, papers.owner.node_name(1))
    assert (node.instance_type, node.hourly_cost, node.billing) == ("gpu", Decimal("1.50"), Billing.FULL)
    assert node.endpoint is not None
    assert node.endpoint.options == {"host": "192.0.2.2", "port": "22", "user": "root"}
    assert node.created_at is not None


def test_a_machine_without_an_address_is_not_running_yet(cloud: GarageCloud) -> None:
    """Providers say running before they say where."""
    papers = cloud.prepare(request(cloud))
    receipt = cloud.launch(papers)
    cloud.garage.change(receipt.node_ids[0], state=NodeState.RUNNING)
    assert [node.state for node in seen(cloud, papers)] == [NodeState.PENDING]
    cloud.garage.clock.advance(BOOT_SECONDS)  # type: ignore[attr-defined]
    assert [node.state for node in seen(cloud, papers)] == [NodeState.RUNNING]


def test_a_machine_that_was_accepted_and_not_made_is_a_failed_launch(cloud: GarageCloud) -> None:
    """A stock-out that comes late is told with its error, and what is left of the machine is removed."""
    papers, receipt = running(cloud)
    cloud.garage.change(receipt.node_ids[0], error=STOCK, state=NodeState.TERMINATING)
    found = cloud.observe(papers.scope, {papers.owner})
    assert found.nodes == ()
    assert [(one.owner, one.state, type(one.error)) for one in found.launches] == [
        (papers.owner, LaunchState.FAILED, InsufficientCapacity)
    ]
    assert [leftover.id for leftover in found.leftovers] == [receipt.node_ids[0]]
    cloud.terminate(papers.scope, papers.owner, [receipt])
    assert cloud.observe(papers.scope, {papers.owner}).leftovers == ()


def test_what_machines_leave_behind_goes_after_them(cloud: GarageCloud) -> None:
    """A disk with the machine's name is a leftover, and is removed with the attempt and not with another."""
    papers, receipt = running(cloud)
    other, _ = running(cloud)
    disk = Rest("disk-1", "disk", papers.owner.node_name(0), hourly_cost=Decimal("0.01"))
    cloud.garage.rests.append(disk)
    assert [leftover.kind for leftover in cloud.observe(papers.scope, None).leftovers] == ["disk"]
    cloud.terminate(papers.scope, other.owner, ())
    assert cloud.garage.rests == [disk]
    cloud.terminate(papers.scope, papers.owner, [receipt])
    assert cloud.garage.rests == []
    assert cloud.garage.requests[-1] == "delete disk-1"


def test_a_machine_that_was_renamed_is_still_removed(cloud: GarageCloud) -> None:
    """A receipt names it, and its new name is nobody's: it is ours to remove, and it bills."""
    papers, receipt = running(cloud)
    cloud.garage.change(receipt.node_ids[0], name="my box", tags={})
    cloud.terminate(papers.scope, papers.owner, [receipt])
    assert cloud.garage.made == {}


def test_without_names_everything_is_listed_and_receipts_alone_remove(tmp_path: Path) -> None:
    """Core attributes by its receipts; what none of them names stays, whoever asks."""
    cloud = make(AnonymousCloud, tmp_path)
    papers, receipt = running(cloud)
    _, other = running(cloud)
    ids = {*receipt.node_ids.values(), *other.node_ids.values()}
    for owners in (None, {papers.owner}):
        nodes = cloud.observe(papers.scope, owners).nodes
        assert {(node.id, node.owner, node.rank) for node in nodes} == {(id_, None, None) for id_ in ids}
    cloud.terminate(papers.scope, papers.owner, ())
    assert set(cloud.garage.made) == ids
    cloud.terminate(papers.scope, papers.owner, [receipt])
    assert set(cloud.garage.made) == set(other.node_ids.values())


@pytest.mark.parametrize("kind", CLOUDS[:3])
def test_one_too_many_is_discarded_alone(kind: type[GarageCloud], tmp_path: Path) -> None:
    """Only the machines named, and of these only the owner's."""
    cloud = make(kind, tmp_path)
    papers, receipt = running(cloud, (0, 1))
    other, theirs = running(cloud)
    cloud.discard(papers.scope, papers.owner, [receipt.node_ids[1], theirs.node_ids[0]])
    assert set(cloud.garage.made) == {receipt.node_ids[0], theirs.node_ids[0]}
    with pytest.raises(Conflict):
        cloud.discard(papers.scope, replace(other.owner, installation="abcdef"), [theirs.node_ids[0]])


def test_a_removal_goes_on_past_a_machine_that_has_to_wait(cloud: GarageCloud) -> None:
    """One that cannot go yet, or whose answer was lost, is asked for again; the others are gone by then."""
    papers, receipt = running(cloud, (0, 1, 2))
    real = cloud.garage.delete
    failures: list[Exception | None] = [Conflict("still booting"), OutcomeUnknown("no answer"), None]

    def delete(id_: str) -> None:
        failure = failures.pop(0) if failures else None
        if failure is not None:
            raise failure
        real(id_)

    cloud.garage.delete = delete  # type: ignore[method-assign]
    with pytest.raises(NotYet, match="still booting"):
        cloud.terminate(papers.scope, papers.owner, [receipt])
    assert sorted(cloud.garage.made) == ["g1", "g2"]
    cloud.terminate(papers.scope, papers.owner, [receipt])
    assert cloud.garage.made == {}


def test_an_error_of_one_removal_does_not_spare_the_others(cloud: GarageCloud) -> None:
    """The first error is told once every machine was tried."""
    papers, receipt = running(cloud, (0, 1))
    real = cloud.garage.delete

    def delete(id_: str) -> None:
        if id_ == "g1":
            raise Transient("no way there")
        real(id_)

    cloud.garage.delete = delete  # type: ignore[method-assign]
    with pytest.raises(Transient):
        cloud.terminate(papers.scope, papers.owner, [receipt])
    assert list(cloud.garage.made) == ["g1"]


def test_reading_leaves_no_outcome_unknown(cloud: GarageCloud) -> None:
    """An answer to a question that got lost is asked for again."""

    def machines() -> Any:
        raise OutcomeUnknown("no answer")

    cloud.garage.machines = machines  # type: ignore[method-assign]
    with pytest.raises(Transient):
        cloud.observe(Scope("all"), None)


def test_a_mistake_in_the_listing_is_shown_as_it_is(cloud: GarageCloud) -> None:
    """An error that is in no table is the author's, with its traceback."""

    def machines() -> Any:
        return [{}["id"]]

    cloud.garage.machines = machines  # type: ignore[method-assign]
    with pytest.raises(KeyError):
        cloud.observe(Scope("all"), None)


def test_a_preempted_machine_says_so(cloud: GarageCloud) -> None:
    """The cause that the author reads from the listing comes through."""
    papers, receipt = running(cloud)
    cloud.garage.change(receipt.node_ids[0], cause=Cause.PREEMPTED, evidence="outbid")
    assert [(node.cause, node.evidence) for node in seen(cloud, papers)] == [(Cause.PREEMPTED, "outbid")]


def test_a_preempted_machine_that_stays_listed_is_removed(cloud: GarageCloud) -> None:
    """It may be listed, and hold its disk, until somebody deletes it; one that is being deleted is left alone."""
    papers, receipt = running(cloud, (0, 1))
    cloud.garage.change(receipt.node_ids[0], cause=Cause.PREEMPTED, state=NodeState.TERMINATING)
    cloud.garage.change(receipt.node_ids[1], state=NodeState.TERMINATING)
    cloud.terminate(papers.scope, papers.owner, [receipt])
    assert list(cloud.garage.made) == [receipt.node_ids[1]]


def test_start_waits_for_machines_that_are_still_going_off(cloud: GarageCloud) -> None:
    """A machine on its way down cannot be switched on; core is asked to call again."""
    papers, receipt = running(cloud)
    start = cloud.prepare_start(StartRequest(papers.owner, papers.scope, (0,), (receipt,), Boot(KEY)))
    id_ = receipt.node_ids[0]
    cloud.garage.change(id_, state=NodeState.STOPPING)
    with pytest.raises(NotYet):
        cloud.launch(start)
    cloud.garage.off.add(id_)
    assert dict(cloud.launch(start).node_ids) == {0: id_}
    assert id_ not in cloud.garage.off


def test_names_are_refused_twice_by_the_provider_alone(tmp_path: Path) -> None:
    """A gang on a provider with unique names costs one listing more than its machines."""
    cloud = make(NamedCloud, tmp_path)
    cloud.launch(cloud.prepare(request(cloud, (0, 1))))
    assert cloud.garage.requests == ["list", "create 0", "create 1"]


def test_disks_without_names_are_nobodys(tmp_path: Path) -> None:
    """Where nothing has a name a disk is listed whoever is asked for, and no removal takes it."""
    cloud: GarageCloud = make(AnonymousCloud, tmp_path)
    papers, receipt = running(cloud)
    cloud.garage.rests.append(Rest("disk-1", "disk", hourly_cost=Decimal("0.01")))
    (disk,) = cloud.observe(papers.scope, {papers.owner}).leftovers
    assert (disk.id, disk.owner) == ("disk-1", None)
    cloud.terminate(papers.scope, papers.owner, [receipt])
    assert cloud.observe(papers.scope, {papers.owner}).leftovers == (disk,)
