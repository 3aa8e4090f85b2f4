"""Nodes over SSH: real sshd, real connections, real failures."""

from __future__ import annotations

import asyncio
import shutil
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from styx.api import ByteStream, HostKeyChanged, TransportError
from styx.transports import connect
from styx.transports.ssh import BRIDGE, SshTransport
from support.hosts import Host

LISTEN = """python3 - "$HOME/s" <<'END'
import os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
if os.fork():
    os._exit(0)
os.setsid()
for fd in range(3):
    os.dup2(os.open("/dev/null", os.O_RDWR), fd)
while True:
    connected, _ = server.accept()
    if not os.fork():
        while data := connected.recv(4096):
            connected.sendall(data.upper())
        os._exit(0)
END"""
A_BRIDGE = f"""mkdir -p .styx/agent && cat > {BRIDGE} <<'END'
#!/usr/bin/env python3
import os, select, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[-1])
if sys.argv[1] == "--check":
    sys.exit()
ways = {{0: s.fileno(), s.fileno(): 1}}
while True:
    for source in select.select(list(ways), [], [])[0]:
        data = os.read(source, 65536)
        if not data:
            sys.exit()
        os.write(ways[source], data)
END
chmod 755 {BRIDGE}"""


@asynccontextmanager
async def reaching(host: Host, **options: str) -> AsyncIterator[SshTransport]:
    """A transport to the host, closed at the end."""
    transport = SshTransport(host.endpoint(**options))
    try:
        yield transport
    finally:
        await transport.close()


def greeting(host: Host) -> bytes:
    """What its sshd says first; nothing when it cannot be reached."""
    try:
        with socket.create_connection((host.address, host.port), 1) as connected:
            return connected.recv(100)
    except OSError:
        return b""


def running(host: Host) -> bool:
    """Whether the command that tests give up runs there."""
    return host.run("ps -e -o args= | grep -c '[s]leep 1234' || true") != "0"


async def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until something outside of this process has come about."""
    give_up = time.monotonic() + seconds
    while not await asyncio.to_thread(true):
        assert time.monotonic() < give_up, "it did not come about"
        await asyncio.sleep(0.02)


async def talk(stream: ByteStream, text: bytes = b"abc") -> bytes:
    """Say something to a server that shouts, and hear the answer."""
    stream.write(text)
    await stream.drain()
    return await stream.readexactly(len(text))


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


async def test_a_unix_socket_is_reached_by_forwarding(host: Host):
    """Relative to the home or absolute; any number at once, over one connection."""
    async with reaching(host) as node:
        await node.run(LISTEN)
        home = (await node.run("pwd -P; cd; pwd")).text.splitlines()[-1]
        streams = [await node.open_unix(path) for path in ("s", "~/s", f"{home}/s") for _ in range(10)]
        assert await asyncio.gather(*map(talk, streams)) == [b"ABC"] * 30
        for stream in streams:
            stream.close()


async def test_a_socket_nobody_listens_on_is_a_transport_error(host: Host):
    """With and without a bridge."""
    async with reaching(host) as node:
        await node.run("python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"dead\")'")
        for path in ("none", "dead"):
            with pytest.raises(TransportError, match="nobody listens"):
                await node.open_unix(path)
        await node.run(A_BRIDGE)
        with pytest.raises(TransportError, match="nobody listens"):
            await node.open_unix("dead")
        with pytest.raises(TransportError, match="nobody listens"):
            await node.open_unix("none")


async def test_forbidden_forwarding_is_made_up_for_by_the_bridge(host: Host):
    """The same socket, through a command of the agent's."""
    host.configure(AllowStreamLocalForwarding="no")
    async with reaching(host) as node:
        await node.run(LISTEN)
        with pytest.raises(TransportError, match="nobody listens"):
            await node.open_unix("s")
        await node.run(A_BRIDGE)
        await node.run("python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"dead\")'")
        with pytest.raises(TransportError, match="nobody listens"):
            await node.open_unix("dead")
        streams = [await node.open_unix("s") for _ in range(3)]
        assert await asyncio.gather(*map(talk, streams)) == [b"ABC"] * 3
        for stream in streams:
            stream.close()
        assert (await node.run("echo ok")).text == "ok"


