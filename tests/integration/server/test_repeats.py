"""Idempotency keys, at a real server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from styx.store import Store
from support.servers import Server

JOB = {"task": {"run": "true"}}


def jobs(server: Server) -> int:
    """How many there are."""
    return len(server.ask("GET", "/v1/jobs?limit=1000").json["items"])


def test_the_same_again_is_answered_the_same(server: Server) -> None:
    """Nothing is done a second time, and the answer says that it is the first one."""
    first = server.ask("POST", "/v1/jobs", JOB, headers={"idempotency-key": "one"})
    again = server.ask("POST", "/v1/jobs", JOB, headers={"idempotency-key": "one"})
    assert (again.status, again.json) == (first.status, first.json) == (201, first.json)
    assert (again.headers.get("idempotent-replayed"), first.headers.get("idempotent-replayed")) == ("true", None)


def test_another_request_under_the_same_key_is_refused(server: Server) -> None:
    """Whether its body or its address is another; nothing is done."""
    server.ask("POST", "/v1/jobs", JOB, headers={"idempotency-key": "two"})
    before = jobs(server)
    for path, body in (("/v1/jobs", {"task": {"run": "false"}}), ("/v1/clusters", JOB)):
        refused = server.ask("POST", path, body, headers={"idempotency-key": "two"})
        assert (refused.status, refused.json["code"]) == (422, "invalid_body")
    assert jobs(server) == before


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
            assert (asked.status < 500, store.answers.begin("asks", f"ask{path}", "")) == (True, None)


def test_refusals_are_kept_too(server: Server) -> None:
    """What was refused for its content is refused again, with the same problem."""
    first = server.ask("POST", "/v1/users", {"name": "-"}, headers={"idempotency-key": "four"})
    again = server.ask("POST", "/v1/users", {"name": "-"}, headers={"idempotency-key": "four"})
    assert first.status == again.status == 422
    assert first.json == again.json
    assert again.headers["content-type"] == "application/problem+json"


def test_of_many_at_once_one_is_done(server: Server) -> None:
    """The others are told to ask again, or get the answer; there is one job."""
    before = jobs(server)
    with ThreadPoolExecutor(8) as pool:
        answers = [
            *pool.map(lambda _: server.ask("POST", "/v1/jobs", JOB, headers={"idempotency-key": "five"}), range(16))
        ]
    assert {answer.status for answer in answers} <= {201, 409}
    assert len({answer.body for answer in answers if answer.status == 201}) == 1
    assert jobs(server) == before + 1


def test_a_key_must_be_one(server: Server) -> None:
    """A key that is too long, or no visible ASCII, is refused."""
    for key in ("x" * 256, "two words", "ü"):
        assert server.ask("POST", "/v1/jobs", JOB, headers={"idempotency-key": key}).status == 422, key
