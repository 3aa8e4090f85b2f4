"""A server that dies, ends or loses its database: what it was asked for goes on, and what it cannot do it says."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from styx.spec import Task
from styx.store import Store
from styx.store.managed import Limits, NewJob, ServerRecord
from support import postgres
from support.servers import Server, running, start

LOCAL = {"infra": "local"}


def asked_for(server: Server, name: str, run: str = "echo once >> $HOME/../count") -> Any:
    """A launch that has just been asked for."""
    task = {"run": run, "resources": LOCAL}
    return server.ask("POST", "/v1/clusters", {"task": task, "options": {"cluster": name}})


@pytest.mark.parametrize("phase", ["provision", "submit"])
def test_a_launch_outlives_a_kill(home: Path, phase: str) -> None:
    """Killed in any phase, the next server goes on; there is one cluster and one job, and the client sees the end."""
    server = start(home)
    asked = asked_for(server, "survives")
    for name, data, _ in server.events(f"/v1/requests/{asked.json['id']}/events"):
        if name == "progress" and data["phase"] == phase:
            break
    server.kill()
    with running(home) as again:
        assert again.result(asked) == {"cluster": "survives", "job_id": 1, "created": True}
        assert again.ask("GET", "/v1/clusters/survives/jobs/1?wait=30").json["state"] == "succeeded"
        assert len(again.ask("GET", "/v1/clusters/survives/jobs").json["items"]) == 1
        assert len(again.ask("GET", "/v1/clusters").json["items"]) == 1
        again.result(again.ask("DELETE", "/v1/clusters/survives"))


def test_what_was_asked_for_as_the_server_died_is_not_done_twice(home: Path) -> None:
    """On record, and not answered: the same key finds it at once at the next server, where it goes on."""
    server, key = start(home), {"idempotency-key": "once"}
    task = {"run": f"echo once >> {home}/count", "resources": LOCAL}
    asked = server.ask("POST", "/v1/clusters", {"task": task}, headers=key)
    server.kill()
    with sqlite3.connect(home / "state.db") as database:
        assert database.execute("UPDATE answers SET status = 0, body = ''").rowcount == 1
    with running(home) as again:
        found = again.ask("POST", "/v1/clusters", {"task": task}, headers=key)
        assert (found.status, found.json["id"]) == (202, asked.json["id"])
        name = again.result(found)["cluster"]
        assert again.ask("GET", f"/v1/clusters/{name}/jobs/1?wait=30").json["state"] == "succeeded"
        assert (home / "count").read_text() == "once\n"
        assert [each["name"] for each in again.ask("GET", "/v1/clusters").json["items"]] == [name]
        again.result(again.ask("DELETE", f"/v1/clusters/{name}"))


def test_what_was_done_as_the_server_died_is_told(home: Path) -> None:
    """By the same key, at the next server: the user that was added, the jobs that were cancelled."""
    with running(home) as server:
        (job,) = server.ask("POST", "/v1/jobs", {"task": {"run": "true"}, "options": {"pool": "shut"}}).json["items"]
        asked = [("/v1/users", {"name": "zoe"}), ("/v1/jobs/cancel", {"ids": [job["id"]]})]
        first = [server.ask("POST", path, body, headers={"idempotency-key": path}) for path, body in asked]
        assert [each.status for each in first] == [201, 200]
    with sqlite3.connect(home / "state.db") as database:
        assert database.execute("UPDATE answers SET status = 0, body = ''").rowcount == 2
    with running(home) as again:
        second = [again.ask("POST", path, body, headers={"idempotency-key": path}) for path, body in asked]
        assert [(each.status, each.json) for each in second] == [(each.status, each.json) for each in first]


def test_a_token_that_nobody_was_told_of_is_made_anew(home: Path) -> None:
    """Under its key, once: the one of before is good for nothing. With its answer forgotten it is not made again."""
    key, body = {"idempotency-key": "token"}, {"name": "laptop"}
    with running(home) as server:
        ann = server.made("ann")
        lost = server.ask("POST", "/v1/tokens", body, headers=key, token=ann).json
    with sqlite3.connect(home / "state.db") as database:
        assert database.execute("UPDATE answers SET status = 0, body = ''").rowcount == 1
    with running(home) as again:
        made = again.ask("POST", "/v1/tokens", body, headers=key, token=ann)
        assert (made.status, made.json["id"]) == (201, lost["id"])
        assert [again.ask("GET", "/v1/me", token=each["token"]).status for each in (lost, made.json)] == [401, 200]
        assert [each["name"] for each in again.ask("GET", "/v1/tokens", token=ann).json["items"]].count("laptop") == 1
        with sqlite3.connect(home / "state.db") as database:
            assert database.execute("DELETE FROM answers").rowcount == 1
        assert again.ask("POST", "/v1/tokens", body, headers=key, token=ann).status == 409
        assert again.ask("GET", "/v1/me", token=made.json["token"]).status == 200


def test_what_was_asked_for_is_found_though_its_cluster_is_gone(home: Path) -> None:
    """The key of a stop whose answer was lost finds it, where another client has removed the cluster since."""
    key = {"idempotency-key": "ends"}
    with running(home) as server:
        server.result(asked_for(server, "brief"))
        stop = server.ask("POST", "/v1/clusters/brief/stop", headers=key)
        server.result(stop)
        server.result(server.ask("DELETE", "/v1/clusters/brief"))
        with sqlite3.connect(home / "state.db") as database:
            assert database.execute("DELETE FROM answers WHERE key = 'ends'").rowcount == 1
        found = server.ask("POST", "/v1/clusters/brief/stop", headers=key)
        assert (found.status, found.json["id"], found.json["state"]) == (202, stop.json["id"], "succeeded")
        assert server.ask("POST", "/v1/clusters/brief/stop", headers={"idempotency-key": "other"}).status == 404


def test_launches_on_one_cluster_do_not_get_in_each_others_way(home: Path) -> None:
    """All at once, and taken up all at once after a kill: each is done, in the order in which it was asked for."""
    server = start(home)
    asked = [asked_for(server, "shared", f"echo {number} >> $HOME/../count") for number in range(6)]
    server.kill()
    with running(home) as again:
        assert [again.result(each)["job_id"] for each in asked] == [1, 2, 3, 4, 5, 6]
        for number in range(1, 7):
            assert again.ask("GET", f"/v1/clusters/shared/jobs/{number}?wait=30").json["state"] == "succeeded"
        again.result(again.ask("DELETE", "/v1/clusters/shared"))


def test_an_end_leaves_things_as_they_are(home: Path) -> None:
    """SIGTERM closes streams at once and cancels nothing: status 0, and the next server finishes the launch."""
    server = start(home)
    asked = asked_for(server, "stays")
    stream = server.events(f"/v1/requests/{asked.json['id']}/events")
    next(stream)
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 8
    assert "end" not in [name for name, _, _ in stream]
    assert not (home / "server.json").exists()
    with running(home) as again:
        assert again.ask("GET", "/v1/me", token=server.token).status == 401  # the old one's is good for nothing now
        assert again.result(asked)["cluster"] == "stays"
        again.result(again.ask("DELETE", "/v1/clusters/stays"))


def test_a_request_is_cancelled_that_was_taken_up(home: Path) -> None:
    """Asked to end while no server ran, it ends when one does."""
    server = start(home)
    asked = asked_for(server, "unwanted")
    server.kill()
    with Store.open(home=home) as store:
        store.requests.cancel(asked.json["id"])
    with running(home) as again:
        *_, (name, data, _) = [
            each for each in again.events(f"/v1/requests/{asked.json['id']}/events") if each[0] != "end"
        ]
        assert (name, data["state"]) == ("result", "cancelled")
        assert again.ask("GET", f"/v1/requests/{asked.json['id']}").json["state"] == "cancelled"


class Database:
    """A database of a real PostgreSQL server, which can be taken away."""

    def __init__(self, server: str) -> None:
        self.url = postgres.new_database(server, "styx")
        self._socket = server.rpartition("host=")[2]

    def available(self, *, to_be: bool) -> None:
        """Let nobody in any more, and cut everybody off; or let them in again."""
        import psycopg

        with psycopg.connect(f"host={self._socket} user=styx dbname=postgres", autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE styx WITH ALLOW_CONNECTIONS {str(to_be).lower()}")
            if not to_be:
                connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'styx'")


@pytest.fixture
def database() -> Iterator[Database]:
    """One that is empty."""
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(postgres.server())
        except postgres.Unavailable as why:
            pytest.skip(str(why))
        yield Database(server)


def test_a_database_that_goes_away_and_comes_back(home: Path, database: Database) -> None:
    """503 with when to ask again while it is away, nothing but that; and everything as before when it is back."""
    with running(home, env={"STYX_DATABASE_URL": database.url}) as server:
        assert server.ask("GET", "/v1/clusters").status == 200
        database.available(to_be=False)
        for path in ("/v1/clusters", "/v1/me", "/ready", "/v1/jobs"):
            refused = server.ask("GET", path)
            assert (refused.status, refused.json["code"]) == (503, "store_error"), path
            assert int(refused.headers["retry-after"]) >= 1
        assert server.ask("GET", "/health").status == 200
        refused = server.ask("POST", "/v1/jobs", {"task": {"run": "true"}}, headers={"idempotency-key": "late"})
        assert refused.status == 503
        database.available(to_be=True)
        deadline = time.monotonic() + 30
        while server.ask("GET", "/ready").status != 200:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        made = server.ask("POST", "/v1/jobs", {"task": {"run": "true"}}, headers={"idempotency-key": "late"})
        assert made.status == 201
        lines = (home / "server.log").read_text().splitlines()  # DBOS, which finds it gone too, writes some of its own
        assert not [line for line in lines if '"logger": "styx' in line and '"traceback"' in line]


def test_what_ended_in_time_did_though_nobody_saw_it(home: Path) -> None:
    """A limit that passed while no server ran ends what still runs, and nothing that had ended by itself."""
    server = start(home)

    def handed_in(run: str) -> str:
        body = {"task": {"run": run, "resources": LOCAL}, "options": {"timeout": 6}}
        return str(server.ask("POST", "/v1/jobs", body).json["items"][0]["id"])

    jobs = [handed_in(run) for run in ("sleep 1", "sleep 1; exit 5", "sleep 300")]
    deadline = time.monotonic() + 60
    while {server.ask("GET", f"/v1/jobs/{job}").json["state"] for job in jobs} != {"running"}:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    server.kill()
    time.sleep(7)
    with running(home) as again:
        ended = [again.ask("GET", f"/v1/jobs/{job}?wait=50").json for job in jobs]
        written = [json.loads(line) for line in (home / "server.log").read_text().splitlines() if line[:1] == "{"]
    mine = [each["message"] for each in written if each.get("job") == int(jobs[0])]
    assert mine[1:4] == [
        "managed job 1: its turn has come",
        "managed job 1: starting to running: as job 1 on job-1",
        "managed job 1: running to succeeded",
    ]
    handed_in_by = [each for each in written if each.get("job") == int(jobs[0]) and "path" in each]
    assert [each["request"] != "" for each in handed_in_by] == [True]
    assert [(job["state"], job["exit_code"]) for job in ended] == [("succeeded", 0), ("failed", 5), ("failed", None)]
    assert ended[2]["reason"] == "it took longer than the 6 s that it may"


def dag_asked_for(server: Server, count: Path) -> Any:
    """A run of three tasks, one after the other, of which each says that it ran; the second takes a while."""

    def task(name: str, run: str, **more: Any) -> Task:
        return Task(name, run=f"echo {name} >> {count}; {run}", resources=LOCAL, **more)

    make = task("make", "echo N=7 >> $STYX_OUTPUTS", output_names=["N"])
    tasks = [make, task("use", "sleep 4; test $N = 7").env(N=make.output("N")), task("end", "true")]
    dag = {"name": "pipe", "tasks": [{"task": each.to_dict()} for each in tasks], "edges": [[0, 1], [1, 2]]}
    asked = server.ask("POST", "/v1/dags/run", {"dag": dag})
    assert asked.status == 202, asked.body
    deadline = time.monotonic() + 60
    while not (count.exists() and "use" in count.read_text()):
        assert time.monotonic() < deadline, server.ask("GET", f"/v1/requests/{asked.json['id']}").body
        time.sleep(0.05)
    return asked


@pytest.mark.parametrize("away", [0, 5])
def test_a_run_of_a_dag_goes_on(home: Path, tmp_path: Path, away: float) -> None:
    """Killed while a task runs: what has ended is not run again, and what runs, or ran to its end, is found."""
    count = tmp_path / "count"
    server = start(home)
    asked = dag_asked_for(server, count)
    server.kill()
    time.sleep(away)
    with running(home) as again:
        result = again.result(asked)
        assert (result["succeeded"], [each["state"] for each in result["tasks"]]) == (True, ["succeeded"] * 3)
        assert count.read_text().split() == ["make", "use", "end"]
        assert again.ask("GET", "/v1/clusters").json["items"] == []


def test_a_run_of_a_dag_that_is_cancelled_while_no_server_runs(home: Path, tmp_path: Path) -> None:
    """The next one removes what the run has left."""
    server = start(home)
    asked = dag_asked_for(server, tmp_path / "count")
    server.kill()
    with Store.open(home=home) as store:
        store.requests.cancel(asked.json["id"])
    with running(home) as again:
        *_, (_, data, _) = [
            each for each in again.events(f"/v1/requests/{asked.json['id']}/events") if each[0] != "end"
        ]
        assert data["state"] == "cancelled"
        assert again.ask("GET", "/v1/clusters").json["items"] == []


def test_output_that_another_server_has(home: Path) -> None:
    """It is told where, rather than nothing."""
    now, url = datetime.now(UTC), "https://other.example.org"
    later = now + timedelta(hours=1)
    with Store.open(home=home) as store:
        store.servers.register(ServerRecord("other", "elsewhere", 1, "", "", "0", url, now, now, later))
        (job,) = store.jobs.submit([NewJob("key", "job", {"run": "true"})])
        store.jobs.admit("other", Limits())
    with running(home) as server:
        told = server.ask("GET", f"/v1/jobs/{job.id}/logs")
        assert (told.status, told.json["code"], told.json["details"]) == (421, "elsewhere", {"url": url})
