"""Interactive sessions, in fake process trees and one real terminal."""

from __future__ import annotations

import os
import pty
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from styx.agent import sessions

# pytest-xdist has a thread of its own in each worker; what is forked here touches none of what it holds.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
PTS = 136 << 8
NODE = "styx-abc123-train-a001-0"


def process(
    root: Path, pid: int, comm: str, parent: int, *, session: int | None = None, tty: int = 0, state: str = "S",
    environ: bytes = b"",
) -> None:  # fmt: skip
    """Add a process to the tree."""
    directory = root / "proc" / str(pid)
    directory.mkdir(parents=True)
    (directory / "stat").write_text(f"{pid} ({comm}) {state} {parent} {pid} {session or pid} {tty} -1 4194560 1 2 3\n")
    (directory / "comm").write_text(f"{comm}\n")
    (directory / "environ").write_bytes(environ)


def terminals(root: Path, *numbers: int) -> None:
    """Let these terminals exist."""
    (root / "dev/pts").mkdir(parents=True)
    for name in ("ptmx", *map(str, numbers)):
        (root / "dev/pts" / name).touch()


def record(kind: int, pid: int, line: bytes, host: bytes) -> bytes:
    """One record of utmp."""
    return struct.pack("=hxxi32s4s32s256s", kind, pid, line, b"ts/0", b"ann", host).ljust(sessions._RECORD_SIZE, b"\0")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with an SSH server, one person at a terminal through it, and one at the console."""
    terminals(tmp_path, 0, 1, 300)
    process(tmp_path, 1, "init", 0)
    process(tmp_path, 100, "sshd", 1)
    process(tmp_path, 101, "sshd", 100, session=100)
    process(tmp_path, 102, "bash", 101, tty=PTS)
    process(tmp_path, 103, "vim (x) S 1", 102, session=102, tty=PTS)
    process(tmp_path, 200, "bash", 1, tty=(4 << 8) | 1)
    return tmp_path


def test_a_shell_that_the_ssh_server_opened_a_terminal_for_is_a_session(root: Path) -> None:
    """One login with two processes at its terminal is one session."""
    assert sessions.count(root=str(root)) == 1


@pytest.mark.parametrize("server", ["sshd-session", "dropbear", "tailscaled"])
def test_other_servers_count_too(root: Path, server: str) -> None:
    """Newer OpenSSH names its sessions otherwise, and other servers exist."""
    process(root, 300, server, 1)
    process(root, 301, "zsh", 300, tty=PTS | 1)
    assert sessions.count(root=str(root)) == 2


def test_terminals_beyond_256_are_told_apart(root: Path) -> None:
    """The kernel splits large minor numbers over two places of the device number."""
    process(root, 300, "sshd", 100)
    process(root, 301, "bash", 300, tty=(136 << 8) | (300 & 0xFF) | ((300 & ~0xFF) << 12))
    process(root, 302, "bash", 300, tty=(136 << 8) | (44 & 0xFF))
    assert sessions.count(root=str(root)) == 3


def test_connections_without_a_terminal_are_no_sessions(root: Path) -> None:
    """Styx's own connections, file transfers and forwarding open no terminal."""
    process(root, 300, "sshd", 100)
    process(root, 301, "python3", 300)
    assert sessions.count(root=str(root)) == 1


def test_terminals_that_no_ssh_server_opened_are_no_sessions(root: Path) -> None:
    """A tmux that was left behind, or a job with a terminal, is nobody at the keyboard."""
    process(root, 300, "tmux: server", 1)
    process(root, 301, "bash", 300, tty=PTS | 1)
    assert sessions.count(root=str(root)) == 1


def test_the_dead_are_no_sessions(root: Path) -> None:
    """A shell that has ended and waits to be buried does not count."""
    process(root, 301, "bash", 101, tty=PTS | 1, state="Z")
    assert sessions.count(root=str(root)) == 1


def test_without_terminals_no_process_is_looked_at(tmp_path: Path) -> None:
    """The usual case costs one listing: there need not even be a /proc."""
    terminals(tmp_path)
    assert sessions.count(root=str(tmp_path)) == 0
    assert sessions.count(root=str(tmp_path / "nowhere")) == 0


def test_utmp_tells_of_servers_we_cannot_see(root: Path) -> None:
    """Where /proc hides another user's processes, a living login in utmp counts, each terminal once."""
    shell = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        records = [
            record(7, shell.pid, b"pts/1", b"192.0.2.7"),  # hidden: no such process in this tree, but it lives
            record(7, 101, b"pts/0", b"192.0.2.7"),  # seen already
            record(7, shell.pid, b"pts/9", b"192.0.2.7"),  # the terminal is gone
            record(7, 2**22 - 3, b"pts/300", b"192.0.2.7"),  # the server is gone
            record(7, shell.pid, b"pts/300", b""),  # from no elsewhere
            record(8, shell.pid, b"pts/300", b"192.0.2.7"),  # has logged out
            record(2, 0, b"~", b"6.1.0"),
        ]
        (root / "run").mkdir()
        (root / "run/utmp").write_bytes(b"".join(records) + b"cut off")
        assert sessions.count(root=str(root)) == 2
    finally:
        shell.communicate()


def test_a_local_node_counts_its_own_terminals_only(root: Path) -> None:
    """The owner's logins are not the node's; a terminal with a process of the node at it is."""
    assert sessions.count(NODE, str(root)) == 0
    process(root, 300, "sh", 102, session=102, tty=PTS, environ=f"A=1\0STYX_NODE={NODE}\0".encode())
    process(root, 301, "sh", 300, session=102, tty=PTS, environ=f"STYX_NODE={NODE}\0B=2\0".encode())
    process(root, 302, "sh", 1, tty=PTS | 1, environ=f"STYX_NODE={NODE}0\0".encode())
    assert sessions.count(NODE, str(root)) == 1


def test_a_real_terminal_is_found() -> None:
    """A process at a pseudo-terminal of this machine is seen there by its node's name."""
    if not (Path("/proc/self").is_dir() and Path("/dev/pts").is_dir()):
        pytest.skip("needs /proc and /dev/pts")
    try:
        child, terminal = pty.fork()
    except OSError as error:
        pytest.skip(f"needs a pseudo-terminal: {error}")
    if child == 0:
        os.execve("/bin/sh", ["sh", "-c", "echo ready; read line"], {"STYX_NODE": NODE})
    try:
        assert b"ready" in os.read(terminal, 100)
        assert sessions.count(NODE) == 1
        assert sessions.count(NODE + "0") == 0
    finally:
        os.write(terminal, b"\n")
        os.waitpid(child, 0)
        os.close(terminal)
