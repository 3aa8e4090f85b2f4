"""An event loop in a thread of its own, so that synchronous callers (also inside notebooks) can use the engine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import Future
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

        On KeyboardInterrupt the coroutine is cancelled, and the interrupt goes on once it has left things in order.
        """
        outcome: Future[T] = Future()
        task: list[asyncio.Task[None]] = []

        async def supervise() -> None:
            try:
                outcome.set_result(await coroutine)
            except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the caller
                outcome.set_exception(error)

        def start() -> None:
            task.append(self._loop.create_task(supervise()))

        def cancel() -> None:  # runs after start, whenever the interrupt came
            task[0].cancel()

        self._loop.call_soon_threadsafe(start)
        try:
            return outcome.result()
        except KeyboardInterrupt:
            self._loop.call_soon_threadsafe(cancel)
            outcome.exception()  # waits
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
