"""Who holds an operation, and whether it lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from styx.store.holder import alive, current


def test_this_process_is_alive_under_a_new_id_each_time() -> None:
    """Two operations of one process are two holders."""
    first, second = current(), current()
    assert first.id != second.id
    assert first.pid == second.pid == os.getpid()
    assert alive(first)


def test_a_process_lives_until_it_ends() -> None:
    """A child counts as alive while it runs and as dead once it was killed, even before it is reaped."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        started = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
        holder = replace(current(), pid=child.pid, started=started)
        assert alive(holder)
        child.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not alive(holder)
    assert not alive(holder)


def test_a_command_name_with_parentheses_is_read_rightly(tmp_path: Path) -> None:
    """The start time is found behind a program name that imitates the file's own format."""
    name = tmp_path / "a) R 1 (b"
    name.symlink_to(sys.executable)
    code = "from styx.store.holder import current, alive; h = current(); print(h.started.isdigit(), alive(h))"
    done = subprocess.run(
        [name, "-c", f"open('/proc/self/comm', 'w').write('a) R 1 (b'); {code}"],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.stdout.split() == ["True", "True"]


def test_a_process_that_proc_hides_is_asked_for_by_its_pid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where other users' processes are hidden, one that a signal could go to, or may not, is alive; else it is dead."""
    monkeypatch.setattr("styx.store.holder._PROC", tmp_path)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        holder = replace(current(), pid=child.pid, started="1")
        assert alive(holder)
        child.communicate(b"\n")
    assert not alive(holder)

    def refuse(_pid: int, _signal: int) -> NoReturn:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert alive(holder)
