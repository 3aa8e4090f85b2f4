"""What a request has said so far, for those who watch it: kept while it goes on, and for a while after."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from styx.server.observe import tracing

_KEPT = 1000  # of what was said last


class Said(NamedTuple):
    """One thing: its number, what kind of thing, and what."""

    number: int
    kind: str
    data: dict[str, Any]


class Progress:
    """Heard from any thread, told in the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._said: deque[Said] = deque(maxlen=_KEPT)
        self._next = 1
        self._changed = asyncio.Event()
        self.ended = False

    def phase(self, phase: str, sentence: str) -> None:
        """What an operation of the engine says."""
        tracing.phase(sentence)
        self._loop.call_soon_threadsafe(self._add, "progress", {"phase": phase, "sentence": sentence})

    def report(self, task: str, kind: str, text: str) -> None:
        """What a run of a Dag says."""
        self._loop.call_soon_threadsafe(self._add, "report", {"task": task, "kind": kind, "text": text})

    def end(self) -> None:
        """There will be no more."""
        self.ended = True
        self._wake()

    async def since(self, number: int) -> AsyncIterator[Said]:
        """What was said after that number, as it comes; of what is no longer kept, nothing."""
        while True:
            changed, ended = self._changed, self.ended
            for each in [each for each in self._said if each.number > number]:
                yield each
                number = each.number
            if ended:
                return
            if not self._said or self._said[-1].number <= number:
                await changed.wait()

    def _add(self, kind: str, data: dict[str, Any]) -> None:
        self._said.append(Said(self._next, kind, data))
        self._next += 1
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
