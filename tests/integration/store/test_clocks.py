"""Hosts whose clocks disagree share a database, and go by its clock."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from styx.api.errors import ClusterBusy
from styx.store import Store
from support import postgres
from support.records import HOLDER, cluster

HERE, THERE = replace(HOLDER, id="here"), replace(HOLDER, id="there")


@pytest.fixture
def hosts(postgres_server: str) -> Iterator[Callable[[timedelta], Store]]:
    """Opens one database as a host does whose clock is wrong by so much."""
    url = postgres.new_database(postgres_server, f"styx_{secrets.token_hex(4)}")
    with ExitStack() as stack:
        yield lambda wrong: stack.enter_context(Store.open(url, clock=lambda: datetime.now(UTC) + wrong))


@pytest.mark.parametrize("minutes", [-5, 5])
def test_a_claim_lasts_as_long_for_a_host_whose_clock_is_wrong(
    hosts: Callable[[timedelta], Store], minutes: int
) -> None:
    """Neither does a host that is ahead take over what is in use, nor what one behind has claimed seem over."""
    right, wrong = hosts(timedelta(0)), hosts(timedelta(minutes=minutes))
    assert abs(right.now() - wrong.now()) < timedelta(minutes=1)
    for claimant, other in ((right, wrong), (wrong, right)):
        name = f"c{claimant is right}"
        claimant.clusters.create(cluster(name))
        claimant.clusters.acquire(name, "launch", HERE, 60)
        assert claimant.clusters.renew(name, HERE, 60)
        with pytest.raises(ClusterBusy):
            other.clusters.acquire(name, "down", THERE, 60)
        claimant.clusters.acquire(name, "launch", HERE, 0)
        assert other.clusters.acquire(name, "down", THERE, 60).operation is not None
