"""Peers of a server with TLS that never say how they encrypt."""

from __future__ import annotations

import json
import shlex
import socket
import ssl
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

FILES = 200


def test_who_does_not_shake_hands_takes_no_files_from_others(tmp_path: Path) -> None:
    """However many of them there are, the server has files left for its own work, and for others."""
    program = [sys.executable, "-m", "styx.server.main", "--home", str(tmp_path), "--port", "0", "--tls-own"]
    log = tmp_path / "log"
    with log.open("wb") as out:
        limited = f"ulimit -n {FILES}; exec {shlex.join(program)}"
        server = subprocess.Popen(["bash", "-c", limited], stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "server.json").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        said = json.loads((tmp_path / "server.json").read_text())
        port = int(said["url"].rpartition(":")[2])
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        request = f"GET /v1/clusters HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {said['token']}\r\n\r\n".encode()
        with ExitStack() as opened:
            known = opened.enter_context(context.wrap_socket(socket.create_connection(("127.0.0.1", port), 20)))
            for _ in range(2 * FILES):
                silent = opened.enter_context(socket.socket())
                silent.setblocking(False)
                silent.connect_ex(("127.0.0.1", port))
            known.sendall(request)
            assert known.recv(100).startswith(b"HTTP/1.1 200 ")
            opened.enter_context(context.wrap_socket(socket.create_connection(("127.0.0.1", port), 20)))
        assert "out of system resource" not in log.read_text()
    finally:
        server.terminate()
        server.wait(60)
