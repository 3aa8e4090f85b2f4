"""What a request has said so far, for those who watch it: kept while it goes on, and for a while after."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import NamedTuple

from styx.server.observe import tracing

_KEPT = 1000  # of what was said last
_LETTERS = 1 << 19  # of all that is kept
_LONGEST = 1 << 16  # letters of one text, of which the last count: it may be output


class Said(NamedTuple):
    """One thing: its number, what kind of thing, and what."""

    number: int
    kind: str
    data: dict[str, str]

    @property
    def letters(self) -> int:
        """How long it is."""
        return sum(map(len, self.data.values()))


class Progress:
    """Heard from any thread, told in the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._said: deque[Said] = deque()
        self._letters = 0
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

    def _add(self, kind: str, data: dict[str, str]) -> None:
        said = Said(self._next, kind, {name: text[-_LONGEST:] for name, text in data.items()})
        self._said.append(said)
        self._letters += said.letters
        while len(self._said) > _KEPT or self._letters > _LETTERS:
            self._letters -= self._said.popleft().letters
        self._next += 1
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
