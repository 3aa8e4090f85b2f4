"""Each fault does to a call what its name says, and to no other."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from styx.api import OutcomeUnknown, ProviderError, RateLimited, Transient
from styx.store import Store
from styx.testing.faults import Call, Fault, Role
from styx.testing.faults.example import ShopBench
from styx.testing.faults.kinds import KILLS, POSSIBLE, SUSPENSIONS
from styx.testing.faults.tap import FaultTap


class Dead(BaseException):
    """What stands for SIGKILL here."""


def die() -> None:
    """End."""
    raise Dead


class Far:
    """A provider that counts what it is asked."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def call(self, name: str, role: Role = Role.BUY) -> Call:
        """A call that is noted when it is carried out; a list answers with what has been."""

        def make() -> Any:
            if role is Role.LIST:
                return list(self.done)
            self.done.append(name)
            return f"{name} done"

        return Call(name, role, make, before=lambda: list(self.done), aged=list)


@pytest.fixture
def bench(tmp_path: Path) -> ShopBench:
    """A bench, for its clock and its errors."""
    return ShopBench(tmp_path)


def tap(bench: ShopBench, fault: Fault, at: int = 1) -> FaultTap:
    """A tap that strikes at the second call."""
    return FaultTap(bench, fault, at, dies=die)


def outcomes(struck: FaultTap, calls: list[Call]) -> Iterator[Any]:
    """What each call answers or raises, until the client is dead."""
    for call in calls:
        try:
            yield struck(call)
        except ProviderError as error:
            yield type(error)
        except Dead:
            yield Dead
            return


@pytest.mark.parametrize(
    ("fault", "answers", "done"),
    [
        (Fault.UNSENT, ["a done", Dead], "a"),
        (Fault.UNREAD, ["a done", Dead], "ab"),
        (Fault.UNCOMMITTED, ["a done", "b done", Dead], "ab"),
        (Fault.CUT, ["a done", Transient, "c done"], "ac"),
        (Fault.UNANSWERED, ["a done", OutcomeUnknown, "c done"], "abc"),
        (Fault.OUTAGE, ["a done", OutcomeUnknown, Transient], "ab"),
        (Fault.THROTTLED, ["a done", RateLimited, "c done"], "ac"),
        (Fault.TWICE, ["a done", "b done", "c done"], "abbc"),
    ],
)
def test_what_happens(bench: ShopBench, fault: Fault, answers: list[Any], done: str) -> None:
    """To the second of three calls, and to what comes after it."""
    far = Far()
    struck = tap(bench, fault)
    assert list(outcomes(struck, [far.call(name) for name in "abc"])) == answers
    assert "".join(far.done) == done
    assert struck.struck


@pytest.mark.parametrize(("fault", "done"), [(Fault.SUSPENDED, "a"), (Fault.SUSPENDED_DONE, "ab")])
def test_a_suspended_client_goes_on(bench: ShopBench, fault: Fault, done: str) -> None:
    """It is stopped before or after the call, and later gets its answer like any other."""
    far, seen = Far(), []
    struck = FaultTap(bench, fault, 1, dies=die, suspends=lambda: seen.append("".join(far.done)))
    assert list(outcomes(struck, [far.call(name) for name in "abc"])) == ["a done", "b done", "c done"]
    assert seen == [done]


def test_every_fault_can_be_had(bench: ShopBench) -> None:
    """Each is possible for some role, and has an error unless it kills or changes the answer alone."""
    assert {fault for faults in POSSIBLE.values() for fault in faults} == set(Fault)
    for fault in set(Fault) - KILLS - SUSPENSIONS - {Fault.OUTAGE, Fault.TWICE, Fault.STALE}:
        assert isinstance(bench.refusal(fault, Far().call("a")), ProviderError), fault


def test_a_stale_list_shows_what_was_before_the_last_change(bench: ShopBench) -> None:
    """Of this client; the next list is fresh again."""
    far, struck = Far(), FaultTap(bench, Fault.STALE, 2, dies=die)
    calls = [far.call("a"), far.call("b"), far.call("list", Role.LIST), far.call("list", Role.LIST)]
    assert list(outcomes(struck, calls)) == ["a done", "b done", ["a"], ["a", "b"]]


def test_the_first_to_buy_are_refused(bench: ShopBench) -> None:
    """As often as there are refusals, whatever else is asked in between."""
    far = Far()
    refused = FaultTap(bench, refusals=[Fault.NO_CAPACITY, Fault.OVER_QUOTA], dies=die)
    calls = [far.call("a"), far.call("list", Role.LIST), far.call("b"), far.call("c")]
    seen = list(outcomes(refused, calls))
    assert [each.__name__ if isinstance(each, type) else each for each in seen] == [
        "InsufficientCapacity", [], "QuotaExceeded", "c done",
    ]  # fmt: skip


def test_an_answer_that_must_not_be_committed_is_not(bench: ShopBench, tmp_path: Path) -> None:
    """The client dies inside the first transaction after it, and nothing of that is in the database."""
    far, struck = Far(), tap(bench, Fault.UNCOMMITTED, 0)
    with Store.open(home=tmp_path / "home") as store:
        struck.mark_commits(store)
        struck(far.call("a"))
        with pytest.raises(Dead), store._database.write() as connection:
            connection.exec_driver_sql("DELETE FROM installation")
    with sqlite3.connect(tmp_path / "home" / "state.db") as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE name LIKE 'install%'")]
        assert database.execute(f"SELECT count(*) FROM {tables[0]}").fetchone() == (1,)
