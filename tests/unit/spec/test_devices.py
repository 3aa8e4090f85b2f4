"""Accelerators in all the forms they are written in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api.errors import InvalidTask
from styx.api.offers import Accelerator
from styx.spec import devices
from styx.spec.place import Place

HERE = Place(field="here")
A100, V100 = Accelerator("A100", 1), Accelerator("V100", 1)


@pytest.mark.parametrize(
    ("written", "found", "ordered"),
    [
        ("A100", [A100], False),
        ("A100:8", [Accelerator("A100", 8)], False),
        ("a100-80gb:2", [Accelerator("a100-80gb", 2)], False),
        ("V100:0.5", [Accelerator("V100", 0.5)], False),
        ("tpu-v4-8:1", [Accelerator("tpu-v4-8", 1)], False),
        ("1080Ti:2", [Accelerator("1080Ti", 2)], False),
        ({"A100": 8}, [Accelerator("A100", 8)], False),
        ({"A100": "8"}, [Accelerator("A100", 8)], False),
        ({"A100": 1, "V100": 1}, [A100, V100], False),
        ({"A100:1": None, "V100:1": None}, [A100, V100], False),
        (["A100:1", "V100:1"], [A100, V100], True),
        (["A100:1"], [A100], False),
        ("{A100: 1, V100:1}", [A100, V100], False),
        ("['A100:1', V100]", [A100, V100], True),
        ("16GB", [Accelerator("16GB", 1, 16)], False),
        ("32gb+", [Accelerator("32GB+", 1, 32)], False),
        ("32GB+:2", [Accelerator("32GB+", 2, 32)], False),
        ("nvidia:16GB:1", [Accelerator("nvidia:16GB", 1, 16)], False),
        ({"nvidia:16GB+": 4}, [Accelerator("nvidia:16GB+", 4, 16)], False),
    ],
)
def test_forms(written: object, found: list[Accelerator], ordered: bool) -> None:
    """Every form gives its alternatives, and only a list says that their order matters."""
    assert devices.devices(written, HERE) == ([(each,) for each in found], ordered)


@pytest.mark.parametrize("nothing", [None, {}, []])
def test_none(nothing: object) -> None:
    """Nothing asks for no accelerator."""
    assert devices.devices(nothing, HERE) == ([()], False)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "A100:",
        "A100:x",
        "A100:0",
        "A100:-1",
        "A100:inf",
        "A100:1001",
        ":1",
        "A100:1:2",
        "0GB",
        "{A100:1",
        8,
        True,
        {"A100": True},
        {"A100": 0},
        {"A100:1": 2},
        {"A100": float("inf")},
        [{"T4": 1}],
        [["T4"]],
        "A\n100",
        "8",
        "A100;rm",
    ],
)
def test_refused(written: object) -> None:
    """Counts that are none, and names that cannot be, are refused where they stand."""
    with pytest.raises(InvalidTask, match="here") as caught:
        devices.devices(written, HERE)
    assert str(caught.value.field).startswith("here")


def test_devices_by_memory() -> None:
    """A device asked for by memory matches any model with that much; one asked for by name only that model."""
    ((at_least,),), _ = devices.devices("32GB+", HERE)
    ((exact,),), _ = devices.devices("nvidia:16GB", HERE)
    big, small = Accelerator("A100", 1, 40), Accelerator("T4", 1, 16)
    assert devices.satisfies(at_least, big)
    assert not devices.satisfies(at_least, small)
    assert devices.satisfies(exact, small)
    assert not devices.satisfies(exact, big)
    assert not devices.satisfies(exact, Accelerator("T4"))
    assert devices.satisfies(A100, Accelerator("a100"))
    assert not devices.satisfies(A100, Accelerator("A100-80GB", 1, 80))


names = st.from_regex(r"[0-9]{0,4}[A-FH-Z][A-Za-z0-9-]{0,10}[A-Za-z0-9]", fullmatch=True)


@given(names | st.sampled_from(["32GB+", "nvidia:16GB"]), st.integers(1, 1000) | st.sampled_from([0.25, 0.5]))
def test_writing_and_reading_gives_the_same(name: str, count: float) -> None:
    """Every device is read back from what is written of it."""
    found, _ = devices.devices({name: count}, HERE)
    assert devices.devices(devices.written(found[0][0]), HERE) == (found, False)
