"""Who may do what: users, roles, scopes, tokens that are good for nothing, and what is put on record of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from styx.server.auth.tokens import mint
from styx.store import Store
from styx.store.access import Role, User
from support.servers import Server

LOCAL = {"infra": "local"}


def test_nothing_is_told_without_a_token(server: Server) -> None:
    """Every address but three wants one, whether or not there is anything; the answer says how to get one."""
    for path in ("/health", "/ready", "/openapi.json"):
        assert server.ask("GET", path, token="").status == 200
    for method, path in (("GET", "/v1/clusters"), ("GET", "/metrics"), ("GET", "/nowhere"), ("GET", "/health/"),
                         ("GET", "/v1/x/plugin"), ("POST", "/v1/users"), ("OPTIONS", "/v1/clusters")):  # fmt: skip
        refused = server.ask(method, path, token="")
        assert (refused.status, refused.json["code"]) == (401, "unauthenticated"), path
        assert refused.headers["www-authenticate"].startswith("Bearer")


def test_what_is_no_good_is_refused(server: Server) -> None:
    """Tokens made up, cut, of other schemes, expired, revoked, of users who are gone or switched off."""
    store, now = Store.open(home=server.home), datetime.now(UTC)
    with store:
        store.users.add(User("carl", Role.ADMIN, now))
        expired, kept = mint("carl", "old", now - timedelta(hours=2), lifetime=timedelta(hours=1))
        store.tokens.add(kept)
        good, kept = mint("carl", "good", now)
        store.tokens.add(kept)
        number, _, secret = good.removeprefix("styx_").partition("_")
        assert server.ask("GET", "/v1/me", token=good).status == 200
        made_up = f"styx_{number}_{'A' * 43}", f"styx_000000000000_{secret}", f"styx_{number}\x80_{secret}"
        for bad in (expired, good[:-1], good + "x", *made_up, "styx__", "hello", f"styx_{number}", f"styx_{number}_"):
            assert server.ask("GET", "/v1/me", token=bad).status == 401, bad
        for header in (f"Basic {good}", good, f"Bearer {good}, Bearer {good}", ""):
            assert server.ask("GET", "/v1/me", token="", headers={"authorization": header}).status == 401, header
        store.users.update("carl", disabled=True)
        assert server.ask("GET", "/v1/me", token=good).status == 401
        store.users.update("carl", disabled=False)
        store.tokens.revoke(kept.id)
        assert "revoked" in server.ask("GET", "/v1/me", token=good).json["detail"]
        store.users.remove("carl")
        assert "not known" in server.ask("GET", "/v1/me", token=good).json["detail"]


def test_viewers_look(server: Server) -> None:
    """They see clusters and ask what a task would cost, and change nothing at all."""
    token = server.made("vera", "viewer")
    assert server.ask("GET", "/v1/clusters", token=token).status == 200
    assert server.ask("POST", "/v1/tasks/explain", {"task": {"resources": LOCAL}}, token=token).status == 200
    posts = [("POST", f"/v1/{path}") for path in ("clusters", "jobs", "tokens", "nowhere")]
    content = ("GET", "/v1/storage/object?uri=file://bucket/key")
    for method, path in (*posts, content, ("DELETE", "/v1/clusters/x"), ("PUT", f"/v1/files/{'0' * 64}")):
        refused = server.ask(method, path, {}, token=token)
        assert (refused.status, refused.json["code"]) == (403, "forbidden"), path


def test_members_keep_to_what_is_theirs(server: Server) -> None:
    """A member cannot touch another's cluster, request, jobs or tokens, nor anything of administrators.

    A viewer is not told where the server has the files of its nodes.
    """
    ann, bob = server.made("ann"), server.made("bob")
    asked = server.ask(
        "POST", "/v1/clusters", {"task": {"run": "true", "resources": LOCAL}, "options": {"cluster": "anns"}}, token=ann
    )
    server.result(asked)
    for token, told in ((ann, {"home", "node"}), (server.made("vic", "viewer"), set())):
        (node,) = server.ask("GET", "/v1/clusters/anns/nodes", token=token).json["items"]
        assert node["endpoint"]["options"].keys() == told
    job = server.ask("POST", "/v1/jobs", {"task": {"run": "true"}, "key": "mine"}, token=ann).json["items"][0]
    exec_ = {"task": {"run": "true"}}
    for method, path, body in (
        ("DELETE", "/v1/clusters/anns", None),
        ("POST", "/v1/clusters/anns/exec", exec_),
        ("POST", "/v1/clusters/anns/stop", None),
        ("POST", "/v1/clusters/anns/start", {}),
        ("POST", "/v1/clusters/anns/autostop", {"autostop": None}),
        ("POST", "/v1/clusters/anns/jobs/cancel", {"ids": None}),
        ("POST", "/v1/clusters/anns/shells", {}),
        ("POST", "/v1/clusters", {"task": {"run": "true"}, "options": {"cluster": "anns"}}),
        ("POST", f"/v1/requests/{asked.json['id']}/cancel", None),
        ("POST", "/v1/jobs/cancel", {"ids": [job["id"]]}),
        ("GET", "/v1/users", None),
        ("POST", "/v1/users", {"name": "eve", "role": "admin"}),
        ("PATCH", "/v1/users/bob", {"role": "admin"}),
        ("GET", "/v1/audit", None),
        (
            "POST",
            "/v1/orphans/adopt",
            {
                "cloud": "local",
                "account": "default",
                "identity": "",
                "scope": {"name": "this"},
                "owner": {"installation": "a", "cluster": "b", "attempt": "c"},
            },
        ),
        ("GET", "/v1/tokens?user=ann", None),
        ("POST", "/v1/tokens", {"name": "x", "user": "ann"}),
    ):
        refused = server.ask(method, path, body, token=bob)
        assert (refused.status, refused.json["code"]) == (403, "forbidden"), (path, refused.json)
    again = server.ask("POST", "/v1/jobs", {"task": {"run": "true"}, "key": "mine"}, token=bob).json["items"][0]
    assert again["id"] != job["id"]  # nobody finds another's jobs by a key
    assert server.ask("GET", "/v1/clusters/anns", token=bob).json["user"] == "ann"
    forgotten = server.ask("DELETE", "/v1/clusters/anns?forget=true", token=ann)
    assert (forgotten.status, forgotten.json["code"]) == (403, "forbidden")  # it would count for no budget any more
    own = server.ask("GET", "/v1/tokens", token=bob).json["items"]
    assert {token["user"] for token in own} == {"bob"}
    theirs = next(token for token in server.ask("GET", "/v1/tokens?user=ann").json["items"])
    assert server.ask("DELETE", f"/v1/tokens/{theirs['id']}", token=bob).status == 404
    assert server.ask("DELETE", f"/v1/tokens/{theirs['id']}").status == 204
    assert server.ask("GET", "/v1/me", token=ann).status == 401


@pytest.mark.parametrize(("role", "scopes", "level"), [
    ("admin", ("read",), "read"), ("admin", ("write", "read"), "write"), ("viewer", ("admin",), "read"),
    ("member", (), "write"),
])  # fmt: skip
def test_a_token_does_no_more_than_both_allow(server: Server, role: str, scopes: tuple[str, ...], level: str) -> None:
    """Role and scopes of a token hold together, and it makes no token that may do more than itself."""
    token = server.made(f"user-{role}-{len(scopes)}-{level}", role, ("read",) if role == "viewer" else scopes)
    assert server.ask("GET", "/v1/me", token=token).json["level"] == level
    assert (server.ask("GET", "/v1/audit", token=token).status == 200) is (level == "admin")
    if level == "write":
        made = server.ask("POST", "/v1/tokens", {"name": "more", "scopes": ["admin"]}, token=token)
        assert made.status == 403
        same = server.ask("POST", "/v1/tokens", {"name": "same", "scopes": ["write"]}, token=token)
        assert server.ask("GET", "/v1/me", token=same.json["token"]).json["level"] == "write"
        fat = server.ask("POST", "/v1/tokens", {"name": "fat", "scopes": ["read"] * 4}, token=token)
        assert fat.status == 422  # it would be read again with each of its requests


def test_a_token_makes_none_that_goes_further(server: Server) -> None:
    """Neither in time, nor in what it may do once its user has another role."""
    made = server.made("later")
    hour = server.ask("POST", "/v1/tokens", {"name": "hour", "scopes": ["write"], "lifetime": 3600}, token=made).json
    for lifetime in ({}, {"lifetime": 86400}):
        body = {"name": "longer", "scopes": ["write"], **lifetime}
        longer = server.ask("POST", "/v1/tokens", body, token=hour["token"]).json
        assert longer["expires_at"] == hour["expires_at"]
    minute = server.ask("POST", "/v1/tokens", {"name": "m", "scopes": ["read"], "lifetime": 60}, token=hour["token"])
    assert minute.json["expires_at"] < hour["expires_at"]
    more = server.ask("POST", "/v1/tokens", {"name": "more", "scopes": ["admin"]}, token=hour["token"])
    assert (more.status, more.json["code"]) == (403, "forbidden")


def test_a_token_revokes_none_that_goes_further(server: Server) -> None:
    """But itself: with a narrow one nobody ends what its user, and all whose tokens were made with that, work with."""
    wide, narrow = (
        server.ask("POST", "/v1/tokens", {"name": name, "scopes": scopes}).json
        for name, scopes in (("wide", []), ("narrow", ["write"]))
    )
    refused = server.ask("DELETE", f"/v1/tokens/{wide['id']}", token=narrow["token"])
    assert (refused.status, refused.json["code"]) == (403, "forbidden")
    assert server.ask("GET", "/v1/me", token=wide["token"]).status == 200
    like = server.ask("POST", "/v1/tokens", {"name": "like", "scopes": ["read"]}, token=narrow["token"]).json
    for each, by in ((like, narrow), (narrow, narrow), (wide, wide)):
        assert server.ask("DELETE", f"/v1/tokens/{each['id']}", token=by["token"]).status == 204


def test_urls_that_let_in_are_told_to_nobody(server: Server) -> None:
    """All see of a webhook to whom it goes; in the database the rest is sealed."""
    body = {"task": {"run": "true"}, "options": {"on_success": ["https://hooks.example/services/hunter2?a=b"]}}
    hooked = server.made("hooked")
    made = server.ask("POST", "/v1/jobs", body, token=hooked).json["items"][0]
    path = f"/v1/jobs/{made['id']}"
    assert server.ask("GET", path).json["options"] == made["options"]
    assert (made["options"]["on_success"], "webhooks" in made["options"]) == (["https://hooks.example/***"], False)
    assert b"***" in server.ask("GET", "/v1/jobs?user=hooked", token=hooked).body
    assert b"hunter2" not in b"".join(path.read_bytes() for path in server.home.glob("state.db*"))


def test_a_token_is_shown_once_and_never_kept(server: Server) -> None:
    """Neither the list nor the database has it afterwards, also where the answer is kept for a repeated request."""
    key = {"idempotency-key": "make-one"}
    made = server.ask("POST", "/v1/tokens", {"name": "once"}, headers=key).json
    assert server.ask("POST", "/v1/tokens", {"name": "once"}, headers=key).json == made
    secret = made["token"].split("_", 2)[2]  # it may hold more of them
    assert secret not in server.ask("GET", "/v1/tokens").body.decode()
    written = b"".join(path.read_bytes() for path in server.home.glob("state.db*"))
    assert secret.encode() not in written
    assert secret.encode() not in (server.home / "server.log").read_bytes()


def test_a_token_in_an_address_is_told_to_nobody(server: Server) -> None:
    """Who takes a token for its id is not answered with it, and the record is without its secret."""
    made = server.ask("POST", "/v1/tokens", {"name": "whole"}).json
    refused = server.ask("DELETE", f"/v1/tokens/{made['token']}")
    recorded = server.ask("GET", "/v1/audit?limit=1").json["items"][0]
    assert (refused.status, recorded["status"]) == (404, 404)
    assert recorded["path"] == f"/v1/tokens/styx_{made['id']}_***"
    assert made["token"].split("_", 2)[2] not in refused.body.decode()


def test_administrators_cannot_shut_themselves_out(server: Server) -> None:
    """Nobody takes away their own role, or removes themselves."""
    me = server.ask("GET", "/v1/me").json["user"]
    assert server.ask("PATCH", f"/v1/users/{me}", {"disabled": True}).status == 409
    assert server.ask("DELETE", f"/v1/users/{me}").status == 409
    assert server.ask("GET", "/v1/me").status == 200


def test_what_changes_something_or_is_refused_is_on_record(server: Server) -> None:
    """With who, from where, what, how it ended and the id that the answer bore; reading is not."""
    server.ask("GET", "/v1/clusters")
    refused = server.ask("POST", "/v1/users", {"name": "zoe"}, token="styx_000000000000_nothing")
    made = server.ask("POST", "/v1/users", {"name": "zoe", "role": "viewer"})
    newest = server.ask("GET", "/v1/audit?limit=2").json
    assert [(e["method"], e["path"], e["status"], e["request"]) for e in newest["items"]] == [
        ("POST", "/v1/users?user=zoe&role=viewer", 201, made.headers["x-request-id"]),
        ("POST", "/v1/users", 401, refused.headers["x-request-id"]),
    ]
    assert newest["items"][0]["user"] == server.ask("GET", "/v1/me").json["user"]
    following = server.ask("GET", f"/v1/audit?limit=1&after={newest['next']}").json["items"]
    assert following[0]["id"] == newest["items"][1]["id"] - 1


def test_the_record_says_what_was_changed(server: Server) -> None:
    """Also where that is in the body, or was named twice, or is long: what routes acted on, and no secret."""

    def newest() -> str:
        return str(server.ask("GET", "/v1/audit?limit=1").json["items"][0]["path"])

    server.made("kim")
    token = server.ask("POST", "/v1/tokens", {"user": "kim", "name": "t", "scopes": ["read"]}).json
    assert newest() == f"/v1/tokens?user=kim&token={token['id']}&scopes=read"
    server.ask("PATCH", "/v1/users/kim", {"role": "viewer", "disabled": True})
    assert newest() == "/v1/users/kim?role=viewer&disabled=True"
    job = server.ask("POST", "/v1/jobs", {"task": {"run": "true"}, "pool": "none"}).json["items"][0]["id"]
    assert newest() == f"/v1/jobs?first={job}&count=1"
    server.ask("POST", "/v1/jobs/cancel", {"ids": [job]})
    assert newest() == f"/v1/jobs/cancel?ids={job}"
    long = f"file://rack/{'d/' * 900}x"
    server.ask("POST", "/v1/storage/buckets", {"uri": "file://rack"})
    assert newest() == "/v1/storage/buckets?uri=file://rack"
    server.ask("DELETE", f"/v1/storage/object?uri=file://rack/innocent&uri={long}")
    assert newest() == f"/v1/storage/object?uri={long}"
    body = {"task": {"run": "true", "resources": LOCAL}, "options": {"cluster": "c"}}
    asked = server.ask("POST", "/v1/clusters", body)
    assert newest() == f"/v1/clusters?cluster=c&number={asked.json['id']}"
    server.result(asked)
    server.result(server.ask("DELETE", "/v1/clusters/c"))


def test_a_token_that_only_looks_gives_itself_up(server: Server) -> None:
    """And no other: what has leaked can be ended by who has it at hand."""
    made = [server.ask("POST", "/v1/tokens", {"name": name, "scopes": ["read"]}).json for name in ("a", "b")]
    mine, other = made
    assert server.ask("DELETE", f"/v1/tokens/{other['id']}", token=mine["token"]).status == 403
    assert server.ask("DELETE", f"/v1/tokens/{mine['id']}", token=mine["token"]).status == 204
    assert server.ask("GET", "/v1/me", token=mine["token"]).status == 401
