"""Whether a server can work: it says so within seconds, whatever stands still, and why not."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from support import postgres
from support.servers import Server, running, start

LOCAL = {"infra": "local"}


def await_status(server: Server, status: int) -> str:
    """What ``/ready`` says, once it has that status."""
    deadline = time.monotonic() + 30
    while (answer := server.ask("GET", "/ready")).status != status:
        assert time.monotonic() < deadline, answer.body
        time.sleep(0.1)
    return str(answer.json.get("detail", ""))


def test_a_database_that_stands_still(home: Path) -> None:
    """Connections that stay open and say nothing do not keep the answer: it is 503 after seconds, and 200 later."""
    try:
        with postgres.server() as url:
            data = Path(url.rpartition("host=")[2], "data")
            with running(home, env={"STYX_DATABASE_URL": postgres.new_database(url, "styx")}) as server:
                await_status(server, 200)
                first = int((data / "postmaster.pid").read_text().splitlines()[0])
                all_of_it = [first, *map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]
                for process in all_of_it:
                    os.kill(process, signal.SIGSTOP)
                try:
                    time.sleep(1.1)  # what was asked a moment ago counts
                    began = time.monotonic()
                    refused = server.ask("GET", "/ready")
                    took = time.monotonic() - began
                finally:
                    for process in all_of_it:
                        os.kill(process, signal.SIGCONT)
                assert (refused.status, refused.json["code"]) == (503, "unavailable")
                assert took < 8
                await_status(server, 200)
    except postgres.Unavailable as why:
        pytest.skip(str(why))


def test_records_that_cannot_be_opened(home: Path) -> None:
    """Managed jobs would wait, without a word: it is not ready, and says what it is, until they can be."""
    (home / "workflows.db").mkdir(parents=True)
    with running(home) as server:
        assert "records of durable work cannot be opened" in await_status(server, 503)
        (home / "workflows.db").rmdir()
        assert await_status(server, 200) == ""


@pytest.mark.parametrize("begin", [0, 4096])
def test_records_that_are_damaged(home: Path, begin: int) -> None:
    """They are put aside, and jobs go on from what is known without them: each is done once."""
    server = start(home)
    body = {"task": {"run": f"echo once >> {home}/count; sleep 3", "resources": LOCAL}}
    job = server.ask("POST", "/v1/jobs", body).json["items"][0]["id"]
    deadline = time.monotonic() + 60
    while not (home / "count").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    server.kill()
    with closing(sqlite3.connect(home / "workflows.db")) as whole:
        whole.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with (home / "workflows.db").open("r+b") as file:
        file.seek(begin)
        file.write(b"\xff" * 60_000)
    with running(home) as again:
        ended = again.ask("GET", f"/v1/jobs/{job}?wait=60").json
        assert (ended["state"], (home / "count").read_text()) == ("succeeded", "once\n")
        assert await_status(again, 200) == ""
    assert len([*home.glob("workflows.db.damaged-*[0-9]")]) == 1
