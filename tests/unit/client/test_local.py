"""Where the server of a home is written down, and whom that is believed of."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from styx.api import Conflict, InvalidConfig, PluginError, TransportError
from styx.client import local


@pytest.fixture
def server(styx_home: Path) -> local.LocalServer:
    """This process, as the server of the home."""
    return local.announce("http://127.0.0.1:1", "styx_a_b", "s1")


def test_a_server_is_found_by_what_it_writes_down(server, styx_home: Path):
    """What a server announces is found, and only its user can read it, for its token is there."""
    assert local.find() == server
    assert stat.S_IMODE((styx_home / local.FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(styx_home.stat().st_mode) == 0o700
    local.withdraw(server)
    assert local.find() is None


def test_a_process_that_has_the_number_of_a_dead_server_is_none(server, styx_home: Path):
    """A pid is used again: a process that was started at another time is not the server."""
    said = json.loads((styx_home / local.FILE).read_text())
    (styx_home / local.FILE).write_text(json.dumps({**said, "started": "1"}))
    assert local.find() is None


@pytest.mark.parametrize("field", ["host", "boot_id"])
def test_a_server_of_another_machine_or_before_a_reboot_is_none(server, styx_home: Path, field: str):
    """Its number is somebody else's here: it must be neither asked nor ended."""
    said = json.loads((styx_home / local.FILE).read_text())
    (styx_home / local.FILE).write_text(json.dumps({**said, field: "other"}))
    assert local.find() is None


def test_a_server_that_another_process_starts_for_ever(styx_home: Path, monkeypatch: pytest.MonkeyPatch):
    """Who holds the lock and never answers is waited for, and then told; no other is started."""
    with local._locked() as lock:
        assert lock is not None
        with pytest.raises(TransportError, match="which another process starts, does not answer"):
            local.ensure(patience=0.1)
    local.announce("http://127.0.0.1:1", "t", "s1")
    monkeypatch.setattr(local, "answers", lambda _server: False)
    with pytest.raises(TransportError, match=r"process \d+ on .*, at http://127.0.0.1:1, does not answer"):
        local.ensure(patience=0.1)


def test_a_home_has_one_server(styx_home: Path):
    """A second is told who is there; the lock may have been taken for the first by whoever started it."""
    with local._locked() as lock:
        with pytest.raises(Conflict, match="about to begin, or to end"):
            local.hold()
        assert lock is not None
        local.hold(lock)
        server = local.announce("http://127.0.0.1:1", "t", "s1")
        with pytest.raises(Conflict, match=f"{styx_home} has a server already: process {server.pid}, at {server.url}"):
            local.hold()


def test_a_server_without_the_lock_is_one_too(server):
    """Where the file system knows no locks, what the first has announced keeps the second away."""
    with pytest.raises(Conflict, match="has a server already"):
        local.hold()


def test_a_home_that_cannot_be_written(styx_home: Path):
    """An error names what cannot be written."""
    (styx_home / local.LOCK).mkdir(parents=True)
    with pytest.raises(InvalidConfig, match=r"cannot write .*server\.lock: Is a directory"):
        local.hold()


def test_a_newer_announcement_stays(server):
    """A server that ends takes back its own announcement and no other's."""
    newer = local.announce("http://127.0.0.1:2", "styx_a_b", "s2")
    local.withdraw(server)
    assert local.find() == newer


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"url": 1, "token": "", "pid": "x"}', '{"pid": -1}'])
def test_what_is_no_announcement(styx_home: Path, content: str):
    """A file that says nothing of a server is as none."""
    styx_home.mkdir()
    (styx_home / local.FILE).write_text(content)
    assert local.find() is None


def test_an_announcement_of_another_version(server, styx_home: Path):
    """What a newer server says beyond what is known here is passed over."""
    said = json.loads((styx_home / local.FILE).read_text())
    (styx_home / local.FILE).write_text(json.dumps({**said, "new": 1}))
    assert local.find() == server


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch):
    """Without the extra the error names it, and what else there is."""
    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(PluginError) as raised:
        local.ensure()
    assert "styx-core[server]" in (raised.value.hint or "")
    assert "styx api login" in (raised.value.hint or "")


def test_a_server_that_does_not_start_says_why(styx_home: Path, monkeypatch: pytest.MonkeyPatch):
    """What it wrote before it ended is in the error."""
    monkeypatch.setattr(local, "PROGRAM", (sys.executable, "-c", "raise SystemExit('no room for me')"))
    monkeypatch.setattr(local, "require_installed", lambda: None)
    with pytest.raises(TransportError, match="ended with status 1 as it was started:\nno room for me"):
        local.ensure()


def test_stopping_one_that_is_gone(server):
    """Who is gone already has ended by itself."""
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    assert local.stop(replace(server, pid=done.pid))
