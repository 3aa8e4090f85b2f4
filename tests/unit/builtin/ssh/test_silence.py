"""Machines that did not answer are left alone for a minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from styx.builtin.ssh.config import HostConfig
from styx.builtin.ssh.silence import Silence

HOST = HostConfig(host="10.0.0.5")
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def test_silence_lasts_a_minute(tmp_path: Path) -> None:
    """Any process reads why within a minute, and nothing after that, nor when the clock was set back."""
    Silence(tmp_path / "silent").write(HOST, "it does not answer", NOW)
    silence = Silence(tmp_path / "silent")
    assert silence.read(HOST, NOW + timedelta(seconds=59)) == "it does not answer"
    assert silence.read(HOST, NOW + timedelta(seconds=60)) is None
    assert silence.read(HOST, NOW - timedelta(seconds=1)) is None
    assert silence.read(HostConfig(host="10.0.0.5", port=2222), NOW) is None


def test_an_answer_ends_it(tmp_path: Path) -> None:
    """A machine that answers is not silent any more; saying so again is harmless."""
    silence = Silence(tmp_path)
    silence.write(HOST, "it does not answer", NOW)
    silence.end(HOST)
    silence.end(HOST)
    assert silence.read(HOST, NOW) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", '{"asked_at": "x", "problem": ""}', '{"asked_at": 5}'])
def test_what_cannot_be_read_is_not_known(tmp_path: Path, text: str) -> None:
    """A torn or foreign file silences nobody."""
    silence = Silence(tmp_path)
    silence.write(HOST, "it does not answer", NOW)
    (file,) = tmp_path.iterdir()
    file.write_text(text)
    assert silence.read(HOST, NOW) is None


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    """A state directory that cannot be made costs time, not launches."""
    (tmp_path / "file").touch()
    silence = Silence(tmp_path / "file")
    silence.write(HOST, "it does not answer", NOW)
    silence.end(HOST)
    assert silence.read(HOST, NOW) is None