async def test_another_host_key_is_never_trusted(host: Host):
    """The error shows both fingerprints, and nothing was sent."""
    pinned = host.host_key
    host.change_host_key()
    async with reaching(host, host_key=pinned) as node:
        with pytest.raises(HostKeyChanged) as caught:
            await node.run("touch intruder")
    assert caught.value.message.count("SHA256:") == 2
    assert caught.value.node == host.address
    assert not (host.home / "intruder").exists()
    async with reaching(host) as node:
        assert (await node.run("echo new")).text == "new"


async def test_a_known_hosts_file_is_as_good_as_a_key(host: Host, tmp_path):
    """And a wrong one as bad."""
    known = tmp_path / "known hosts"
    known.write_text(f"[{host.address}]:{host.port} {host.host_key}\n{host.address} {host.host_key}\n")
    async with reaching(host, host_key="", known_hosts=str(known)) as node:
        assert (await node.run("echo in")).text == "in"
        assert await node.host_key() == host.host_key
    host.change_host_key()
    async with reaching(host, host_key="", known_hosts=str(known)) as node:
        with pytest.raises(HostKeyChanged):
            await node.run("true")


async def test_a_key_that_is_not_let_in_is_a_transport_error(host: Host, tmp_path):
    """It says which key, and what to check; likewise a key file that is not there or is no key."""
    import asyncssh

    asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(tmp_path / "other"))
    async with reaching(host, identity_file=str(tmp_path / "other")) as node:
        with pytest.raises(TransportError, match="refuses to let us in") as caught:
            await node.run("true")
    assert "other" in (caught.value.hint or "")
    (tmp_path / "rubbish").write_text("rubbish")
    for name in ("rubbish", "none"):
        async with reaching(host, identity_file=str(tmp_path / name)) as node:
            with pytest.raises(TransportError):
                await node.run("true")


async def test_a_port_where_nobody_listens_is_a_transport_error(host: Host):
    """At once."""
    async with reaching(host, port="9") as node:
        with pytest.raises(TransportError, match="port 9"):
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


async def test_a_cut_link_is_noticed_by_keepalive(host: Host, monkeypatch: pytest.MonkeyPatch):
    """A command that says nothing is given up when the node does not answer either; afterwards it works again."""
    monkeypatch.setattr(connect, "KEEPALIVE_INTERVAL", 0.3)
    monkeypatch.setattr(connect, "CONNECT_TIMEOUT", 2.0)
    async with reaching(host) as node:
        await node.run("true")
        call = asyncio.create_task(node.run("sleep 600", timeout=600))
        stream = await node.open_command("cat")
        host.cut()
        try:
            with pytest.raises(TransportError):
                await asyncio.wait_for(call, 10)
            with pytest.raises(asyncio.IncompleteReadError):
                await asyncio.wait_for(stream.readexactly(1), 10)
            with pytest.raises(TransportError):
                await asyncio.wait_for(node.run("true"), 30)
        finally:
            host.restore()
        stream.close()
        await until(lambda: b"SSH" in greeting(host))  # neighbours take a moment to find each other again
        assert (await node.run("echo back")).text == "back"


async def test_a_call_may_end_before_the_connection_stands(host: Host):
    """Its time counts from the beginning, and nothing of the attempt is left."""
    host.cut()
    before = asyncio.all_tasks()
    try:
        async with reaching(host) as node:
            with pytest.raises(TransportError, match="did not finish within"):
                await node.run("true", timeout=0.3)
    finally:
        host.restore()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_a_rebooted_node_is_connected_to_again(host: Host):
    """The old connection is dead, which the next command finds out and mends."""
    async with reaching(host) as node:
        await node.run("true")
        host.reboot()
        assert (await node.run("echo up")).text == "up"


