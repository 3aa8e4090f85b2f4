"""What is shown while something goes on."""

import io
import re
from collections.abc import Callable

import pytest

from styx.cli import progress as module
from styx.cli.progress import progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


@pytest.fixture
def on_terminal(monkeypatch) -> Callable[[], Terminal]:
    """From the call on stderr is a terminal, and a spinner would begin at once; what is written there."""

    def begin(patience: float = 0) -> Terminal:
        stream = Terminal()
        monkeypatch.setattr("sys.stderr", stream)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(module, "PATIENCE", patience)
        return stream

    return begin


def test_lines(capsys):
    """Where there is no terminal each new step is one plain line on stderr."""
    with progress() as report:
        report("plan", "asking")
        report("plan", "asking")
        report("provision", "\x1b[31m1 of\n2 nodes")
        report("plan", "asking")
    assert capsys.readouterr() == ("", "plan: asking\nprovision: 1 of 2 nodes\nplan: asking\n")


def test_notes_are_told_once(capsys):
    """What holds for several steps is told with the first."""
    with progress() as report:
        for _ in range(2):
            report("note", "nobody would end it")
            report("provision", "asking")
    assert capsys.readouterr().err == "note: nobody would end it\nprovision: asking\n"


def test_notes_stay_in_sight(on_terminal):
    """On a terminal the next step takes the place of the one before, but not of a note."""
    terminal = on_terminal()
    with progress() as report:
        report("note", "before the spinner")
        report("plan", "asking")
        assert isinstance(report, module._Spinner)
        assert report._timer is not None
        report._timer.join()
        for _ in range(2):
            report("note", "beside [red]it")
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue()).splitlines()
    assert lines[0] == "note: before the spinner"
    assert sum(line.endswith("note: beside [red]it") for line in lines) == 1


def test_times_stay_in_sight_once_there_is_something_to_see(on_terminal):
    """What was over before the spinner began is not told of; elsewhere each is a line."""
    terminal = on_terminal()
    with progress() as report:
        report("time", "nothing took 0.00 s")
        report("plan", "asking")
        report._timer.join()
        report("time", "plan took 2.00 s")
        report("provision", "asking")
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue()).splitlines()
    assert [line for line in lines if "took" in line] == ["time: plan took 2.00 s"]


def test_nothing_to_say(capsys):
    """Without a step nothing is written."""
    with progress():
        pass
    assert capsys.readouterr() == ("", "")


def test_what_is_quick_shows_nothing(on_terminal):
    """On a terminal, what is over at once draws nothing."""
    terminal = on_terminal(patience=60)
    with progress() as report:
        report("plan", "asking")
    assert terminal.getvalue() == ""


def test_a_spinner(on_terminal):
    """On a terminal, what takes longer shows the newest step, without markup, and leaves nothing behind."""
    terminal = on_terminal()
    with progress() as report:
        report("plan", "asking")
        assert isinstance(report, module._Spinner)
        assert report._timer is not None
        report._timer.join()
        report("provision", "[red]1[/red] of 2")
    shown = terminal.getvalue()
    assert "provision: [red]1[/red] of 2" in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1  # the cursor is hidden, and shown again


def test_a_spinner_ends_with_an_error(on_terminal):
    """An error takes the spinner away before it is told."""
    terminal = on_terminal()

    def fail():
        with progress() as report:
            report("plan", "asking")
            report._timer.join()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert terminal.getvalue().count("\x1b[?25h") == 1


def test_a_dumb_terminal(on_terminal, monkeypatch):
    """A terminal that cannot draw gets lines."""
    terminal = on_terminal()
    monkeypatch.setenv("TERM", "dumb")
    with progress() as report:
        report("plan", "asking")
    assert terminal.getvalue() == "plan: asking\n"
