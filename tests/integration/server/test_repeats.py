"""Idempotency keys, at a real server."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler

import pytest

from styx.client.remote.http import Http
from styx.client.remote.jobs import RemoteJobs
from styx.jobs.model import JobOptions
from styx.spec import Dag, Task
from styx.store import Store
from styx.store.answers import Attempt
from support.scripted_http import Script, gone, playing, said
from support.servers import Server

JOB = {"task": {"run": "true"}}
SHUT = JobOptions(pool="shut")


def jobs(server: Server) -> int:
    """The number of the newest, or 0."""
    return sum(int(job["id"]) for job in server.ask("GET", "/v1/jobs?limit=1").json["items"])


def test_the_same_again_is_answered_the_same(server: Server) -> None:
    """Nothing is done a second time, and the answer says that it is the first one."""
    first = server.ask("POST", "/v1/users", {"name": "one"}, headers={"idempotency-key": "one"})
    again = server.ask("POST", "/v1/users", {"name": "one"}, headers={"idempotency-key": "one"})
    assert (again.status, again.json) == (first.status, first.json) == (201, first.json)
    assert (again.headers.get("idempotent-replayed"), first.headers.get("idempotent-replayed")) == ("true", None)


def test_what_is_answered_again_counts_for_its_route(server: Server) -> None:
    """In the metrics, as what was answered first does."""
    for _ in range(3):
        server.ask("POST", "/v1/tokens", {"name": "counted"}, headers={"idempotency-key": "counted"})
    text = server.ask("GET", "/metrics").body.decode()
    counted = r'^styx_http_request_seconds_count{method="POST",route="/v1/tokens",status="201"} (.*)'
    (count,) = re.findall(counted, text, re.MULTILINE)
    assert float(count) >= 3
    assert 'method="POST",route="(none)",status="201"' not in text


def test_another_request_under_the_same_key_is_refused(server: Server) -> None:
    """Whether its body or its address is another; nothing is done."""
    server.ask("POST", "/v1/users", {"name": "two"}, headers={"idempotency-key": "two"})
    for path, body in (("/v1/users", {"name": "three"}), ("/v1/clusters", JOB)):
        refused = server.ask("POST", path, body, headers={"idempotency-key": "two"})
        assert (refused.status, refused.json["code"]) == (422, "invalid_body")
    assert "three" not in [user["name"] for user in server.ask("GET", "/v1/users").json["items"]]


@pytest.mark.parametrize("key", [({"idempotency-key": "job"}, {}), ({"idempotency-key": "it"}, {"key": "its own"})])
def test_jobs_are_found_by_their_key(server: Server, key: tuple[dict[str, str], dict[str, str]]) -> None:
    """That in the body, or else in the header: the same again gets them, and another hand-in is refused."""
    headers, own = key
    made = server.ask("POST", "/v1/jobs", {**JOB, **own}, headers=headers)
    before = jobs(server)
    again = server.ask("POST", "/v1/jobs", {**JOB, **own}, headers=headers)
    assert (made.status, again.status) == (201, 201)
    assert [job["id"] for job in made.json["items"]] == [job["id"] for job in again.json["items"]]
    for path, body in (
        ("jobs", {"task": {"run": "false"}}),
        ("jobs", {**JOB, "count": 2}),
        ("dags", {"dag": {"tasks": [JOB]}}),
    ):
        refused = server.ask("POST", f"/v1/{path}", {**body, **own}, headers=headers)
        assert (refused.status, refused.json["code"]) == (400, "bad_input")
    assert jobs(server) == before


def test_a_long_answer_that_is_lost_comes_again(server: Server) -> None:
    """Who hands in a thousand jobs, or tasks of a megabyte, and hears nothing, sends them again: those are the jobs."""

    def lost(handler: BaseHTTPRequestHandler) -> None:
        passed_on()
        gone(handler)

    def told(handler: BaseHTTPRequestHandler) -> None:
        said(passed_on(), 201)(handler)

    def passed_on() -> bytes:
        asked = script.asked[-1]
        answer = server.ask(asked.method, asked.path, asked.body, headers=asked.headers)
        assert answer.status == 201, answer.body
        answered.append([job["id"] for job in answer.json["items"]])
        return answer.body

    dag = Dag("long")
    for number in range(3):
        dag.add(Task(f"part-{number}").run("x" * 300_000))
    answered = list[list[int]]()
    with playing(Script(lost, told, lost, told)) as script:
        client = RemoteJobs(Http(script.url, server.token, sleep=lambda _seconds: None))
        many = client.submit(Task("many").run("true"), SHUT, count=1000)
        graph = client.submit_dag(dag, SHUT)
        assert [[job.id for job in found] for found in (many, many, graph, graph)] == answered
        assert (len({job.id for job in many}), len(graph)) == (1000, 3)


def test_keys_are_everybodys_own(server: Server) -> None:
    """Another user's key is another key: nobody gets an answer that was not theirs."""
    token = server.made("keys")
    mine = server.ask("POST", "/v1/jobs", JOB, headers={"idempotency-key": "three"})
    theirs = server.ask("POST", "/v1/jobs", JOB, headers={"idempotency-key": "three"}, token=token)
    assert theirs.json["items"][0]["id"] != mine.json["items"][0]["id"]


