"""An event loop in a thread of its own, so that synchronous callers (also inside notebooks) can use the engine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")
_END = object()


class LoopThread:
    """Runs coroutines for threads that have no loop. An interrupted call is cancelled, and waited for."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="styx-engine", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run the coroutine in the loop and return its result here.

        On KeyboardInterrupt the coroutine is cancelled and given the time to leave things in order first.
        """
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            if not future.done():
                settled = threading.Event()
                future.add_done_callback(lambda _: settled.set())
                future.cancel()
                with suppress(CancelledError):
                    settled.wait()
            raise

    def iterate(self, source: AsyncIterator[T]) -> Iterator[T]:
        """The items of an asynchronous iterator, one by one; it is closed when this one is."""

        async def step() -> T | object:
            return await anext(source, _END)

        try:
            while (item := self.run(step())) is not _END:
                yield item  # type: ignore[misc]
        finally:
            close = getattr(source, "aclose", None)
            if close is not None:
                self.run(close())

    def close(self) -> None:
        """Stop the loop and end the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
