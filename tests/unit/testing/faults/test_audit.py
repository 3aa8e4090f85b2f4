"""What the audit makes of records and of the truth: each way to leak, to lose and to lie, on pictures made by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from styx.api import Owner, Prepared, Receipt, Scope
from styx.store.records import AttemptRecord, AttemptState, ClusterRecord, Holder, NodeRecord, Operation
from styx.store.states import ClusterState
from styx.testing.faults import Thing, audit
from styx.testing.faults.audit import Book, Flaw, Harm, Keep, Truth

NOW = datetime(2030, 1, 1, tzinfo=UTC)
OWNER = Owner("abc123", "mine", "00000001")
PREPARED = Prepared(OWNER, Scope("east"), (0, 1), "{}")
TWO = (Thing("m1", OWNER), Thing("m2", OWNER))


def attempt(state: AttemptState = AttemptState.SETTLED, *ids: str, owner: Owner = OWNER) -> AttemptRecord:
    """An attempt of the cluster, with a receipt where there are ids."""
    receipt = Receipt(PREPARED.token, dict(enumerate(ids))) if ids else None
    return AttemptRecord(
        PREPARED.token, "mine", "launch", "c", "default", "me", owner, PREPARED, state, NOW, receipt=receipt
    )


def book(state: ClusterState | None = ClusterState.UP, *attempts: AttemptRecord, **record: Any) -> Book:
    """A cluster of two nodes, m1 and m2, in this state (None: no record), and its attempts."""
    if state is None:
        return Book(attempts=attempts)
    cluster = ClusterRecord("mine", "mine", state, NOW, NOW, num_nodes=2, attempt=OWNER.attempt, **record)
    nodes = [NodeRecord("mine", rank, f"m{rank + 1}", "running") for rank in (0, 1)]
    return Book([cluster], {"mine": nodes}, attempts)


def harms(flaws: list[Flaw]) -> list[Harm]:
    """What kinds of flaws these are."""
    return [flaw.harm for flaw in flaws]


@pytest.mark.parametrize("state", [AttemptState.OPEN, AttemptState.SETTLED, AttemptState.TOMBSTONE])
def test_what_an_attempt_stands_for_is_known(state: AttemptState) -> None:
    """By its owner, whatever has become of the attempt, as long as somebody will come back for it."""
    assert audit.leaks(book(ClusterState.FAILED, attempt(state)), Truth(TWO), Keep()) == []


def test_what_a_receipt_names_is_known() -> None:
    """Machines that carry nobody's name are known by the receipt alone."""
    anonymous = (Thing("m1"), Thing("m2"))
    known = book(ClusterState.UP, attempt(AttemptState.SETTLED, "m1", "m2"))
    assert audit.leaks(known, Truth(anonymous), Keep()) == []
    assert harms(audit.leaks(known, Truth((*anonymous, Thing("m3"))), Keep())) == [Harm.LEAKED]


@pytest.mark.parametrize(
    "known", [book(ClusterState.UP), book(ClusterState.UP, attempt(AttemptState.CLOSED)),
              book(ClusterState.UP, attempt(owner=Owner("abc123", "mine", "00000002")))],
)  # fmt: skip
def test_what_nothing_stands_for_leaks(known: Book) -> None:
    """A machine without an attempt, with one that is closed, or with another's."""
    assert harms(audit.leaks(known, Truth(TWO), Keep())) == [Harm.LEAKED, Harm.LEAKED]


def test_what_is_shown_or_costs_nothing_or_is_a_neighbours_does_not_leak() -> None:
    """The user is told of orphans; what is not billed hurts nobody; what others own is theirs."""
    free = replace(TWO[0], bills=False)
    assert audit.leaks(Book(), Truth((free,)), Keep()) == []
    assert audit.leaks(Book(shown=frozenset({"m2"})), Truth(TWO[1:]), Keep()) == []
    assert audit.leaks(Book(), Truth(TWO), Keep(neighbour=frozenset({"m1", "m2"}))) == []


def test_one_machine_too_many_under_a_cluster_that_is_up_leaks() -> None:
    """Nobody looks at it any more: the attempt is settled, and the cluster has its two nodes."""
    third = Thing("m3", OWNER)
    settled, open_ = book(ClusterState.UP, attempt()), book(ClusterState.UP, attempt(AttemptState.OPEN))
    assert harms(audit.leaks(settled, Truth((*TWO, third)), Keep())) == [Harm.LEAKED]
    assert audit.leaks(open_, Truth((*TWO, third)), Keep()) == []


def test_what_bills_at_the_end_leaks_unless_it_is_a_strangers_that_is_shown() -> None:
    """After everything was removed an attempt on record is no excuse."""
    keep = Keep(bystander=frozenset({"m1"}))
    assert harms(audit.left_over(Truth(TWO), keep, ())) == [Harm.LEAKED]
    assert audit.left_over(Truth(TWO), keep, ("m2",)) == []


def test_what_must_be_there_and_is_not_is_lost() -> None:
    """Unless the provider took it."""
    kept = [("mine", {"m1", "m3"})]
    known = book(ClusterState.STOPPED, attempt())
    assert [flaw.what for flaw in audit.losses(known, Truth(TWO), kept)] == ["m3 of mine is gone"]
    assert audit.losses(known, Truth(TWO, frozenset({"m3"})), kept) == []


def test_a_record_that_is_gone_while_its_machines_are_there_is_lost() -> None:
    """A tombstone is the exception: whoever forgot the cluster wanted that."""
    assert harms(audit.losses(book(None, attempt()), Truth(TWO), ())) == [Harm.LOST, Harm.LOST]
    assert audit.losses(book(None, attempt(AttemptState.TOMBSTONE)), Truth(TWO), ()) == []


def test_a_cluster_is_up_only_with_its_machines() -> None:
    """Each of its nodes must be there and run."""
    known = book(ClusterState.UP, attempt())
    assert audit.losses(known, Truth(TWO), ()) == []
    assert harms(audit.losses(known, Truth(TWO[:1]), ())) == [Harm.LOST]
    assert harms(audit.losses(known, Truth((TWO[0], replace(TWO[1], runs=False))), ())) == [Harm.LOST]
    few = replace(known, nodes={"mine": known.nodes["mine"][:1]})
    assert harms(audit.losses(few, Truth(TWO), ())) == [Harm.WRONG]


@pytest.mark.parametrize("state", [ClusterState.STOPPED, ClusterState.LOST])
def test_a_cluster_that_runs_is_neither_stopped_nor_lost(state: ClusterState) -> None:
    """Whatever the provider's own list says."""
    assert harms(audit.untruths(book(state, attempt()), Truth(TWO))) == [Harm.WRONG]
    off = [replace(thing, runs=False) for thing in TWO]
    assert audit.untruths(book(state, attempt()), Truth(off)) == []


def test_a_cluster_that_nobody_works_on_is_not_held() -> None:
    """A claim that outlived its client keeps the next one out."""
    held = book(ClusterState.UP, operation=Operation("launch", Holder("h", 1, "1", "b", "here"), NOW))
    assert harms(audit.untruths(held, Truth(TWO))) == [Harm.WRONG]


def test_an_attempt_that_is_never_done_with_is_wrong() -> None:
    """What was given up has to be closed one day; what a cluster on record stands for is not given up."""
    assert harms(audit.unfinished(book(None, attempt(AttemptState.TOMBSTONE)))) == [Harm.WRONG]
    assert audit.unfinished(book(None, attempt(AttemptState.CLOSED))) == []
    assert audit.unfinished(book(ClusterState.UP, attempt())) == []
