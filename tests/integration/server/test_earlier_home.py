"""The home of a server of an earlier build, killed over its work: the one of today goes on with all of it.

What is below ``support/frozen/home-0008`` was recorded by that build, whose database was at revision 0008: the dumps of
its databases, its key, and nothing of its nodes, which have gone since. Never change it; add another beside it.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from styx.builtin.local import machine
from support.servers import Server, running

FROZEN = Path(__file__).parents[2] / "support" / "frozen" / "home-0008"
ONCE_MORE = {1: "running", 2: "array", 3: "array", 5: "use", 7: "again"}  # they ran as the nodes went


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One of today, of that home."""
    root = Path(tempfile.mkdtemp(prefix="styx-"))
    home = root / ".styx"
    home.mkdir(mode=0o700)
    for name in ("secret.key", "state.id"):
        shutil.copy(FROZEN / name, home)
    (home / "secret.key").chmod(0o600)
    (home / "config.yaml").write_text("allowed_clouds: [local]\nplugins: {}\njobs: {pools: {shut: 0}}\n")
    here = {"{HOME}": str(home), "{IDENTITY}": f"{machine.machine_id()}-{os.getuid()}"}
    for name in ("state", "workflows"):
        text = (FROZEN / f"{name}.sql").read_text()
        for word, value in here.items():
            text = text.replace(word, value)
        with closing(sqlite3.connect(home / f"{name}.db")) as database:
            database.executescript(text)
    with running(home) as found:
        yield found
    shutil.rmtree(root, ignore_errors=True)


def test_what_ran_is_run_again_elsewhere(server: Server) -> None:
    """With its secret, and the outputs of the task that it came after; each counts what it has gone through."""
    ended = {number: server.ask("GET", f"/v1/jobs/{number}?wait=60").json for number in ONCE_MORE}
    states = {number: (job["name"], job["state"], job["recoveries"]) for number, job in ended.items()}
    assert states == {
        number: (name, "failed" if name == "again" else "succeeded", 1) for number, name in ONCE_MORE.items()
    }
    assert (ended[7]["exit_code"], ended[7]["restarts"], ended[7]["runs"]) == (9, 1, 3)
    assert server.ask("GET", "/v1/jobs/1/logs?follow=false").body.count(b"event: log") > 0


def test_what_had_ended_stays_as_it_was(server: Server) -> None:
    """So does what waits for its turn."""
    told = {job["id"]: job for job in server.ask("GET", "/v1/jobs").json["items"]}
    assert [(told[number]["state"], told[number]["runs"]) for number in (4, 6, 8)] == [
        ("succeeded", 1), ("failed", 1), ("pending", 0),
    ]  # fmt: skip
    assert (told[4]["outputs"], told[6]["exit_code"]) == ({"N": "7"}, 3)


def test_a_launch_that_was_under_way_is_done(server: Server) -> None:
    """On another node, as the one of before has gone."""
    (asked,) = server.ask("GET", "/v1/requests").json["items"]
    *_, (name, data, _), _ = server.events(f"/v1/requests/{asked['id']}/events")
    assert (name, data["result"]) == ("result", {"cluster": "asked", "job_id": 1, "created": True})
    server.result(server.ask("DELETE", "/v1/clusters/asked"))
