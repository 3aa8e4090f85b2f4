"""An event loop in a thread of its own, so that synchronous callers (also inside notebooks) can use the engine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")
_END = object()
_AHEAD = 16  # items


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

        def settle(_task: asyncio.Task[None]) -> None:
            if not outcome.done():  # cancelled before its first step
                coroutine.close()
                outcome.set_exception(asyncio.CancelledError())

        def start() -> None:
            task.append(self._loop.create_task(supervise()))
            task[0].add_done_callback(settle)

        def cancel() -> None:  # runs after start, if that was asked for before the interrupt came
            if not task:
                start()
            task[0].cancel()

        try:
            self._loop.call_soon_threadsafe(start)
            return outcome.result()
        except KeyboardInterrupt:
            self._loop.call_soon_threadsafe(cancel)
            outcome.exception()  # waits
            raise

    def iterate(self, source: AsyncIterator[T]) -> Iterator[T]:
        """The items of an asynchronous iterator, one by one; it is closed when this one is.

        The source runs in one task from beginning to end, as its timeouts and task groups need it, a few items ahead.
        """
        items: asyncio.Queue[T] = asyncio.Queue(_AHEAD)

        async def pump() -> None:
            try:
                async for item in source:
                    await items.put(item)
            finally:
                close = getattr(source, "aclose", None)
                if close is not None:
                    await close()

        async def begin() -> asyncio.Task[None]:
            return asyncio.ensure_future(pump())

        async def step() -> T | object:
            getting = asyncio.ensure_future(items.get())
            try:
                await asyncio.wait({getting, pumping}, return_when=asyncio.FIRST_COMPLETED)
                if getting.done():
                    return getting.result()
                if not items.empty():
                    return items.get_nowait()
                await pumping  # raises what the source raised
                return _END
            finally:
                getting.cancel()

        async def end() -> None:
            pumping.cancel()
            await asyncio.wait({pumping})

        pumping = self.run(begin())
        try:
            while (item := self.run(step())) is not _END:
                yield item  # type: ignore[misc]
        finally:
            self.run(end())

    def close(self) -> None:
        """Cancel what still runs in the loop, stop it and end the thread."""
        self.run(_wind_up())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _wind_up() -> None:
    """As :func:`asyncio.run` does at its end: nothing is left that would complain when it is thrown away."""
    loop = asyncio.get_running_loop()
    while rest := asyncio.all_tasks() - {asyncio.current_task()}:  # what is cancelled may begin something to tidy up
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
    await loop.shutdown_asyncgens()
    await asyncio.sleep(0)  # connections that were just closed say goodbye
