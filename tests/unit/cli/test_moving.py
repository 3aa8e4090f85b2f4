"""How far a copy is, as it is shown."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from styx.cli import moving as module
from styx.cli.moving import looking, moving


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """It is one."""
        return True


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], Terminal]:
    """From the call on stderr is a terminal, and a bar would begin after so many seconds."""

    def begin(patience: float) -> Terminal:
        stream = Terminal()
        monkeypatch.setattr("sys.stderr", stream)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "120")
        monkeypatch.setattr(module, "PATIENCE", patience)
        return stream

    return begin


def test_a_bar_on_a_terminal(on_terminal: Callable[[float], Terminal]) -> None:
    """Bytes are shown while something moves, without what a failed try had moved; then the bar is gone."""
    terminal = on_terminal(-1.0)
    with moving("copying 2 files", 4096) as moved:
        assert isinstance(moved, module._Bar)
        moved(3072)
        moved(-1024)
        assert moved._shown is not None
        (task,) = moved._shown[0].tasks
        assert (task.completed, task.total, task.description) == (2048, 4096, "copying 2 files")
    assert "copying 2 files" in terminal.getvalue()
    assert "2.0/4.0 KiB" in terminal.getvalue()
    assert moved._shown is None


def test_nothing_for_what_is_soon_over(on_terminal: Callable[[float], Terminal]) -> None:
    """A bar that would only flicker is not drawn."""
    terminal = on_terminal(3600.0)
    with moving("copying 1 file", 10) as moved:
        moved(10)
    assert terminal.getvalue() == ""


def test_nothing_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no terminal the command's last line is all."""
    with looking("comparing"), moving("copying 1 file", 10) as moved:
        moved(10)
    assert capsys.readouterr() == ("", "")
