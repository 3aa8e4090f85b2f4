"""When a step of a job begins that is much work for this process: at once, or one after the other while it is busy.

A hundred jobs that begin in the same moment would all be as late as the last of them, and so would be their ends. How
busy the process is tells how long it takes to come back to somebody who only lets others have a turn; those who wait
for a cloud do not count.
"""

from __future__ import annotations

import asyncio

BUSY = 0.01  # seconds until one has a turn again
PAUSE = 0.02
MOST = 0.5  # seconds that the next in line waits, whatever else goes on here


class Pace:
    """The order in which steps begin. Of one event loop."""

    def __init__(self) -> None:
        self._line = asyncio.Lock()

    async def turn(self) -> None:
        """Wait until it makes sense to begin: the process keeps up with what was begun before."""
        clock = asyncio.get_running_loop()
        async with self._line:
            began = last = clock.time()
            while True:
                await asyncio.sleep(0)
                now = clock.time()
                if now - last < BUSY or now - began > MOST:
                    return
                await asyncio.sleep(PAUSE)
                last = clock.time()
