"""Reaching an agent from a command line: standard input and output as a connection, and one question."""

from __future__ import annotations

import os
import select
import socket

from .protocol import HEADER, PROTOCOL, AgentError, decode_header, decode_json, encode_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CHUNK = 1 << 16
TIMEOUT = 10.0  # seconds


def bridge(path: str, start: str = "") -> int:
    """Copy standard input to the socket and the socket to standard output until either ends.

    Where nobody listens the script ``start`` is run first: the node was booted anew, and a peer is the first to call.
    """
    with _connected(path, start) as agent:
        copies = {0: agent.fileno(), agent.fileno(): 1}
        poll = select.poll()
        for source in copies:
            poll.register(source, select.POLLIN)
        while True:
            for source, _ in poll.poll():
                data = os.read(source, CHUNK)
                if not data:
                    return 0
                while data:
                    data = data[os.write(copies[source], data) :]


def _connected(path: str, start: str) -> socket.socket:
    agent = socket.socket(socket.AF_UNIX)
    try:
        try:
            agent.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            if not os.path.exists(start):
                raise
            actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, 2, 1)]
            os.waitpid(os.posix_spawn("/bin/sh", ["sh", start], os.environ, file_actions=actions), 0)
            agent.connect(path)
    except OSError:
        agent.close()
        raise
    return agent


def ping(path: str) -> dict[str, Any]:
    """Return the agent's answer to ``hello``. Raises OSError, AgentError and ProtocolError."""
    with socket.socket(socket.AF_UNIX) as agent:
        agent.settimeout(TIMEOUT)
        agent.connect(path)
        agent.sendall(encode_json({"id": 1, "method": "hello", "params": {"protocol": PROTOCOL, "client": "ping"}}))
        size, _ = decode_header(_exactly(agent, HEADER))
        answer = decode_json(_exactly(agent, size))
    if "result" not in answer:
        error = answer.get("error") or {}
        raise AgentError(error.get("code", "internal"), error.get("message", "no answer"))
    result: dict[str, Any] = answer["result"]
    return result


def _exactly(agent: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = agent.recv(count - len(data))
        if not more:
            raise OSError("the connection was closed")
        data += more
    return data
