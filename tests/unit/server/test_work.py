"""How much that takes a while a user may have under way."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from types import SimpleNamespace
from typing import Any

import pytest

from styx.client.refusals import TooManyRequests
from styx.clock import SystemClock
from styx.server.work import requests
from styx.server.work.requests import Requests
from styx.store import Store
from styx.store.managed import ServerRecord
from styx.threads import OffLoop

MOST = 2


async def test_a_user_has_only_so_many_launches_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is refused and not on record, also by a server that took them up; others, and later ones, are not."""
    now, ended = datetime.now(UTC), asyncio.Event()

    async def launch(*_: Any) -> None:
        await ended.wait()

    monkeypatch.setattr(requests, "OPERATIONS", {"launch": launch})
    with Store.open(home=tmp_path) as store:
        context = SimpleNamespace(store=store, clock=SystemClock())
        engine: Any = SimpleNamespace(context=context, for_user=lambda *_, **__: None)
        store.servers.register(ServerRecord("s", "h", 1, "", "", "", "", now, now, now + timedelta(days=1)))

        def server() -> Requests:
            return Requests(engine, None, OffLoop(inline=True), lambda: "s", MOST)  # type: ignore[arg-type]

        first = server()
        for user in ("ann", "ann", "bob"):
            await first.submit(token_hex(8), "launch", user, {})
        with pytest.raises(TooManyRequests, match="ann has 2 launches"):
            await first.submit(token_hex(8), "launch", "ann", {})
        second = server()
        second.start()
        for _ in range(5):  # it looks, and finds whose they are
            await asyncio.sleep(0)
        with pytest.raises(TooManyRequests):
            await second.submit(token_hex(8), "launch", "ann", {})
        assert len(store.requests.page(user="ann")) == MOST
        ended.set()
        for _ in range(5):
            await asyncio.sleep(0)
        for each in (first, second):
            await each.submit(token_hex(8), "launch", "ann", {})
        await second.stop()
