"""What is made of large bodies, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading

from styx.server.http.apart import apart

LARGE = 1 << 20


async def test_who_sends_many_waits_for_them_and_others_for_one() -> None:
    """Small ones are done at once, in the event loop."""
    done: list[str] = []

    def work(user: str) -> bool:
        done.append(user)
        return threading.current_thread() is threading.main_thread()

    many = [asyncio.ensure_future(apart(LARGE, "ann", work, "ann")) for _ in range(5)]
    await asyncio.sleep(0)
    assert not await apart(LARGE, "bob", work, "bob")
    assert done.index("bob") <= 2
    assert await apart(10, "ann", work, "ann")
    assert not any(await asyncio.gather(*many))
