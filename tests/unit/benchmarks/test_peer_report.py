"""What is measured of both sides, and what is said about it."""

import sys

import pytest
from benchmarks.peer.agreement import Agreement
from benchmarks.peer.servers import DRY_RUNS, affordable
from benchmarks.peer.sides import Answer, Side, alternate
from benchmarks.peer.table import Amount, Line, show

ECHO = """
from benchmarks.peer.worker import Question, serve
def ask(given):
    print("meanwhile")
    return given * 2
serve({"twice": Question(int, ask, str)})
"""
PLACE = ["aws", "big", "east", 12.5]


def answer(cpu, found=None):
    """One that took so many ms of CPU time, and twice that by the clock."""
    return Answer(cpu, 2 * cpu, 10 * cpu, found)


def test_a_side_answers_one_question_at_a_time():
    """A question has an argument; what is printed while it is worked at is no answer."""
    with Side((sys.executable, "-c", ECHO), {"PYTHONPATH": ":".join(filter(None, sys.path))}) as side:
        assert [side.ask(f"twice {number}").answer for number in (4, 5)] == ["8", "10"]


def test_a_side_that_has_ended_is_an_error():
    """No answer is not taken for one."""
    with Side((sys.executable, "-c", "pass"), {}) as side, pytest.raises((RuntimeError, BrokenPipeError)):
        side.ask("twice 4")


def test_medians_are_of_pairs_in_turn():
    """Both sides are asked in turn, and the middle one of each counts."""
    asked = []
    times = {"sky": iter((5, 1, 3)), "styx": iter((0.5, 0.3, 0.1))}

    def side(name):
        asked.append(name)
        return answer(next(times[name]), name)

    theirs, ours = alternate(lambda: side("sky"), lambda: side("styx"), 3)
    assert asked == ["sky", "styx"] * 3
    assert (theirs.cpu, theirs.wall, theirs.peak, theirs.answer) == (3, 6, 50, "sky")
    assert (ours.cpu, ours.answer) == (0.3, "styx")


@pytest.mark.parametrize(
    ("ours", "times", "most", "met"),
    [(1, 30, 10, True), (4, 30, 10, False), (1, 30, 0.5, False), (1000, None, None, True)],
)
def test_a_promise_is_a_ratio_and_a_time(ours, times, most, met):
    """Both have to be kept, and where nothing was asked for nothing is missed."""
    line = Line("plan", answer(100), answer(ours), times, most)
    assert line.met is met
    assert ("MISSED" in show([line])) is not met


def test_the_table_has_both_sides_and_their_ratio():
    """Times are told in ms or s, memory in MiB; of answers in a second, more are better."""
    amounts = Amount("memory", 280, 70), Amount("start", 3900, 1300, "ms"), Amount("health", 500, 2000, "/s")
    amounts += (Amount("many", 9000, 200, "ms", cpu=(4500, 150)),)
    table = show([Line("plan", answer(1500), answer(5), 30, 10), *amounts]).splitlines()
    assert table[1].split() == [
        "plan",
        "1.5",
        "s",
        "3",
        "s",
        "5",
        "ms",
        "10",
        "ms",
        "300",
        "x",
        *[">=", "30", "x,", "<=", "10", "ms"],
        "ok",
    ]
    assert table[2].split() == ["memory", "280", "MiB", "70", "MiB", "4", "x"]
    assert table[3].split() == ["start", "3.9", "s", "1.3", "s", "3", "x"]
    assert table[5].split() == ["many", "4.5", "s", "9", "s", "150", "ms", "200", "ms", "30", "x"]
    assert table[4].split() == ["health", "500", "/s", "2,000", "/s", "4", "x"]


def test_prices_agree_to_the_hundredth_of_a_cent():
    """A sum of parts may be off by what floating point is; another place or price is no agreement."""
    agreement = Agreement()
    agreement.add("plan", [PLACE], [[*PLACE[:3], 12.5000000001]])
    assert list(agreement.told()) == ["BOTH FIND THE SAME", "  plan: aws/big/east at $12.50000/h"]
    agreement.add("chain", [PLACE, PLACE], [PLACE, [*PLACE[:3], 12.51]])
    first, *_, last = agreement.told()
    assert first == "THEY DO NOT FIND THE SAME"
    assert last.startswith("  chain: NO: SkyPilot 2 machines, $25.0000/h in all")


@pytest.mark.parametrize(("free", "many"), [(24, 30), (10, 20), (4.3, 0), (1, 0)])
def test_no_more_are_asked_at_once_than_there_is_memory_for(capsys, free, many):
    """What is asked less, or not at all, is said."""
    assert affordable(DRY_RUNS, 30, free) == many
    assert ("30 dry runs at once need more" in capsys.readouterr().err) is (many < 30)
