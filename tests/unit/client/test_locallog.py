"""What the server of a home writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from styx.client import locallog


def test_a_long_log_is_put_aside_under_its_writer(styx_home: Path, monkeypatch: pytest.MonkeyPatch):
    """The log begins anew when it has become long; the writer goes on with the file that it has open."""
    monkeypatch.setattr(locallog, "LONGEST", 10)
    log = styx_home / locallog.NAME
    styx_home.mkdir()
    with log.open("ab", buffering=0) as writer:
        writer.write(b"a long line of the past\n")
        locallog.trim()
        writer.write(b"news\n")
        locallog.trim()
    assert log.read_bytes() == b"news\n"
    assert (styx_home / f"{locallog.NAME}.1").read_bytes() == b"a long line of the past\n"


def test_the_last_lines_of_the_log(styx_home: Path):
    """The end of a long log is read without the rest of it."""
    assert locallog.last_lines(2) == []
    styx_home.mkdir()
    (styx_home / locallog.NAME).write_text("".join(f"line {number}\n" for number in range(10_000)))
    assert locallog.last_lines(2) == ["line 9998", "line 9999"]


def test_the_log_is_followed(styx_home: Path):
    """What is written after the last lines comes too, also once the log has begun anew; a line comes whole."""
    styx_home.mkdir()
    log = styx_home / locallog.NAME
    log.write_text("old\nlast\n")
    said = locallog.lines(1)
    assert next(said) == "last"
    with log.open("a") as writer:
        writer.write("new\nwhole")
        writer.flush()
        assert next(said) == "new"
        writer.write(" line\n")
    assert next(said) == "whole line"
    log.write_text("anew\n")
    assert next(said) == "anew"
