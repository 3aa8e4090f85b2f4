"""What the local cloud promises beyond what the conformance kit asks."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from styx.agent import gpus
from styx.api import (
    DIVISIBLE,
    Accelerator,
    Boot,
    Cause,
    Conflict,
    InvalidRequest,
    LaunchRequest,
    Node,
    NodeState,
    NotFound,
    OfferQuery,
    Owner,
    Prepared,
    ProviderError,
    Receipt,
    SelfStop,
    StartRequest,
    Unsupported,
    new_attempt_id,
)  # fmt: skip
from styx.builtin.local import processes
from styx.builtin.local.cloud import LocalCloud
from styx.builtin.local.machine import SCOPE
from styx.builtin.local.nodes import BY_ITSELF, STOPPED, STOPPING, NodeDirectory
from styx.testing import FakeClock, services


@pytest.fixture
def cloud(tmp_path: Path) -> LocalCloud:
    """A local cloud with no node yet."""
    return LocalCloud(services(tmp_path, clock=FakeClock()))


def request_for(cloud: LocalCloud, ranks: tuple[int, ...] = (0,)) -> LaunchRequest:
    """What core would ask for."""
    (offer,) = cloud.offers(OfferQuery())
    owner = Owner(cloud.services.installation, "train", new_attempt_id())
    return LaunchRequest(owner, offer, ranks, Boot("ssh-ed25519 AAAA"))


def launched(cloud: LocalCloud, ranks: tuple[int, ...] = (0,)) -> tuple[Prepared, Receipt]:
    """Nodes that run."""
    prepared = cloud.prepare(request_for(cloud, ranks))
    return prepared, cloud.launch(prepared)


def test_nodes_are_where_they_are_by_whatever_way_one_comes(cloud: LocalCloud, tmp_path: Path) -> None:
    """Servers that share the directory by links name a node alike: what reaches it depends on how it is named."""
    prepared, _ = launched(cloud)
    link = tmp_path / "link"
    link.symlink_to(cloud.services.state_dir)
    other = LocalCloud(replace(cloud.services, state_dir=link))
    assert other.observe(SCOPE, [prepared.owner]).nodes == cloud.observe(SCOPE, [prepared.owner]).nodes


def start_request(prepared: Prepared) -> StartRequest:
    """What core would ask for to bring them back."""
    return StartRequest(prepared.owner, prepared.scope, prepared.ranks, (), Boot("ssh-ed25519 AAAA"))


def nodes(cloud: LocalCloud, owner: Owner) -> tuple[Node, ...]:
    """The nodes of an attempt."""
    return cloud.observe(SCOPE, [owner]).nodes


def test_the_machine_is_one_offer_that_can_be_shared(cloud: LocalCloud) -> None:
    """There is one offer, free, divisible, with what this machine has."""
    (offer,) = cloud.offers(OfferQuery())
    assert (offer.hourly_price, offer.spot_hourly_price, offer.region, offer.zone) == (Decimal(0), None, "", None)
    assert DIVISIBLE in offer.capabilities
    assert offer.vcpus >= 0.01
    assert offer.memory_gib > 0


def test_the_machines_devices_are_on_offer(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the driver lists is offered under the names that tasks use, counted."""
    device = {"name": "NVIDIA H100 80GB HBM3", "memory": 80 << 30}
    monkeypatch.setattr(gpus, "devices", lambda: [{"index": 0, **device}, {"index": 1, **device}])
    (offer,) = cloud.offers(OfferQuery())
    assert offer.accelerators == (Accelerator("H100", 2, 80),)


def test_nothing_is_made_before_the_first_launch(cloud: LocalCloud) -> None:
    """Looking, preparing and removing nothing leave the state directory as it was."""
    request = request_for(cloud)
    cloud.prepare(request)
    cloud.observe(SCOPE, None)
    cloud.terminate(SCOPE, request.owner, ())
    assert list(cloud.services.state_dir.iterdir()) == []


@pytest.mark.parametrize("change", [{"image": "docker:ubuntu"}, {"spot": True}, {"identity": "trainer"}])
def test_what_the_machine_cannot_be_is_refused(cloud: LocalCloud, change: dict[str, object]) -> None:
    """An image, a spot price or an identity is refused before anything exists, never silently ignored."""
    with pytest.raises(Unsupported):
        cloud.prepare(replace(request_for(cloud), **change))  # type: ignore[arg-type]


def test_a_gang_beyond_all_names_is_refused(cloud: LocalCloud) -> None:
    """A node's name has room for three digits of rank; more are refused before anything exists."""
    with pytest.raises(InvalidRequest):
        cloud.prepare(request_for(cloud, tuple(range(1001))))


