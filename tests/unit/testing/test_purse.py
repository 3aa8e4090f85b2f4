"""The purse of a lane with real machines."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from styx.api import Owner, QuotaExceeded, Scope
from styx.testing.live.purse import Purse, clean, launched

HERE = Scope("here")
ONE, TWO = (Owner("aaaaaa", name, "a123") for name in ("one", "two"))


@dataclass
class Time:
    """Seconds since the epoch."""

    now: float = 1000.0


@pytest.fixture
def time() -> Time:
    """A clock that stands."""
    return Time()


@pytest.fixture
def purse(tmp_path: Path, time: Time) -> Purse:
    """A dollar, for an hour."""
    return Purse(tmp_path / "record", Decimal(1), 1000.0 + 3600, lambda: time.now)


def test_what_runs_is_counted_until_the_deadline(purse: Purse, time: Time) -> None:
    """A machine could run until the lane's end, so two at $0.60/h are too dear together, until one is removed."""
    purse.buy("1", ONE, HERE, Decimal("0.6"))
    with pytest.raises(QuotaExceeded, match=r"could come to more than the \$1 of this lane"):
        purse.buy("2", TWO, HERE, Decimal("0.6"))
    purse.removed(ONE)
    time.now += 600
    purse.buy("2", TWO, HERE, Decimal("0.6"))
    assert purse.refused == 1


def test_one_token_is_paid_for_once(purse: Purse) -> None:
    """A launch that is asked for again with its token buys nothing more."""
    for _ in range(9):
        purse.buy("1", ONE, HERE, Decimal("0.9"))
    assert purse.spent(1000.0 + 3600) == Decimal("0.9")


def test_an_unknown_price_is_too_dear(purse: Purse) -> None:
    """What nobody knows the price of is not launched."""
    with pytest.raises(QuotaExceeded, match="unknown price"):
        purse.buy("1", ONE, HERE, None)


def test_a_machine_costs_a_minute_at_least_and_its_lingering(purse: Purse, time: Time) -> None:
    """Removed at once it counts a minute; later, two minutes more than until its removal was accepted."""
    purse.buy("1", ONE, HERE, Decimal("0.6"))
    assert purse.spent(time.now) == Decimal("0.01")
    time.now += 480
    purse.removed(ONE)
    time.now += 3600
    assert purse.spent(time.now) == Decimal("0.1")


def test_the_record_names_what_has_to_be_looked_for(purse: Purse, tmp_path: Path) -> None:
    """Every installation with its places, until all was found removed; a removal that was accepted proves nothing."""
    assert list(launched(tmp_path / "record")) == []
    purse.buy("1", ONE, HERE, Decimal("0.1"))
    purse.buy("2", TWO, Scope("there"), Decimal("0.1"))
    purse.removed(ONE)
    assert list(launched(tmp_path / "record")) == [("aaaaaa", HERE), ("aaaaaa", Scope("there"))]
    clean(tmp_path / "record")
    assert list(launched(tmp_path / "record")) == []
