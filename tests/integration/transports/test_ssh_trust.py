"""Whom an SSH connection trusts and what lets it in, also when the ssh program makes it."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from styx.api import HostKeyChanged, TransportError
from styx.testing.hosts import Host
from styx.transports.ssh import SshTransport
from support.ssh_nodes import reaching


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
