"""What takes long, or room: only some of one user's at a time, so that it costs others little."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from styx.client.refusals import TooManyRequests
from styx.server.tallies import Tally, less


class Turns:
    """Of one server. ``each`` of a user are answered at a time, and ``waiting`` may wait for that."""

    def __init__(self, each: int, waiting: int) -> None:
        self._each = each
        self._most = each + waiting
        self._asked: Tally = Counter()
        self._free: dict[str, asyncio.Semaphore] = {}

    @asynccontextmanager
    async def of(self, user: str) -> AsyncIterator[None]:
        """One of this user's. Raises TooManyRequests."""
        if self._asked[user] >= self._most:
            raise TooManyRequests("too much is asked at once", hint="Wait for answers.", retry_after=5)
        self._asked[user] += 1
        try:
            async with self._free.setdefault(user, asyncio.Semaphore(self._each)):
                yield
        finally:
            less(self._asked, user)
            if user not in self._asked:
                del self._free[user]
