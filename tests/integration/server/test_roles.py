"""Every route of the server, as each role meets it. A new route is among them by itself, and has to be told of here."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute

from styx.server.app import routed
from styx.server.auth.access import HARMLESS, OPEN
from support.servers import Server

_ADMINS = {
    ("GET", "/v1/users"), ("POST", "/v1/users"), ("PATCH", "/v1/users/{name}"), ("DELETE", "/v1/users/{name}"),
    ("GET", "/v1/audit"), ("POST", "/v1/orphans/adopt"), ("POST", "/v1/orphans/discard"),
    ("DELETE", "/v1/storage/buckets"),
}  # fmt: skip
_MEMBERS = {("GET", "/v1/storage/object"), ("GET", "/v1/shells/{number}/output")}  # beside all that changes something
_VALUES = {"{name}": "nobodys", "{number:int}": "999999", "{number}": "abc", "{sha256}": "0" * 64}


def operations() -> list[tuple[str, str]]:
    """Method and address of each, without those that are open to everybody."""
    routes = [route for route in routed().routes if isinstance(route, APIRoute) and route.path not in OPEN]
    return sorted((method, route.path) for route in routes for method in route.methods)


def asked(server: Server, method: str, path: str, token: str) -> int:
    """The status of the answer to a request that is wrong in every other respect."""
    for name, value in _VALUES.items():
        path = path.replace(name, value)
    body = {} if method in {"POST", "PATCH"} else None
    return server.ask(method, path, body, token=token).status


def needed(method: str, path: str) -> str:
    """The least role that may."""
    if (method, path) in _ADMINS:
        return "admin"
    looks = method in {"GET", "HEAD"} and (method, path) not in _MEMBERS
    return "viewer" if looks or path in HARMLESS else "member"


@pytest.mark.parametrize("role", ["nobody", "viewer", "member", "admin"])
def test_every_route_wants_the_role_that_it_is_for(server: Server, role: str) -> None:
    """Without a token it says 401, and with less than it takes 403, before it looks at anything else that was sent."""
    roles = ["nobody", "viewer", "member", "admin"]
    token = "" if role == "nobody" else server.made(f"role-{role}", role)
    found = {(method, path): asked(server, method, path, token) for method, path in operations()}
    assert len(found) > 50
    refused = {each for each, status in found.items() if status == (401 if role == "nobody" else 403)}
    assert refused == {each for each in found if roles.index(needed(*each)) > roles.index(role)}
    assert max(found.values()) < 500


def test_a_token_goes_with_the_one_that_made_it(server: Server) -> None:
    """Who had one that is revoked keeps none that they made with it, unless it is revoked alone; the list says so."""
    first = server.made("lineage")
    number = first.split("_")[1]
    made = server.ask("POST", "/v1/tokens", {"name": "second"}, token=first).json
    third = server.ask("POST", "/v1/tokens", {"name": "third"}, token=made["token"]).json["token"]
    assert made["maker"] == number
    assert server.ask("DELETE", f"/v1/tokens/{made['id']}?alone=true", token=first).status == 204
    assert [server.ask("GET", "/v1/me", token=each).status for each in (first, made["token"], third)] == [200, 401, 200]
    assert server.ask("DELETE", f"/v1/tokens/{number}").status == 204
    assert server.ask("GET", "/v1/me", token=third).status == 401
    listed = server.ask("GET", "/v1/tokens?user=lineage").json["items"]
    assert {each["maker"] for each in listed if each["revoked_at"]} >= {number, made["id"]}
