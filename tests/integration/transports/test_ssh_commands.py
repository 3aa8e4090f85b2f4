"""Commands on nodes over SSH: real sshd, and what becomes of a command that is given up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from styx.api import TransportError
from styx.testing.hosts import Host
from support.ssh_nodes import reaching, talk, until


def running(host: Host) -> bool:
    """Whether the command that tests give up runs there."""
    return host.run("ps -e -o args= | grep -c '[s]leep 1234' || true") != "0"


async def test_a_command_runs_in_the_home_with_its_status(shared_hosts: list[Host]):
    """Output, errors and status come back; the shell is /bin/sh whatever the user's is."""
    async with reaching(shared_hosts[0]) as node:
        result = await node.run("echo out; echo err >&2; exit 3")
        assert (result.status, result.stdout, result.stderr) == (3, b"out\n", b"err\n")
        assert (await node.run("cat; pwd; echo $HOME", stdin=b"in ")).text.split()[0] == "in"
        here, home = (await node.run("pwd -P; cd; pwd -P")).text.splitlines()
        assert here == home
        assert (await node.run("kill -9 $$")).status == 137


async def test_input_is_streamed_and_output_bounded_by_nothing_but_its_limit(shared_hosts: list[Host]):
    """Ten megabytes go in and come out while they are being made."""

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(160):
            yield bytes([number]) * 65536

    async with reaching(shared_hosts[0]) as node:
        result = await node.run("cat", stdin=pieces())
        assert result.stdout == b"".join([piece async for piece in pieces()])


async def test_a_command_that_does_not_read_is_judged_by_its_status(shared_hosts: list[Host]):
    """Its broken pipe is no error of the transport."""

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(65536)

    async with reaching(shared_hosts[0]) as node:
        assert (await node.run("head -c 10 >/dev/null; exit 9", stdin=endless(), timeout=20)).status == 9


async def test_a_command_past_its_time_is_killed_there(host: Host):
    """Not only forgotten here."""
    async with reaching(host) as node:
        with pytest.raises(TransportError, match="did not finish within"):
            await node.run("echo $$ > pid; exec sleep 1234", timeout=1)
        await until(lambda: not running(host))
        assert (await node.run("echo still here")).text == "still here"


async def test_a_cancelled_call_kills_the_command(host: Host):
    """Ctrl-C leaves nothing behind."""
    async with reaching(host) as node:
        call = asyncio.create_task(node.run("exec sleep 1234"))
        await until(lambda: running(host))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: not running(host))


@pytest.mark.parametrize("moment", [0.0, 0.002, 0.005, 0.01, 0.02])
async def test_a_call_cancelled_at_any_moment_leaves_nothing(shared_hosts: list[Host], moment: float):
    """While the session is being opened, while the command starts, or later."""
    host = shared_hosts[0]
    async with reaching(host) as node:
        await node.run("true")
        call = asyncio.create_task(node.run("exec sleep 1234"))
        await asyncio.sleep(moment)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    await until(lambda: not running(host))  # it has been killed; the system may take a moment to let go of it


async def test_a_command_behind_a_stream_ends_with_it(host: Host):
    """Also one that never looks at its input."""
    async with reaching(host) as node:
        stream = await node.open_command("echo up; exec sleep 1234")
        assert await stream.readexactly(3) == b"up\n"
        stream.close()
        await until(lambda: not running(host))


async def test_what_login_scripts_print_is_not_the_commands_output(host: Host):
    """It would spoil every answer and every conversation; a script that never ends is given up."""
    if not host.isolated:
        pytest.skip("loopback hosts have a session command instead of the user's login scripts")
    (host.home / ".bashrc").write_text("echo hello from your administrator\n")
    async with reaching(host) as node:
        assert (await node.run("echo out")).stdout == b"out\n"
        stream = await node.open_command("exec cat")
        assert await talk(stream, b"abc") == b"abc"
        stream.close()
        (host.home / ".bashrc").write_text("yes\n")
        with pytest.raises(TransportError, match="login scripts"):
            await node.run("true")


async def test_more_commands_than_sessions_queue_up(host: Host):
    """The limit of sshd is found out and kept to; nothing fails."""
    host.configure(MaxSessions="2")
    async with reaching(host) as node:
        results = await asyncio.gather(*(node.run(f"sleep 0.1; echo {n}", timeout=60) for n in range(12)))
        assert [result.text for result in results] == [str(n) for n in range(12)]


async def test_a_server_without_any_session_says_so(host: Host):
    """There is no room to wait for."""
    host.configure(MaxSessions="0")
    async with reaching(host) as node:
        with pytest.raises(TransportError):
            await node.run("true", timeout=20)
