"""What many want to know at the same time is found out once for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Search:
    """``waiting`` is for how many."""

    task: asyncio.Task[Any]
    waiting: int = 0


class Shared:
    """Searches under way, and those that come after them. Of one event loop.

    One begins after it was asked for, so that what was done before is in it: whoever asks while one is under way shares
    the next, and there are two at most.
    """

    def __init__(self) -> None:
        self._now: dict[object, asyncio.Task[Any]] = {}
        self._next: dict[object, _Search] = {}

    async def find(self, what: object, search: Callable[[], Awaitable[T]]) -> T:
        """What the search finds, or raises. ``what`` is the same for all who search for the same.

        It is cancelled together with the last of those who wait for it.
        """
        coming = self._next.get(what)
        if coming is None:
            coming = self._next[what] = _Search(asyncio.ensure_future(self._run(what, search)))
            coming.task.add_done_callback(lambda done: done.cancelled() or done.exception())
        coming.waiting += 1
        try:
            await asyncio.wait({coming.task})
        finally:
            coming.waiting -= 1
            if not coming.waiting and not coming.task.done():
                if self._next.get(what) is coming:
                    del self._next[what]
                coming.task.cancel()
                await asyncio.wait({coming.task})
        result: T = coming.task.result()
        return result

    async def _run(self, what: object, search: Callable[[], Awaitable[T]]) -> T:
        if what in self._now:
            await asyncio.wait({self._now[what]})
        self._now[what] = self._next.pop(what).task
        try:
            return await search()
        finally:
            del self._now[what]
