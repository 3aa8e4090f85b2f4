"""Connections over SSH that break, hang or never stand: real cuts, real reboots."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from styx.api import TransportError
from styx.testing.hosts import Host
from styx.transports import connect
from styx.transports.ssh import SshTransport
from support.ssh_nodes import reaching, until


def greeting(host: Host) -> bytes:
    """What its sshd says first; nothing when it cannot be reached."""
    try:
        with socket.create_connection((host.address, host.port), 1) as connected:
            return connected.recv(100)
    except OSError:
        return b""


async def test_a_port_where_nobody_listens_is_a_transport_error(host: Host):
    """At once."""
    async with reaching(host, port="9") as node:
        with pytest.raises(TransportError, match="port 9"):
            await node.run("true")


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


async def test_a_node_that_is_gone_is_waited_for_once(host: Host) -> None:
    """However many ask for it at the same time."""
    host.cut()
    async with reaching(host) as transport:
        transport.patience = 0.5
        began = time.monotonic()
        found = await asyncio.gather(*(transport.run("true") for _ in range(8)), return_exceptions=True)
        assert {type(each) for each in found} == {TransportError}
        assert time.monotonic() - began < 2
    host.restore()
