"""Of what takes long to answer only some of one user's is answered at a time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from styx.client.refusals import TooManyRequests
from styx.clock import SystemClock
from styx.server.auth.access import Access
from styx.server.auth.tokens import mint
from styx.server.auth.turns import Turns
from styx.server.settings import Settings
from styx.store import Store
from styx.store.access import Role, User
from styx.threads import OffLoop


async def test_each_user_has_some_turns_and_a_place_to_wait() -> None:
    """Others do not wait for theirs; who has too many waiting is refused; and nothing is kept of who has none."""
    turns, ended, begun = Turns(2, 1), asyncio.Event(), []

    async def ask(user: str) -> None:
        async with turns.of(user):
            begun.append(user)
            await ended.wait()

    asked = [asyncio.ensure_future(ask(user)) for user in ("ann", "ann", "ann", "bob")]
    await asyncio.sleep(0)
    assert begun == ["ann", "ann", "bob"]
    with pytest.raises(TooManyRequests):
        await ask("ann")
    ended.set()
    await asyncio.gather(*asked)
    assert begun == ["ann", "ann", "bob", "ann"]
    assert not turns._asked
    assert not turns._free


async def test_one_user_has_only_so_many_requests_under_way(tmp_path: Path) -> None:
    """With whichever of their tokens; whatever waits for something counts, and others are answered."""
    now, ended, begun = datetime.now(UTC), asyncio.Event(), []

    async def app(scope: Any, *_: Any) -> None:
        begun.append(scope["state"]["caller"].user)
        await ended.wait()

    with Store.open(home=tmp_path) as store:
        access = Access(app, store, OffLoop(inline=True), SystemClock(), Settings(user_requests=2))

        async def ask(user: str) -> None:
            text, token = mint(user, "laptop", now)
            store.tokens.add(token)
            headers = [(b"authorization", f"Bearer {text}".encode())]
            scope = {"type": "http", "method": "GET", "path": "/x", "client": None, "headers": headers, "state": {}}
            await access(scope, app, app)

        for user in ("ann", "bob"):
            store.users.add(User(user, Role.VIEWER, now))
        asked = [asyncio.ensure_future(ask(user)) for user in ("ann", "ann", "bob")]
        await asyncio.sleep(0)
        with pytest.raises(TooManyRequests):
            await ask("ann")
        ended.set()
        await asyncio.gather(*asked, ask("ann"))
    assert begun == ["ann", "ann", "bob", "ann"]
