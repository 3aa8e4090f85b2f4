"""What takes long to find out."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

from styx.server.routers import records


async def test_who_waits_for_providers_keeps_nobody_else_waiting() -> None:
    """However many ask for what hangs, the threads of the event loop, which jobs need for each step, are free."""
    let_go = threading.Event()

    def check(_names: Any) -> list[Any]:
        let_go.wait(60)
        return []

    parts: Any = SimpleNamespace(client=SimpleNamespace(check=check))
    asking = [asyncio.ensure_future(records.clouds(parts, [])) for _ in range(40)]
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(30):
            await asyncio.to_thread(int)
        assert not any(each.done() for each in asking)
    finally:
        let_go.set()
        await asyncio.gather(*asking)
