"""Unix sockets on nodes over SSH: by forwarding, and through the agent's bridge where that is forbidden."""

from __future__ import annotations

import asyncio

import pytest

from styx.api import TransportError
from styx.testing.hosts import Host
from styx.transports.ssh import BRIDGE
from support.ssh_nodes import reaching, talk

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
