"""Answers of clouds, and the pauses that they ask for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from styx.api import Endpoint, Node, NodeState, NotYet, Observation, Offer, Owner, RateLimited, Receipt, Scope
from styx.engine import answers
from styx.engine.clouds import CloudAccount
from styx.testing.clock import FakeClock

OWNER = Owner("abc123", "train", "a1b2")
NODE = Node("i-1", OWNER, NodeState.RUNNING, 0, endpoint=Endpoint("ssh", {"host": "h"}), hourly_cost=Decimal(1))
SEEN = Observation(Scope("s"), datetime.now(UTC), (NODE,))
OFFER = Offer("acme", Scope("s"), "tiny", 1, 2, hourly_price=Decimal("0.1"))


def test_what_keeps_the_contract_passes() -> None:
    """As it is; a generator of offers is read to its end."""
    assert answers.observation(SEEN) is SEEN
    assert answers.offers((each for each in (OFFER, OFFER)), "acme") == [OFFER, OFFER]
    assert answers.receipt(Receipt("t", {0: "i-1"})) == Receipt("t", {0: "i-1"})


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""}, {"id": 7}, {"owner": "me"}, {"state": "running!"}, {"rank": "0"}, {"hourly_cost": 0.5},
        {"endpoint": "ssh://h"}, {"endpoint": Endpoint("ssh", {"port": cast("Any", 22)})}, {"private_ip": 1},
        {"region": None}, {"zone": 1},
    ],
)  # fmt: skip
def test_a_node_that_is_none(change: dict[str, Any]) -> None:
    """One wrong node spoils the observation: what cannot be read is not taken as gone."""
    with pytest.raises(TypeError if "hourly_cost" not in change else ValueError):
        answers.observation(replace(SEEN, nodes=(NODE, replace(NODE, **change))))


@pytest.mark.parametrize("ids", [None, {"0": "i-1"}, {0: None}, {0: ""}])
def test_a_receipt_that_is_none(ids: Any) -> None:
    """Ranks are numbers and nodes have names."""
    with pytest.raises(TypeError):
        answers.receipt(Receipt("t", ids))


@pytest.mark.parametrize(
    "answer", [NotYet(float("nan"), "x"), NotYet(-5, "x"), NotYet(cast("Any", "soon"), "x"), RateLimited("x")]
)
@pytest.mark.parametrize("after", ["soon", float("nan"), float("inf"), -1, None])
async def test_a_pause_that_is_no_length_of_time(answer: Exception, after: Any) -> None:
    """The call is made again after a short while, and the answer then counts."""
    if isinstance(answer, RateLimited):
        answer = RateLimited("x", retry_after=after)
    said = iter([answer])

    def look() -> str:
        for error in said:
            raise error
        return "here"

    clock = FakeClock()
    began = clock.monotonic()
    account = CloudAccount(cast("Any", SimpleNamespace(name="acme")), "default", clock)
    assert await account.call(look) == "here"
    assert 0 < clock.monotonic() - began <= 2