async def test_a_connection_lost_in_mid_run_is_an_error_that_says_so(host: Host):
    """What ran there may still run: it is not started again."""
    async with reaching(host) as node:
        call = asyncio.create_task(node.run("echo once >> ran; sleep 600", timeout=600))
        await until((host.home / "ran").exists)
        host.stop()
        with pytest.raises(TransportError):
            await asyncio.wait_for(call, 15)
        host.start()
        assert (await node.run("cat ran")).text == "once"


async def test_a_node_behind_another_is_reached_through_it(
    shared_hosts: list[Host], tmp_path, monkeypatch: pytest.MonkeyPatch
):
    """The way to the jump host is the user's own; the node's own key is pinned all the same."""
    gate, inner = shared_hosts
    ssh = tmp_path / ".ssh"
    ssh.mkdir(mode=0o700)
    (ssh / "known_hosts").write_text(f"[{gate.address}]:{gate.port},{gate.address} {gate.host_key}\n")
    (ssh / "config").write_text(f"Host {gate.address}\n  IdentityFile {gate.identity_file}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    jump = f"{gate.user}@{gate.address}:{gate.port}"
    async with reaching(inner, proxy_jump=jump) as node:
        seen = (await node.run('echo "$SSH_CONNECTION"')).text.split()
        assert seen[2] == inner.address
        if gate.isolated:
            assert seen[0] == gate.address
    async with reaching(inner, proxy_jump=jump, host_key=gate.host_key) as node:
        with pytest.raises(HostKeyChanged):
            await node.run("true")


async def test_a_terminal_is_given_by_the_ssh_program(shared_hosts: list[Host]):
    """With the same trust as core's own connection."""
    host = shared_hosts[0]
    transport = SshTransport(host.endpoint())
    process = await asyncio.create_subprocess_exec(
        *transport.interactive("echo from $((1+1))"), stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert (process.returncode, out.strip()) == (0, b"from 2")
    other = SshTransport(host.endpoint(host_key=shared_hosts[1].host_key))
    process = await asyncio.create_subprocess_exec(
        *other.interactive("touch intruder"), stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert await process.wait() == 255
    assert not (host.home / "intruder").exists()


async def test_closing_leaves_no_task_behind(host: Host):
    """Neither of ours nor of the SSH library's; what runs on the node goes on."""
    before = asyncio.all_tasks()
    transport = SshTransport(host.endpoint())
    await transport.run("nohup sleep 1235 >/dev/null 2>&1 </dev/null & echo $! > pid")
    await transport.open_command("cat")
    await transport.close()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    host.run("kill $(cat pid)")


async def test_the_ssh_program_is_let_in_by_the_key_that_lets_us_in(host: Host) -> None:
    """A key that is only in $HOME, where the program would not look, opens the terminal as well as the connection."""
    folder = Path.home() / ".ssh"
    folder.mkdir(mode=0o700)
    shutil.copy(host.identity_file, folder / "id_ed25519")
    async with reaching(host, identity_file="") as transport:
        assert (await transport.run("echo in")).text == "in"
        argv = transport.interactive("echo in, too")
    ssh = await asyncio.create_subprocess_exec(
        argv[0], "-o", "BatchMode=yes", *argv[1:],
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await ssh.communicate()
    assert out.decode().strip() == "in, too", err.decode()


async def test_patience_ends_where_the_node_answers(host: Host) -> None:
    """A node that does not take the call is given up after the time it has for that; one that does has more."""
    async with reaching(host) as transport:
        transport.patience = 0.3
        assert (await transport.run("echo in")).text == "in"
    if not host.isolated:
        return
    host.cut()
    async with reaching(host) as transport:
        transport.patience = 0.3
        began = time.monotonic()
        with pytest.raises(TransportError, match="does not answer"):
            await transport.run("echo in")
        assert time.monotonic() - began < 2
    host.restore()
