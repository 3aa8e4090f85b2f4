"""This machine as a node."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from styx.api import ByteStream, Endpoint, TransportError
from styx.transports.process import ProcessTransport, scrubbed_environment


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[ProcessTransport]:
    """A node in a directory of its own."""
    home = tmp_path / "home"
    home.mkdir()
    transport = ProcessTransport(Endpoint("process", {"home": str(home), "node": "styx-a-b-c-0"}))
    yield transport
    await transport.close()


def gone(pid: int) -> bool:
    """Whether no live process has this number."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True
    return status.rpartition(")")[2].split()[0] == "Z"


async def line_of(stream: ByteStream) -> bytes:
    """The next line of a stream."""
    line = b""
    while not line.endswith(b"\n"):
        line += await stream.readexactly(1)
    return line


async def wait_until_gone(pid: int) -> None:
    """Give the kernel a moment to bury it."""
    for _ in range(200):
        if gone(pid):
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"process {pid} lives on")


def test_the_environment_lets_through_a_list_and_nothing_else(monkeypatch: pytest.MonkeyPatch):
    """Credentials of the caller's shell reach no node, whatever they are called."""
    for name in ("AWS_SECRET_ACCESS_KEY", "MY_TOKEN", "SSH_AUTH_SOCK", "LD_PRELOAD", "PYTHONPATH", "STYX_HOME"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    environment = scrubbed_environment("/node", "n")
    assert "secret" not in environment.values()
    assert environment["HOME"] == "/node"
    assert environment["STYX_NODE"] == "n"
    assert environment["LC_ALL"] == "C.UTF-8"
    assert environment["PATH"]


def test_an_empty_environment_is_filled_up(monkeypatch: pytest.MonkeyPatch):
    """Commands find their programs even when the caller has no PATH, as under cron."""
    for name in list(os.environ):
        monkeypatch.delenv(name)
    environment = scrubbed_environment("/node")
    assert set(environment) == {"PATH", "SHELL", "USER", "LOGNAME", "HOME"}


async def test_a_command_sees_the_scrubbed_environment(node: ProcessTransport, monkeypatch: pytest.MonkeyPatch):
    """What a child gets is what scrubbed_environment says."""
    monkeypatch.setenv("MY_TOKEN", "secret")
    seen = (await node.run("env")).text
    assert "MY_TOKEN" not in seen
    assert f"HOME={node.home}" in seen.splitlines()
    assert "STYX_NODE=styx-a-b-c-0" in seen.splitlines()


async def test_a_command_runs_in_the_nodes_home(node: ProcessTransport):
    """Its directory, its output and its status come back."""
    result = await node.run("pwd; echo err >&2; exit 3")
    assert (result.status, result.text, result.stderr) == (3, node.home, b"err\n")


async def test_a_killed_command_ends_with_128_and_its_signal(node: ProcessTransport):
    """As a shell tells it."""
    assert (await node.run("kill -9 $$")).status == 137


async def test_input_is_streamed(node: ProcessTransport):
    """More than any buffer goes in and comes out, while it is being made."""

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(64):
            yield bytes([number]) * 65536

    result = await node.run("cat", stdin=pieces())
    assert result.stdout == b"".join(bytes([number]) * 65536 for number in range(64))


async def test_a_command_may_leave_its_input_unread(node: ProcessTransport):
    """Its status tells, not the broken pipe."""
    assert (await node.run("exit 5", stdin=b"x" * (1 << 20))).status == 5


async def test_a_command_past_its_time_is_killed_with_its_children(node: ProcessTransport, tmp_path: Path):
    """Nothing that it started lives on."""
    note = tmp_path / "pid"
    with pytest.raises(TransportError, match=r"did not finish within 0\.2 s"):
        await node.run(f"sleep 600 & echo $! > {note}; wait", timeout=0.2)
    await wait_until_gone(int(note.read_text()))


async def test_a_cancelled_call_kills_the_command(node: ProcessTransport, tmp_path: Path):
    """Whoever gives up waiting leaves nothing running."""
    note = tmp_path / "pid"
    os.mkfifo(note)
    task = asyncio.create_task(node.run(f"echo $$ > {note}; exec sleep 600"))
    pid = int(await asyncio.to_thread(note.read_text))
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert gone(pid)


async def test_a_home_that_is_gone_is_a_transport_error(tmp_path: Path):
    """The node cannot be reached, and the error says which directory is missing."""
    transport = ProcessTransport(Endpoint("process", {"home": str(tmp_path / "none")}))
    with pytest.raises(TransportError, match="none"):
        await transport.run("true")


def test_an_endpoint_needs_a_home():
    """There is no default: it would be the user's own."""
    with pytest.raises(TransportError, match="home"):
        ProcessTransport(Endpoint("process"))


async def test_a_socket_is_reached_by_its_path(node: ProcessTransport):
    """Relative to the home, as all paths are; both directions work until the stream is closed."""

    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.readexactly(3)).upper())
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(shout, f"{node.home}/s")
    async with server:
        stream = await node.open_unix("~/s")
        stream.write(b"abc")
        await stream.drain()
        assert await stream.readexactly(3) == b"ABC"
        stream.close()


@pytest.mark.parametrize("path", ["none", "x" * 200, "a\0b"])
async def test_a_socket_that_cannot_be_reached_is_a_transport_error(node: ProcessTransport, path: str):
    """Absent, too long for the kernel or no path at all."""
    with pytest.raises(TransportError, match="cannot connect"):
        await node.open_unix(path)


async def test_closing_the_transport_closes_what_is_open(node: ProcessTransport):
    """A reader sees the end of its stream, and a command behind one is dead."""
    stream = await node.open_command("echo $$; exec sleep 600")
    pid = int(await line_of(stream))
    await node.close()
    assert gone(pid)


async def test_a_stream_talks_to_a_command_and_ends_it(node: ProcessTransport):
    """What is written is its input; closing kills it."""
    stream = await node.open_command("echo $$; exec cat")
    pid = int(await line_of(stream))
    stream.write(b"hello")
    assert await stream.readexactly(5) == b"hello"
    stream.close()
    stream.close()
    await wait_until_gone(pid)


def test_a_terminal_has_the_same_environment(node: ProcessTransport, monkeypatch: pytest.MonkeyPatch):
    """`styx ssh` shows what jobs see."""
    monkeypatch.setenv("MY_TOKEN", "secret")
    done = subprocess.run(node.interactive("env; pwd"), capture_output=True, text=True, check=True)
    assert "MY_TOKEN" not in done.stdout
    assert done.stdout.endswith(f"{node.home}\n")
