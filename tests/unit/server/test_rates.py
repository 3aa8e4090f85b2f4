"""Rates: a burst at once, then as many as time gives; for each by itself, and for no more than are remembered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.client.refusals import TooManyRequests
from styx.server.auth import rates
from styx.server.auth.rates import Rates


class Clock:
    """Time as the test has it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Now."""
        return self.now


def test_a_burst_and_then_what_time_gives() -> None:
    """The refusal says after how many seconds there is room; until then nothing helps."""
    clock = Clock()
    found = Rates(2.0, 3, clock)
    for _ in range(3):
        found.take("ann")
    with pytest.raises(TooManyRequests) as refused:
        found.take("ann")
    assert refused.value.retry_after == pytest.approx(0.5)
    found.take("bob")
    clock.now += 0.5
    found.take("ann")
    with pytest.raises(TooManyRequests):
        found.take("ann")


def test_a_rate_of_nothing_is_no_limit() -> None:
    """Whoever sets 0 wants none."""
    found = Rates(0.0, 1)
    for _ in range(100):
        found.take("ann")


@given(st.lists(st.floats(0, 10)), st.floats(0.1, 100), st.integers(1, 20))
def test_never_more_than_promised(pauses: list[float], rate: float, burst: int) -> None:
    """In any time no more get in than the burst and what the rate gives, even where the clock goes back."""
    clock = Clock()
    found, let_in, passed = Rates(rate, burst, clock), 0, 0.0
    for number, pause in enumerate(pauses):
        clock.now += -pause if number % 3 == 2 else pause
        passed += 0 if number % 3 == 2 else pause
        for _ in range(5):
            try:
                found.take("ann")
            except TooManyRequests:
                break
            let_in += 1
    assert let_in <= burst + passed * rate + 1e-6


def test_strangers_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asked longest ago is forgotten."""
    monkeypatch.setattr(rates, "_KNOWN", 10)
    found = Rates(1.0, 1, Clock())
    for number in range(1000):
        found.take(str(number))
    assert len(found._buckets) == 10
