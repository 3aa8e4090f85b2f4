"""How many commands may run at once over one SSH connection."""

from __future__ import annotations

import asyncio


class SessionGate:
    """Admits up to ``limit`` sessions and lets the rest queue, first come first served.

    sshd's ``MaxSessions`` (10 unless configured) cannot be asked for, only run into: :meth:`forfeit` gives a place up
    for good when the server has refused it.
    """

    def __init__(self, limit: int = 10) -> None:
        self.open = 0
        self._places = asyncio.Semaphore(limit)

    async def enter(self) -> None:
        """Wait for a place and take it."""
        await self._places.acquire()
        self.open += 1

    def leave(self) -> None:
        """Give the place back."""
        self.open -= 1
        self._places.release()

    def forfeit(self) -> bool:
        """Give the place up for good; the next :meth:`enter` waits for another's. False if there is no other."""
        if self.open <= 1:
            return False
        self.open -= 1
        return True
