"""Points are enumerated from what a client really calls; what is left out has a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.testing.faults import Fault, Harness
from styx.testing.faults.example import ShopBench
from styx.testing.faults.harness import Total
from styx.testing.faults.kinds import POSSIBLE, ROLES, SIMPLE_ROLES
from styx.testing.faults.points import ENDS, LONGEST, every, repeated
from styx.testing.faults.trial import Outcome, Point, Then, thens

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


def test_rows_of_the_same_call_are_cut_short() -> None:
    """The middle of a row is left out, and so is the middle of a row of pairs; the ends never are."""
    assert repeated(list("aoooooop")) == {3, 4}
    assert repeated(list("xtotototototoy")) == {5, 6, 7, 8}
    assert repeated(list("abab")) == set()
    assert repeated(list("xlvsplvsplvsplvsplvspy")) == set(range(9, 13))
    assert repeated([]) == set()


@given(st.lists(st.sampled_from("lto"), max_size=40))
def test_a_call_that_is_left_out_has_the_same_around_it(names: list[str]) -> None:
    """A few calls before it and after it there is the same call, which is tried or has one again."""
    left_out = repeated(names)
    for number in left_out:
        assert any(
            names[number - period] == names[number] == names[number + period]
            for period in range(1, LONGEST + 1)
            if number - period * ENDS >= 0 and number + period * ENDS < len(names)
        )
    assert {0, len(names) - 1}.isdisjoint(left_out)


def _points(count: int) -> list[Point]:
    return [Point("", "launch", number, "launch", Fault.CUT, Then.DOWN) for number in range(count)]


@given(st.integers(0, 60), st.integers(1, 9))
def test_the_parts_of_a_rotation_are_the_whole(count: int, step: int) -> None:
    """Every point is in one part and in no other."""
    points = _points(count)
    parts = [point for offset in range(step) for point in every(points, step, offset)]
    assert sorted(parts, key=lambda point: point.call) == points


def test_every_call_is_tried_with_all_that_can_befall_it(tmp_path: Path) -> None:
    """And with both things that a user may do then; what is not tried is counted with its reason."""
    harness, total = Harness(ShopBench, operations=["launch"], room=tmp_path, processes=1), Total()
    (found,) = harness._find(tmp_path, total)
    assert total.broken == []
    tried = {(point.call, point.fault, point.then) for point in found.points}
    assert len(tried) == len(found.points)
    for call, method in sorted({(point.call, point.method) for point in found.points}):
        faults = {point.fault for point in found.points if point.call == call}
        assert faults <= set(POSSIBLE[SIMPLE_ROLES[method]])
        assert set(POSSIBLE[SIMPLE_ROLES[method]]) - faults <= {Fault.STALE}
        for fault in faults:
            assert {then for number, at, then in tried if (number, at) == (call, fault)} == set(
                thens(fault, SIMPLE_ROLES[method])
            )
    creates = {point.call for point in found.points if point.method == "create"}
    assert len(creates) == 2, "each machine of a pair is a request of its own"
    assert all(why for why in found.skipped)


def test_a_bench_that_cannot_do_something_says_so(tmp_path: Path) -> None:
    """An operation that the cloud has not, and a fault that the provider cannot have, are left out by name."""

    class Prompt(ShopBench):
        impossible = {Fault.LATE: "it is prompt"}  # noqa: RUF012

    harness, total = Harness(Prompt, operations=["stop", "launch"], room=tmp_path, processes=1), Total()
    stop, launch = harness._find(tmp_path, total)
    assert stop.points == []
    assert any("cannot stop machines" in why for why in stop.skipped)
    assert f"{Fault.LATE}: it is prompt" in launch.skipped
    assert Fault.LATE not in {point.fault for point in launch.points}


def test_ground_that_cannot_be_laid_is_no_pass(tmp_path: Path) -> None:
    """A cloud on which nothing comes up without any fault has not been tried, and that is not fine."""

    class Closed(ShopBench):
        def cloud(self, services):
            cloud = super().cloud(services)
            cloud.machines = list
            return cloud

    total = Harness(Closed, operations=["launch"], room=tmp_path, processes=1).run()
    assert total.points == 0
    assert not total.fine
    assert "without any fault" in total.broken[0]
    assert total.line == "points 0, leaked 0, lost 0, wrong 1"


def test_no_points_are_no_pass() -> None:
    """Nor is a run that reached none of them."""
    assert not Total().fine
    assert not Total([Outcome(_points(1)[0], reached=False)]).fine
    assert Total([Outcome(_points(1)[0])]).fine


def test_every_method_of_the_contract_has_a_role() -> None:
    """A call that a provider makes and that the harness does not know would never go wrong."""
    from styx import api

    protocols = [getattr(api, name) for name in dir(api) if name.startswith("Supports")]
    methods = {name for kind in (api.Cloud, *protocols) for name in vars(kind) if not name.startswith("_")}
    local = {
        "name", "traits", "faults", "policy", "port_address", "self_stop_command", "preemption_notice_command",
        "transport",
    }  # fmt: skip
    assert methods - local == set(ROLES)
