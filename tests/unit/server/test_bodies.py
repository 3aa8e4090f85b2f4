"""How much is taken of a body, and of all that one user sends at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from styx.api.errors import StoreError
from styx.client.refusals import Unauthenticated
from styx.server.auth.tokens import Caller, level
from styx.server.http import bodies
from styx.server.http.bodies import Bodies
from styx.server.models import DagIn, JobIds, JobOptionsIn, RunOptionsIn, TaskIn
from styx.server.settings import Settings
from styx.store.access import Role

MANY = [{}] * 5000
SETTINGS = Settings(max_body=1000, max_dag=4000, user_bodies=6000)


class Peer:
    """Sends a body, and waits in the middle of what is done with it."""

    def __init__(self) -> None:
        self.held = asyncio.Event()
        self.bodies = Bodies(self._app, SETTINGS)
        self.admitted: Exception | Caller | None = None

    async def send(self, size: int, *, role: Role = Role.MEMBER, user: str = "ann", path: str = "/v1/tasks") -> int:
        """The status of the answer."""
        caller = Caller(user, role, "t", level(role, ()))
        state = {"caller": caller, "admitted": self._admitted}
        scope = {"type": "http", "method": "POST", "path": path, "headers": [], "state": state}

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"x" * size, "more_body": False}

        async def send(_: Any) -> None:
            """Nothing."""

        try:
            await self.bodies(scope, receive, send)
        except HTTPException as error:
            return error.status_code
        return HTTPStatus.OK

    async def _admitted(self) -> Caller:
        if isinstance(self.admitted, Exception):
            raise self.admitted
        assert self.admitted is not None, "asked for nothing"
        return self.admitted

    async def _app(self, _scope: Any, receive: Callable[[], Awaitable[Any]], _send: Any) -> None:
        await receive()
        await self.held.wait()


@pytest.mark.parametrize(("role", "path", "most"), [
    (Role.MEMBER, "/v1/tasks", 1000), (Role.ADMIN, "/v1/jobs", 1000), (Role.MEMBER, "/v1/dags/plan", 4000),
    (Role.VIEWER, "/v1/dags/plan", 1000), (Role.VIEWER, "/v1/tasks", 1000),
])  # fmt: skip
async def test_many_tasks_may_be_long_where_they_may_be_run(role: Role, path: str, most: int) -> None:
    """Who only looks asks about less at once."""
    peer = Peer()
    peer.held.set()
    assert await peer.send(most, role=role, path=path) == HTTPStatus.OK
    assert await peer.send(most + 1, role=role, path=path) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


async def test_one_user_fills_no_memory() -> None:
    """Of bodies that are not done with there are only so many of one user; others are not told to wait for them."""
    peer = Peer()
    waiting = [asyncio.ensure_future(peer.send(1000)) for _ in range(6)]
    await asyncio.sleep(0)
    assert await peer.send(1) == HTTPStatus.TOO_MANY_REQUESTS
    bob = asyncio.ensure_future(peer.send(1000, user="bob"))
    await asyncio.sleep(0)
    peer.held.set()
    assert {*await asyncio.gather(*waiting, bob)} == {HTTPStatus.OK}
    assert await peer.send(1000) == HTTPStatus.OK


async def test_what_is_too_large_makes_no_room_for_more() -> None:
    """It was not counted as it came, nor is it as it goes."""
    peer = Peer()
    waiting = [asyncio.ensure_future(peer.send(1000)) for _ in range(6)]
    await asyncio.sleep(0)
    assert await peer.send(5000) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert await peer.send(1) == HTTPStatus.TOO_MANY_REQUESTS
    peer.held.set()
    assert {*await asyncio.gather(*waiting)} == {HTTPStatus.OK}


@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/jobs"), ("PUT", "/v1/files/00")])
async def test_who_goes_away_in_the_middle_of_a_body_has_sent_none(method: str, path: str) -> None:
    """What there is of it is done nothing with, and nobody looks for a fault of the server's."""
    came = iter([{"type": "http.request", "body": b"x", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> dict[str, Any]:
        return next(came)

    async def app(_scope: Any, receive: Callable[[], Awaitable[Any]], _send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        pytest.fail("it was taken for whole")

    scope = {"type": "http", "method": method, "path": path, "headers": [], "state": {"caller": ANN}}
    with pytest.raises(HTTPException) as refused:
        await Bodies(app, SETTINGS)(scope, receive, receive)  # type: ignore[arg-type]
    assert refused.value.status_code == HTTPStatus.BAD_REQUEST


ANN = Caller("ann", Role.MEMBER, "t", level(Role.MEMBER, ()))


@pytest.mark.parametrize(("admitted", "status"), [
    (ANN, 200), (Unauthenticated("revoked"), 401), (replace(ANN, level=level(Role.VIEWER, ())), 401),
    (StoreError("gone"), 503),
])  # fmt: skip
async def test_whose_body_comes_late_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, admitted: Exception | Caller, status: int
) -> None:
    """Nothing is done for a token that was revoked, or came to allow less, while its body was on the way."""
    monkeypatch.setattr(bodies, "_AT_ONCE", -1.0)
    peer = Peer()
    peer.held.set()
    peer.admitted = admitted
    assert await peer.send(1) == status


@pytest.mark.parametrize(("model", "given"), [
    (JobIds, {"ids": MANY}), (JobOptionsIn, {"on_success": MANY}), (RunOptionsIn, {"agreed": MANY}),
    (DagIn, {"tasks": MANY, "edges": MANY}), (TaskIn, {"task": {}, "files": dict.fromkeys(map(str, range(5000)))}),
    (TaskIn, {"task": {}, "secrets": dict.fromkeys(map(str, range(5000)))}),
])  # fmt: skip
def test_not_everything_that_is_wrong_is_told(model: type[BaseModel], given: dict[str, Any]) -> None:
    """To find out would take longer than to send it."""
    with pytest.raises(ValidationError) as refused:
        model.model_validate(given)
    assert refused.value.error_count() < 10
