"""What is printed and kept: one line a point, everything about those with flaws, and the line that counts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from styx.testing.faults import Fault, Total
from styx.testing.faults.__main__ import bench, main
from styx.testing.faults.audit import Flaw, Harm
from styx.testing.faults.bazaar import BazaarBench
from styx.testing.faults.report import details, line, written
from styx.testing.faults.trial import Outcome, Point, Then

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
POINT = Point("search", "launch", 3, "launch", Fault.UNREAD, Then.AGAIN)
SHOP = "styx.testing.faults.example:ShopBench"


def outcome(*flaws: Flaw, reached: bool = True, call: int = 3) -> Outcome:
    """One point with these flaws."""
    point = Point("search", "launch", call, "launch", Fault.UNREAD, Then.AGAIN)
    return Outcome(point, reached, ["launch: killed", "status: up\n  with a long story" + " on and on" * 20], [*flaws])


def test_a_point_is_one_line() -> None:
    """What happened where, what the user did then, and what each client said, cut short."""
    text = line(outcome())
    assert text.startswith(f"ok         search launch call 3 launch: {Fault.UNREAD}; then again -> launch: killed | ")
    assert "\n" not in text
    assert text.endswith("...")
    assert line(outcome(reached=False)).startswith("unreached")


def test_a_point_with_flaws_is_told_in_full() -> None:
    """With every flaw and all that was said."""
    text = details(outcome(Flaw(Harm.LEAKED, "m1 bills"), Flaw(Harm.WRONG, "it is not so")))
    assert text.startswith("leaked+wrong search launch")
    assert "! leaked: m1 bills" in text
    assert "on and on on and on on and on on and on on and on on and on" in text


def test_the_report_has_all_of_it() -> None:
    """Points in order, what was left out and why, flaws, and at last the line."""
    leak = Flaw(Harm.LEAKED, "m1 bills")
    total = Total([outcome(leak, leak, call=9), outcome(call=1)], Counter({"late: it is prompt": 4}), ["x: no ground"])
    lines = "\n".join(written(total)).splitlines()
    assert ["call 1" in lines[0], "call 9" in lines[1]] == [True, True]
    assert "left out   4 x late: it is prompt" in lines
    assert "broken     x: no ground" in lines
    assert lines[-1] == "points 2, leaked 1, lost 0, wrong 1"
    assert lines.count("  ! leaked: m1 bills") == 2


def test_the_line_of_a_run_without_flaws() -> None:
    """Exactly so, for programs to look for."""
    assert Total([outcome(), outcome(reached=False)]).line == "points 1, leaked 0, lost 0"


def test_a_bench_is_found_by_name_or_by_its_class() -> None:
    """Anything else is refused in one sentence."""
    assert bench("bazaar") is BazaarBench
    assert bench(SHOP).name == "shop"
    for wrong, why in (("nothing", "neither one of local, bazaar"), ("styx.testing:FakeClock", "is no FaultBench")):
        with pytest.raises(SystemExit, match=why):
            bench(wrong)


def test_the_command_lists_points_and_keeps_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It ends with 0 when nothing is wrong; the file has what was printed."""
    report = tmp_path / "deep" / "report.txt"
    arguments = ["--cloud", SHOP, "--operations", "launch", "--every", "97", "--report", str(report)]
    assert main([*arguments, "--processes", "1"]) == 0
    said, kept = capsys.readouterr().out.splitlines(), report.read_text().splitlines()
    assert said[-1] == kept[-1]
    assert said[-1].endswith("leaked 0, lost 0")
    assert {text for text in said if text.startswith("ok ")} == {text for text in kept if text.startswith("ok ")}


def test_habits_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """The four that are tried unless others are asked for come first."""
    assert main(["--cloud", "bazaar", "--list-habits"]) == 0
    listed = capsys.readouterr().out.split()
    assert listed[:4] == ["kind", "name", "search", "none"]
    assert "lost-answers" in listed
