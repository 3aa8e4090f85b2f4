"""The output of a managed job, followed while the server that keeps it dies again and again."""

from __future__ import annotations

import base64
import re
import time
from pathlib import Path

import pytest
import urllib3

from support.servers import Server, start

LINES = 80
RUN = f"for n in $(seq {LINES}); do echo $STYX_NODE_RANK:$n; sleep 0.1; done"


def followed(server: Server, job: int, reached: int, seconds: float) -> tuple[bytes, bool]:
    """What is read from a byte on within some seconds, or until the server is killed; whether that was all."""
    said, until = b"", time.monotonic() + seconds
    try:
        for name, data, _ in server.events(f"/v1/jobs/{job}/logs?offset={reached}"):
            if name == "end":
                return said, True
            said += base64.b64decode(data["data"])
            if time.monotonic() > until:
                break
    except urllib3.exceptions.HTTPError:
        pass
    return said, False


@pytest.mark.parametrize("nodes", [1, 2])
def test_each_line_comes_once(home: Path, nodes: int) -> None:
    """However often the server is killed, whoever follows from where they are gets every line of every node once."""
    server = start(home)
    task = {"run": RUN, "num_nodes": nodes, "resources": {"infra": "local"}}
    (job,) = server.ask("POST", "/v1/jobs", {"task": task}).json["items"]
    text, ended, kills = b"", False, 0
    while not ended:
        said, ended = followed(server, job["id"], len(text), 1.3)
        text += said
        if not ended and kills < 3 and text:
            server.kill()
            kills += 1
            server = start(home)
    assert server.ask("GET", f"/v1/jobs/{job['id']}?wait=30").json["state"] == "succeeded"
    server.stop()
    assert kills > 1
    found = re.findall(rb"^(?:\(rank (\d)\) )?(\d):(\d+)$", text, re.MULTILINE)
    assert len(found) == len(text.splitlines())
    for rank in range(nodes):
        assert [int(n) for _, by, n in found if int(by) == rank] == [*range(1, LINES + 1)]
    assert (home / "jobs" / "0" / f"{job['id']}.log").read_bytes() == text