def test_answers_are_for_who_may_have_them(server: Server) -> None:
    """A token that may do less gets no answer that one of the same user, which may do more, was given."""
    less = server.ask("POST", "/v1/tokens", {"name": "less", "scopes": ["write"]}).json["token"]
    key = {"idempotency-key": "scoped"}
    made = server.ask("POST", "/v1/tokens", {"name": "more"}, headers=key)
    again = server.ask("POST", "/v1/tokens", {"name": "more"}, headers=key, token=less)
    assert (made.status, again.status) == (201, 422)
    assert made.json["token"] not in again.body.decode()


def test_a_token_is_shown_again_to_who_made_it(server: Server) -> None:
    """Alone: another of the same user may be good for less time."""
    hour = server.ask("POST", "/v1/tokens", {"name": "hour", "lifetime": 3600}).json["token"]
    key, body = {"idempotency-key": "lasting"}, {"name": "lasting"}
    made = server.ask("POST", "/v1/tokens", body, headers=key)
    assert server.ask("POST", "/v1/tokens", body, headers=key).json == made.json
    assert server.ask("POST", "/v1/tokens", body, headers=key, token=hour).status == 422


def test_what_changes_nothing_is_not_kept(server: Server) -> None:
    """Answers to questions fill no database: viewers may ask them, as often and as long as they like."""
    viewer = server.made("asks", "viewer")
    with Store.open(home=server.home) as store:
        for path in ("/v1/tasks", "/v1/tasks/explain", "/v1/dags/plan"):
            body = {"dag": {"tasks": [JOB]}} if "dag" in path else JOB
            asked = server.ask("POST", path, body, headers={"idempotency-key": f"ask{path}"}, token=viewer)
            assert asked.status < 500
            assert isinstance(store.answers.begin("asks", f"ask{path}", "", ""), Attempt)


def test_refusals_are_kept_too(server: Server) -> None:
    """What was refused for its content is refused again, with the same problem."""
    first = server.ask("POST", "/v1/users", {"name": "-"}, headers={"idempotency-key": "four"})
    again = server.ask("POST", "/v1/users", {"name": "-"}, headers={"idempotency-key": "four"})
    assert first.status == again.status == 422
    assert first.json == again.json
    assert again.headers["content-type"] == "application/problem+json"


def test_of_many_at_once_one_is_done(server: Server) -> None:
    """The others are told to ask again, or get the answer; there is one user, and one job, which all get."""
    before, key = jobs(server), {"idempotency-key": "five"}
    with ThreadPoolExecutor(8) as pool:
        users = [*pool.map(lambda _: server.ask("POST", "/v1/users", {"name": "five"}, headers=key), range(16))]
        made = [*pool.map(lambda _: server.ask("POST", "/v1/jobs", JOB, headers=key), range(16))]
    assert {answer.status for answer in users} <= {201, 409}
    assert len({answer.body for answer in users if answer.status == 201}) == 1
    assert {answer.status for answer in made} == {201}
    assert len({answer.json["items"][0]["id"] for answer in made}) == 1
    assert jobs(server) == before + 1


def test_a_key_must_be_one(server: Server) -> None:
    """A key that is too long, or no visible ASCII, is refused."""
    for key in ("x" * 256, "two words", "ü"):
        assert server.ask("POST", "/v1/jobs", JOB, headers={"idempotency-key": key}).status == 422, key
