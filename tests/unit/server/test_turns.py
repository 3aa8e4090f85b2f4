"""Of what takes long to answer only some of one user's is answered at a time."""

from __future__ import annotations

import asyncio

import pytest

from styx.client.refusals import TooManyRequests
from styx.server.turns import Turns


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
