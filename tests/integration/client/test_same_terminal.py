"""``styx ssh``: a terminal is the same here and through a server, byte for byte, and so is a command between pipes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from styx.client.protocol import LaunchOptions
from styx.spec import Resources, Task
from support.screens import screen
from support.sides import PROGRAMS, Side

STYX = str(PROGRAMS / "styx")
MANY = b"".join(b"%d\n" % number for number in range(300_000))  # 2 MB


@pytest.fixture(scope="module", autouse=True)
def dev(sides: Mapping[str, Side]) -> None:
    """A cluster on both sides."""
    for side in sides.values():
        with side.client() as client:
            client.launch(Task().resources(Resources.from_dict({"infra": "local"})), LaunchOptions(cluster="dev"))


def piped(side: Side, *command: str, typed: bytes = b"") -> tuple[int, bytes, bytes]:
    """What a command came to between pipes: its exit code as shells tell it, and what it wrote."""
    done = subprocess.run(
        [STYX, "ssh", "dev", *command],
        env=environment(side), input=typed, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    code = done.returncode
    return (code if code >= 0 else 128 - code), done.stdout, done.stderr


def environment(side: Side) -> dict[str, str]:
    """The whole of it."""
    return {**os.environ, **side.environment, "TERM": "vt100"}


@pytest.mark.parametrize(
    ("command", "typed", "expected"),
    [
        (["--", "echo out; echo err >&2; tty; exit 3"], b"", (3, b"out\nnot a tty\n", b"err\n")),
        ([], b"echo typed; exit 7\n", (7, b"typed\n", b"")),
        (["--", "cat"], MANY, (0, MANY, b"")),
        (["--", "head -n 1"], MANY, (0, b"0\n", b"")),
        (["--", "exec >&- 2>&-; sleep 0.3; exit 5"], b"", (5, b"", b"")),
        (["--", "kill -9 $$"], b"", (137, b"", b"")),
        (["--", "echo $TERM; sleep 60 >/dev/null 2>&1 & exit 0"], b"", (0, b"vt100\n", b"")),
        (["--", "printf '\\377\\000\\n'"], b"", (0, b"\xff\0\n", b"")),
    ],
    ids=["streams", "shell", "cat", "head", "closed", "killed", "left behind", "bytes"],
)
def test_between_pipes(side: Side, command: list[str], typed: bytes, expected: tuple[int, bytes, bytes]) -> None:
    """Both streams come apart, all that is typed arrives, and the exit code is that of the command."""
    assert piped(side, *command, typed=typed) == expected


def test_ctrl_c_between_pipes(side: Side) -> None:
    """The command is interrupted, and says itself how it ends."""
    command = "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.1; done"
    process = subprocess.Popen(
        [STYX, "ssh", "dev", "--", command],
        env=environment(side), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == b"caught\n"
    assert process.returncode == 9


def test_a_client_that_is_ended(side: Side) -> None:
    """With the process the command ends, wherever it runs."""
    process = subprocess.Popen(
        [STYX, "ssh", "dev", "--", "echo $$; exec sleep 100"], env=environment(side), stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        there = Path("/proc") / process.stdout.readline().decode().strip()
        assert there.exists()
        process.terminate()
    assert process.returncode in {143, -15}
    deadline = time.monotonic() + 10
    while there.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_reader_that_leaves(side: Side) -> None:
    """A command whose output nobody reads any more ends, as it does in every pipeline."""
    script = f"{STYX} ssh dev -- 'exec yes' | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script], env=environment(side), capture_output=True, timeout=60, check=True, text=True
    )
    assert done.stdout == "y\n141\n"


def test_on_a_terminal(side: Side) -> None:
    """The command has a terminal of that type and size, is told of another size, and reads lines."""
    command = "tty -s && stty size; echo $TERM; echo ready; read line; echo got $line; stty size; exit 6"
    with screen([STYX, "ssh", "dev", "--", command], environment(side), (33, 101)) as seen:
        seen.until("ready")
        seen.resize(44, 111)
        seen.type("hello\r")
        assert seen.ended() == 6
    assert seen.shown == b"33 101\r\nvt100\r\nready\r\nhello\r\ngot hello\r\n44 111\r\n"


def test_a_shell_on_a_terminal(side: Side) -> None:
    """Ctrl-C ends what the shell has in the foreground and not the shell; it ends as it is told to."""
    with screen([STYX, "ssh", "dev"], environment(side)) as seen:
        seen.type("PS1='no''w> '\r")  # before there is a shell
        seen.until("now> ")
        seen.type("echo be''gun; sed -u s/typed/read/\r")
        seen.until("begun")
        seen.type("this is typed\r")
        seen.until("this is read")
        seen.type("\x03")
        seen.until("now> ")
        seen.type("echo an''swered $?\r")
        seen.until("answered 130")
        seen.until("now> ")
        seen.type("exit 3\r")
        assert seen.ended() == 3


def test_only_output_on_a_terminal(side: Side) -> None:
    """Each stream is a terminal where this one is: what reads from a pipe may still write in colours and columns."""
    command = "[ -t 0 ] || [ ! -t 1 ] || [ ! -t 2 ] || echo as here; stty size <&1; exit 4"
    script = f"echo | {STYX} ssh dev -- '{command}'"
    with screen(["/bin/bash", "-c", script], environment(side), (33, 101)) as seen:
        assert seen.ended() == 4
    assert seen.shown == b"as here\r\n33 101\r\n"
