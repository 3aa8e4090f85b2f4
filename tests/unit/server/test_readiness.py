"""Whether the server is ready, asked by anybody and as often as they like."""

from __future__ import annotations

import asyncio

import pytest

from styx.api.errors import StoreError
from styx.client.refusals import Unavailable
from styx.server.routers import health
from styx.server.routers.health import Readiness


async def test_the_store_is_asked_once_for_all_who_want_to_know() -> None:
    """Also while it does not answer, and when it answers that it cannot; who gives up does not end it for others."""
    readiness, asked, answer = Readiness(), [], asyncio.Event()

    async def ask() -> None:
        asked.append(1)
        await answer.wait()
        raise StoreError("gone")

    waiting = [asyncio.ensure_future(readiness.of(ask)) for _ in range(5)]
    await asyncio.sleep(0)
    waiting.pop().cancel()
    await asyncio.sleep(0)
    answer.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [str(each) for each in found] == ["gone"] * 4
    with pytest.raises(StoreError):
        await readiness.of(ask)
    assert len(asked) == 1


async def test_an_answer_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for as long as all who want to know are patient together; the question stays asked."""
    monkeypatch.setattr(health, "_PATIENCE", 0.05)
    readiness, asked, answer = Readiness(), [], asyncio.Event()

    async def ask() -> None:
        asked.append(1)
        await answer.wait()

    for _ in range(3):
        with pytest.raises(Unavailable, match="does not answer"):
            await readiness.of(ask)
    answer.set()
    await asyncio.sleep(0)
    await readiness.of(ask)
    assert len(asked) == 1
