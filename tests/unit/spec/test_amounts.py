"""Amounts as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api.errors import InvalidTask
from styx.spec import amounts
from styx.spec.model import Amount
from styx.spec.place import Place

HERE = Place(field="here")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (4, Amount(4)),
        ("4", Amount(4)),
        (" 4+ ", Amount(4, at_least=True)),
        (0.5, Amount(0.5)),
        ("0.5+", Amount(0.5, at_least=True)),
        (2.0, Amount(2)),
    ],
)
def test_cpus(written: object, meant: Amount) -> None:
    """CPUs are a number, with a plus for at least that many."""
    assert amounts.cpus(written, HERE) == meant


@pytest.mark.parametrize(
    "written", ["4x", "+4", "4++", "0", 0, -1, "-1", "", "four", True, 1e308, "1e3", [4], None, "٤"]
)
def test_cpus_refused(written: object) -> None:
    """Anything else is refused, also SkyPilot's '+4', a boolean, and digits of other scripts."""
    with pytest.raises(InvalidTask, match="here: "):
        amounts.cpus(written, HERE)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (16, Amount(16)),
        ("16+", Amount(16, at_least=True)),
        ("16GB", Amount(16)),
        ("16 gb+", Amount(16, at_least=True)),
        ("16GiB", Amount(16)),
        ("512MB", Amount(0.5)),
        ("1TB", Amount(1024)),
        ("16x", Amount(16, per_cpu=True)),
        ("2X+", Amount(2, at_least=True, per_cpu=True)),
    ],
)
def test_memory(written: object, meant: Amount) -> None:
    """Memory is in GiB, has units, and may be counted for each CPU."""
    assert amounts.memory(written, HERE) == meant


@pytest.mark.parametrize("written", ["16GBx", "x", "16 apples", "0GB", True, float("inf"), "99999999TB", {}])
def test_memory_refused(written: object) -> None:
    """Anything else is refused."""
    with pytest.raises(InvalidTask, match="here: "):
        amounts.memory(written, HERE)


def test_disk() -> None:
    """A disk is a whole number of GB."""
    assert [amounts.disk(each, HERE) for each in (100, "100", "100GB", "1TB", "2048MB")] == [100, 100, 100, 1024, 2]
    for written in ("1.5TB", 1.5, "500MB", 0, -1, "1e3", False):
        with pytest.raises(InvalidTask, match="here: "):
            amounts.disk(written, HERE)


def test_minutes() -> None:
    """Idle time is minutes, or has a unit of minutes and up."""
    assert [amounts.minutes(each, HERE) for each in (0, 10, "10", "10m", "2h", "1d", "1w")] == [
        0,
        10,
        10,
        10,
        120,
        1440,
        10080,
    ]
    for written in ("90s", "2h30m", -5, "1.5h", True, 10**12, "999999999w"):
        with pytest.raises(InvalidTask, match="here: "):
            amounts.minutes(written, HERE)


@given(
    st.floats(min_value=amounts.SMALLEST, max_value=amounts.MAX_MEMORY),
    st.booleans(),
    st.booleans(),
)
def test_writing_and_reading_gives_the_same(value: float, at_least: bool, per_cpu: bool) -> None:
    """Every amount is read back from what str() writes."""
    amount = Amount(value, at_least, per_cpu)
    assert amounts.memory(str(amount), HERE) == amount


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.lists(st.integers())))
def test_nothing_but_an_amount_or_an_error(value: object) -> None:
    """Whatever is written, the answer is an amount or InvalidTask."""
    for read in (amounts.cpus, amounts.memory, amounts.disk, amounts.minutes):
        try:
            read(value, HERE)
        except InvalidTask:
            continue
