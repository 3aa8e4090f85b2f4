"""Turns: never closer than the pace, in the order in which they were taken; nothing is written where none is wanted."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from styx.store import Store
from styx.store.turns import STAGGER
from support.records import relaxed

SLACK = 0.05
PACE = {"": 1.0, "launch": 12.0}


def take(store: Store, method: str, pace: dict[str, float] = PACE, *, account: str = "a", most: float = 1e6) -> float:
    """The wait for the next turn of that method."""
    lanes = {lane: pace.get(lane, 0.0) for lane in ("", method)}
    return store.turns.take("acme", account, lanes, slack=SLACK, most=most)


def test_turns_are_a_pace_apart(store: Store, clock: Any) -> None:
    """One at once, then one after each pace and the slack of the one before; what has passed is not waited for."""
    assert [take(store, "observe") for _ in range(3)] == [0.0, 1.05, 2.1]
    clock.advance(100)
    assert [take(store, "observe") for _ in range(2)] == [0.0, 1.05]


def test_a_method_has_a_pace_of_its_own(store: Store) -> None:
    """It keeps to both; the others are held up by the pace of all alone."""
    assert [take(store, "launch") for _ in range(2)] == [0.0, 12.05]
    assert take(store, "observe") == pytest.approx(13.1)  # turns come in order


def test_accounts_do_not_wait_for_each_other(store: Store) -> None:
    """Each account has its own lanes."""
    assert take(store, "observe", account="a") == 0
    assert take(store, "observe", account="b") == 0
    assert take(store, "observe", account="a") > 1


def test_a_turn_that_is_too_far_away_is_not_taken(store: Store) -> None:
    """Who does not want to wait that long holds nobody else up."""
    take(store, "observe")
    assert take(store, "observe", most=0.5) == 1.05
    assert take(store, "observe") == 1.05


def test_a_refusal_holds_all_back(store: Store, clock: Any) -> None:
    """While it lasts everybody waits; those who waited go one after the other, and not all at once."""
    store.turns.hold("acme", "a", {"observe"}, 30)
    assert [take(store, "observe", {}) for _ in range(2)] == [30, pytest.approx(30 + SLACK + STAGGER)]
    assert take(store, "launch", {}) == 0
    store.turns.hold("acme", "a", {"observe"}, 1)  # a shorter word does not undo the longer
    assert take(store, "observe", {}) > 30
    clock.advance(31)
    assert take(store, "observe", {}) == 0


def test_nothing_is_written_without_a_pace(store: Store) -> None:
    """A cloud that asks for nothing costs one SELECT a call, also when it once asked for a pause that is over."""
    writes: list[str] = []
    with store._database.read() as connection:
        event.listen(connection.engine, "before_cursor_execute", lambda *given: writes.append(given[2]))
    assert take(store, "observe", {}) == 0
    assert [text.split()[0] for text in writes] == ["SELECT"]


def test_a_clock_that_is_set_back(store: Store, clock: Any) -> None:
    """Nobody waits for the time that has not come again: only for what was left when the clock was still right."""
    take(store, "observe")
    clock.advance(-3600)
    assert take(store, "observe") == 1.05
    assert take(store, "observe") == pytest.approx(2.1)


@relaxed
@given(
    calls=st.lists(
        st.tuples(st.sampled_from(["observe", "launch", "stop"]), st.floats(0, 20), st.booleans()), max_size=30
    ),
    pace=st.dictionaries(st.sampled_from(["", "launch", "stop"]), st.floats(0.1, 15), max_size=3),
)
def test_no_two_calls_are_ever_closer_than_the_pace(
    store: Store, clock: Any, calls: list[tuple[str, float, bool]], pace: dict[str, float]
) -> None:
    """Whenever in their turn they begin, and whatever comes in between: clocks, other methods, refusals."""
    clock.advance(1e6)  # what the example before has left is over
    made: list[tuple[float, str]] = []
    for method, pause, late in calls:
        wait = take(store, method, pace)
        now = (clock.time.timestamp()) + wait
        made.append((now + SLACK if late else now, method))
        clock.advance(pause)
    for lane, seconds in pace.items():
        times = sorted(at for at, method in made if lane in ("", method))
        gaps = [after - before for before, after in pairwise(times)]
        assert all(gap >= seconds - 1e-4 for gap in gaps)  # times are stored to the microsecond
