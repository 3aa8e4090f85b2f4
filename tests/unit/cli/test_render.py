"""What people and programs read."""

import io
import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.cli import render
from styx.cli.render import ago, clean, duration, iso, json_text, money, table


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("ünïcode 東京", "ünïcode 東京"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPdcs\x1b\\x", "x"),
        ("a\x1b", "a"),
        ("\x9b31mred", "31mred"),
        ("a\nb\tc\rd\x00e\x07f\x7fg", "a b cdefg"),
        ("\u202eevil\u2066\u200b", "evil"),
        (5, "5"),
    ],
)
def test_clean(text, shown):
    """Escapes, control characters and overrides of the writing direction are taken out."""
    assert clean(text) == shown


@given(st.text() | st.text(alphabet="\x1b[]0;m\x07\\P ab\n"))
def test_clean_anything(text):
    """Whatever comes, what is shown is one printable line, and cleaning it again changes nothing."""
    shown = clean(text)
    assert shown.isprintable()
    assert clean(shown) == shown


def test_table():
    """Columns are two spaces apart; nothing known is a dash; nothing follows the last cell."""
    text = table(("NAME", "N", "NOTE"), [("a", 1, ""), ("long-name", None, "x y")])
    assert text.splitlines() == ["NAME       N  NOTE", "a          1  -", "long-name  -  x y"]


def test_table_of_nothing():
    """Without rows there is the line of headers."""
    assert table(("A", "B"), []) == "A  B"


def test_wide_and_combining_characters():
    """Columns line up where characters take two columns, or none."""
    lines = table(("NAME", "X"), [("東京", 1), ("cafe\u0301", 2), ("ab", 3)]).splitlines()
    assert lines[1] == "東京  1"
    assert lines[2] == "cafe\u0301  2"
    assert lines[3] == "ab    3"


def test_cells_are_cleaned():
    """Cells cannot break out of their line."""
    assert table(("A",), [("x\n\x1b[31my",)]).splitlines() == ["A", "x y"]


def test_colours(monkeypatch):
    """States are coloured on a terminal, and not against NO_COLOR, on a dumb one, or elsewhere."""
    rows = [("dev", "failed", "x"), ("failed-run", "up", "failed")]
    plain = table(("NAME", "STATE", "NOTE"), rows)
    assert "\x1b" not in plain
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    painted = table(("NAME", "STATE", "NOTE"), rows)
    assert "\x1b[31mfailed\x1b[0m" in painted
    assert clean(painted.replace("\n", "|")) == plain.replace("\n", "|")
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert table(("NAME", "STATE", "NOTE"), rows) == plain


def test_json_text():
    """JSON keeps the order and shows letters as they are."""
    assert json.loads(json_text({"b": "東", "a": None})) == {"b": "東", "a": None}
    assert "東" in json_text("東")


@pytest.mark.parametrize(
    ("cost", "shown"),
    [
        (None, "-"), (Decimal(0), "$0.00"), (Decimal("0.0312"), "$0.0312"), (Decimal("0.1"), "$0.10"),
        (Decimal("32.7726"), "$32.77"), (Decimal("1234.5"), "$1234.50"),
    ],
)  # fmt: skip
def test_money(cost, shown):
    """Two digits, four below ten cents, a dash for what nobody knows."""
    assert money(cost) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "0s"), (0, "0s"), (59.9, "59s"), (60, "1m"), (303, "5m 3s"), (3600, "1h"), (12000, "3h 20m"),
        (86400, "1d"), (187200, "2d 4h"), (187260, "2d 4h"),
    ],
)  # fmt: skip
def test_duration(seconds, shown):
    """The two largest units, without a zero."""
    assert duration(seconds) == shown


def test_times():
    """Moments are told in UTC, and how long ago they were; a clock that is behind tells nothing negative."""
    time = datetime(2025, 1, 31, 11, 30, tzinfo=timezone(timedelta(hours=2)))
    assert iso(time) == "2025-01-31T09:30:00Z"
    assert render.moment(time) == "2025-01-31 09:30:00Z"
    assert ago(time, datetime(2025, 1, 31, 9, 31, tzinfo=UTC)) == "1m"
    assert ago(time, datetime(2025, 1, 31, 9, 0, tzinfo=UTC)) == "0s"
    assert ago(None) == "-"


def test_rich_is_not_needed_for_tables():
    """A table of a thousand rows is plain formatting, quick and without rich."""
    text = table(("NAME", "STATE"), [(f"c-{n}", "up") for n in range(1000)])
    assert len(text.splitlines()) == 1001
    assert "rich" not in vars(render)
