"""What the bazaar makes of being asked for machines, and of being asked twice."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from styx.api import (
    Conflict,
    Idempotency,
    InsufficientCapacity,
    InvalidRequest,
    LaunchState,
    NotFound,
    OutcomeUnknown,
    QuotaExceeded,
)
from support.stalls import NewStall


def test_a_token_is_good_for_one_set_of_machines(stall: NewStall) -> None:
    """A replay is answered with the machines of the first call, until the token is forgotten."""
    one = stall(token_lifetime=60.0, shared_names=True)
    prepared, receipt = one.launch((0, 1))
    one.wait(59)
    assert one.cloud.launch(prepared) == receipt
    one.wait(2)
    assert set(one.cloud.launch(prepared).node_ids.values()).isdisjoint(receipt.node_ids.values())
    assert len(one.market.machines()) == 4


def test_a_replay_after_removal_buys_nothing(stall: NewStall) -> None:
    """The token of machines that were removed names them still; where tokens are spent with them, it is refused."""
    kind, spent = stall(), stall(spent_tokens=True)
    for one in (kind, spent):
        prepared, receipt = one.launch()
        one.remove(prepared)
        if one is kind:
            assert one.cloud.launch(prepared) == receipt
        else:
            with pytest.raises(NotFound):
                one.cloud.launch(prepared)
        assert one.market.machines() == []


def test_strict_tokens_are_for_the_same_parameters(stall: NewStall) -> None:
    """A token that comes with another payload is refused, or else answered as if it had not."""
    for strict in (False, True):
        one = stall(strict_tokens=strict)
        prepared, receipt = one.launch()
        other = replace(prepared, payload=json.dumps(json.loads(prepared.payload) | {"kind": "large"}))
        if strict:
            with pytest.raises(InvalidRequest):
                one.cloud.launch(other)
        else:
            assert one.cloud.launch(other).node_ids == receipt.node_ids
        assert len(one.market.machines()) == 1


def test_zonal_tokens_buy_again_in_the_next_zone(stall: NewStall) -> None:
    """A token that is taken to another zone is a new one there."""
    for zonal in (False, True):
        one = stall(zonal_tokens=zonal, shared_names=True)
        prepared, _ = one.launch()
        one.cloud.launch(replace(prepared, payload=json.dumps(json.loads(prepared.payload) | {"zone": "east-b"})))
        assert len(one.market.machines()) == (2 if zonal else 1)


def test_names_are_unique_or_not(stall: NewStall) -> None:
    """A taken name is refused, unless any number of machines may have it; under NAME it finds the machine."""
    for shared in (False, True):
        one = stall(shared_names=shared)
        prepared, _ = one.launch()
        again = replace(prepared, token="another")
        if shared:
            one.cloud.launch(again)
            assert len(one.market.machines()) == 2
        else:
            with pytest.raises(Conflict):
                one.cloud.launch(again)
    named = stall(idempotency=Idempotency.NAME)
    prepared, receipt = named.launch()
    assert named.cloud.launch(replace(prepared, token="another")).node_ids == receipt.node_ids


def test_a_name_is_free_again_once_its_machine_is_gone(stall: NewStall) -> None:
    """Under NAME a replay after the removal buys another machine, which is why what was given up is never replayed."""
    one = stall(idempotency=Idempotency.NAME)
    prepared, receipt = one.launch()
    one.remove(prepared)
    assert one.cloud.launch(prepared).node_ids != receipt.node_ids


@pytest.mark.parametrize("idempotency", [Idempotency.SEARCH, Idempotency.NONE])
def test_without_protection_every_call_buys(stall: NewStall, idempotency: Idempotency) -> None:
    """The same intent, sent twice, makes two machines."""
    one = stall(idempotency=idempotency)
    prepared, _ = one.launch()
    one.cloud.launch(prepared)
    assert len(one.market.machines()) == 2


def test_anonymous_machines_are_shown_to_everybody(stall: NewStall) -> None:
    """Under NONE the far side keeps neither name, tag nor token, and a listing says so."""
    one = stall(idempotency=Idempotency.NONE)
    prepared, receipt = one.launch()
    (machine,) = one.market.machines()
    assert (machine.name, machine.tags, machine.token) == ("", {}, "")
    (node,) = one.look({prepared.owner}).nodes
    assert (node.id, node.owner, node.rank) == (receipt.node_ids[0], None, None)
    one.remove(prepared)
    assert one.market.machines() != []
    one.remove(prepared, receipt)
    assert one.market.machines() == []


def test_a_shortage_is_refused_at_once(stall: NewStall) -> None:
    """Without room, or beyond the quota, nothing is made."""
    one = stall()
    one.market.allow(room={"east/small": 1})
    with pytest.raises(InsufficientCapacity):
        one.launch((0, 1))
    one.market.allow(quota={"east": 1})
    with pytest.raises(QuotaExceeded) as caught:
        one.launch((0, 1))
    assert (caught.value.limit, caught.value.used) == (1, 0)
    assert one.market.machines() == []


def test_a_part_of_what_was_asked_for(stall: NewStall) -> None:
    """A provider that is content with less names the ranks that it took."""
    one = stall(partial=True)
    one.market.allow(room={"east/small": 2})
    _, receipt = one.launch((0, 1, 2))
    assert sorted(receipt.node_ids) == [0, 1]
    assert len(one.market.machines()) == 2


@pytest.mark.parametrize("idempotency", [Idempotency.TOKEN, Idempotency.NAME, Idempotency.SEARCH])
def test_a_refusal_that_comes_later(stall: NewStall, idempotency: Idempotency) -> None:
    """The call is answered, the machines never run, and after a while the launch is seen to have failed, with why."""
    one = stall(idempotency=idempotency, late_refusals=6.0)
    one.market.allow(room={"east/small": 0})
    prepared, receipt = one.launch()
    assert list(receipt.node_ids) == [0]
    one.wait(5)
    assert [node.state.value for node in one.look().nodes] == ["pending"]
    assert [launch.state for launch in one.look().launches] == [LaunchState.ACCEPTED]
    assert one.market.billing() == []
    one.wait(1)
    seen = one.look({prepared.owner})
    assert seen.nodes == ()
    (outcome,) = seen.launches
    assert (outcome.token, outcome.state) == (prepared.token, LaunchState.FAILED)
    assert isinstance(outcome.error, InsufficientCapacity)


def test_a_late_refusal_leaves_what_was_made_for_the_machine(stall: NewStall) -> None:
    """A machine that never ran has a disk all the same, which bills and has to be removed."""
    one = stall(late_refusals=6.0, leftovers=True)
    one.market.allow(room={"east/small": 0})
    prepared, _ = one.launch()
    one.wait(7)
    assert sorted(leftover.kind for leftover in one.look().leftovers) == ["disk", "nic"]
    assert [bill.kind for bill in one.market.billing()] == ["disk"]
    one.wait(3)
    one.remove(prepared)
    assert one.look().leftovers == ()
    assert one.market.billing() == []


def test_a_launch_is_under_way_for_a_while(stall: NewStall) -> None:
    """The machine is as old as the moment at which the call was carried out, not as that at which it was made."""
    one = stall(slow_launches=30.0)
    asked = one.market.clock.now()
    one.launch()
    (machine,) = one.market.machines()
    assert machine.born == asked.timestamp() + 30


def test_every_second_answer_is_lost(stall: NewStall) -> None:
    """The first launch is carried out and not answered; its replay is answered."""
    one = stall(lost_answers=True)
    prepared = one.prepare()
    with pytest.raises(OutcomeUnknown):
        one.cloud.launch(prepared)
    (machine,) = one.market.machines()
    assert one.cloud.launch(prepared).node_ids == {0: machine.id}