def test_launching_and_looking_never_search_processes(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only ending a node needs to know what runs on it."""

    def search(belongs: object, root: object) -> dict[str, list[processes.Process]]:
        raise AssertionError("looked for processes")

    monkeypatch.setattr(processes, "of_nodes", search)
    prepared, _ = launched(cloud)
    assert [node.state for node in nodes(cloud, prepared.owner)] == [NodeState.RUNNING]


def test_a_node_whose_directory_is_gone_is_gone(cloud: LocalCloud) -> None:
    """What somebody removed by hand is not reported, and the observation is complete."""
    prepared, _ = launched(cloud, (0, 1))
    attempt = cloud.services.state_dir / "nodes" / prepared.owner.name
    NodeDirectory(attempt.parent, cloud.services.installation).remove(prepared.owner)
    seen = cloud.observe(SCOPE, [prepared.owner])
    assert (seen.nodes, seen.complete) == ((), True)


def test_a_node_that_cannot_be_read_is_unreachable(cloud: LocalCloud) -> None:
    """A damaged node is named, the observation proves no absence, a stop says what to do, a removal works."""
    prepared, receipt = launched(cloud)
    damaged = cloud.services.state_dir / "nodes" / prepared.owner.name / "0"
    (damaged / "node.json").write_text("{")
    seen = cloud.observe(SCOPE, [prepared.owner])
    assert (seen.nodes, seen.unreachable, seen.complete) == ((), (str(damaged),), False)
    with pytest.raises(InvalidRequest) as refused:
        cloud.stop(SCOPE, prepared.owner, [receipt])
    assert "styx down" in str(refused.value.hint)
    cloud.terminate(SCOPE, prepared.owner, [receipt])
    assert cloud.observe(SCOPE, [prepared.owner]).complete


def test_a_stopped_node_says_who_stopped_it(cloud: LocalCloud) -> None:
    """Stopped by the user and stopped by itself are told apart, with the evidence, and neither can be reached."""
    prepared, receipt = launched(cloud, (0, 1))
    directory = NodeDirectory(cloud.services.state_dir / "nodes", cloud.services.installation)
    directory.mark(directory.read([prepared.owner])[0][0], STOPPED, BY_ITSELF, cloud.services.clock.now())
    cloud.stop(SCOPE, prepared.owner, [receipt])
    seen = nodes(cloud, prepared.owner)
    assert [(node.state, node.cause) for node in seen] == [
        (NodeState.STOPPED, Cause.SELF), (NodeState.STOPPED, Cause.USER),
    ]  # fmt: skip
    assert all(node.evidence and node.endpoint is None for node in seen)


def test_every_start_is_another_intent(cloud: LocalCloud) -> None:
    """Stopped and started twice, the second start has a token of its own: the first one's is used up."""
    prepared, receipt = launched(cloud)
    tokens = {prepared.token}
    for _ in range(3):
        cloud.stop(SCOPE, prepared.owner, [receipt])
        start = cloud.prepare_start(start_request(prepared))
        cloud.launch(start)
        tokens.add(start.token)
    assert len(tokens) == 4


def test_a_start_is_replayed_and_outdated_ones_are_refused(cloud: LocalCloud) -> None:
    """The same start again succeeds; one that was prepared before another client's start does not."""
    prepared, receipt = launched(cloud)
    cloud.stop(SCOPE, prepared.owner, [receipt])
    start = cloud.prepare_start(start_request(prepared))
    rival = replace(start, token="another client's")
    assert cloud.launch(start) == cloud.launch(start)
    with pytest.raises(Conflict):
        cloud.launch(rival)


def test_a_start_finishes_a_stop_that_was_cut_short(cloud: LocalCloud) -> None:
    """A node on its way down whose processes have ended starts at once."""
    prepared, _ = launched(cloud)
    directory = NodeDirectory(cloud.services.state_dir / "nodes", cloud.services.installation)
    directory.mark(directory.read([prepared.owner])[0][0], STOPPING, BY_ITSELF, cloud.services.clock.now())
    assert nodes(cloud, prepared.owner)[0].state is NodeState.STOPPING
    cloud.launch(cloud.prepare_start(start_request(prepared)))
    assert nodes(cloud, prepared.owner)[0].state is NodeState.RUNNING


def test_what_is_gone_cannot_be_started(cloud: LocalCloud) -> None:
    """A start of nodes that are not there is refused when it is prepared, and when they went since."""
    prepared, receipt = launched(cloud)
    cloud.stop(SCOPE, prepared.owner, [receipt])
    start = cloud.prepare_start(start_request(prepared))
    cloud.terminate(SCOPE, prepared.owner, [receipt])
    with pytest.raises(NotFound):
        cloud.launch(start)
    with pytest.raises(NotFound):
        cloud.prepare_start(start_request(prepared))
    assert nodes(cloud, prepared.owner) == ()


@pytest.mark.parametrize("payload", ["", "{}", "[]", "null", '{"action": "dance"}', '{"action": "start"}'])
def test_a_foreign_payload_is_refused(cloud: LocalCloud, payload: str) -> None:
    """A stored intent that this version cannot read makes nothing."""
    prepared = replace(cloud.prepare(request_for(cloud)), payload=payload)
    with pytest.raises(InvalidRequest):
        cloud.launch(prepared)
    assert nodes(cloud, prepared.owner) == ()


def test_a_root_that_is_no_directory_is_a_provider_error(cloud: LocalCloud) -> None:
    """What the system refuses comes out as an error of the contract."""
    request = request_for(cloud)
    (cloud.services.state_dir / "nodes").write_text("in the way")
    for call in (lambda: cloud.observe(SCOPE, None), lambda: cloud.launch(cloud.prepare(request))):
        with pytest.raises(ProviderError):
            call()


def test_another_installations_nodes_get_no_stop_command(cloud: LocalCloud) -> None:
    """A command that would end another installation's node is not given out."""
    prepared, _ = launched(cloud)
    node = nodes(cloud, prepared.owner)[0]
    stranger = Owner("other1", "train", "a001")
    with pytest.raises(Conflict):
        cloud.self_stop_command(replace(node, owner=stranger, id=stranger.node_name(0)), SelfStop.STOP)
    with pytest.raises(NotFound):
        cloud.self_stop_command(replace(node, id=stranger.node_name(0)), SelfStop.STOP)


def test_ports_are_this_machines(cloud: LocalCloud) -> None:
    """A node's port is reached at the machine's loopback address."""
    prepared, _ = launched(cloud)
    cloud.open_ports(SCOPE, prepared.owner, [8080])
    (node,) = nodes(cloud, prepared.owner)
    assert (cloud.port_address(node, 8080), node.private_ip) == ("127.0.0.1:8080", "127.0.0.1")
