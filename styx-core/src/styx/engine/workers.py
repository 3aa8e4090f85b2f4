"""Threads for calls that may never return: they end with the process, which waits for none of them at its exit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar

from styx import threads

ResultT = TypeVar("ResultT")


class Overdue(Exception):
    """A call has not returned in time. Its thread goes on, and whatever it comes to is the function's own to keep."""


class Workers(Generic[ResultT]):
    """Runs functions in daemon threads, so many at once, for one event loop.

    The threads of an executor would be joined when the interpreter ends, and one call that hangs would keep the program
    from ending.
    """

    def __init__(self, at_once: int, name: str) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._name = name

    async def run(self, function: Callable[[], ResultT], limit: float, *, harmless: bool = False) -> ResultT:
        """What the function returns or raises. Raises Overdue after ``limit`` seconds of real time.

        When the caller is cancelled the function is waited for all the same, up to the limit, and then the
        cancellation goes on: what was begun is over by then, or has been given up. Nobody needs to know that of a
        ``harmless`` one, which changes nothing.
        """
        async with self._turns:
            future = _in_thread(function, self._name)
            give_up_at = asyncio.get_running_loop().time() + limit
            try:
                await asyncio.wait({future}, timeout=limit)
            except asyncio.CancelledError:
                if not harmless:
                    await asyncio.wait({future}, timeout=max(0.0, give_up_at - asyncio.get_running_loop().time()))
                raise
            if not future.done():
                raise Overdue
            return future.result()


def _in_thread(function: Callable[[], ResultT], name: str) -> asyncio.Future[ResultT]:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[ResultT] = loop.create_future()
    future.add_done_callback(_looked_at)

    def settle(result: Any, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)

    def deliver(result: Any, error: BaseException | None) -> None:
        with suppress(RuntimeError):  # the loop has been closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, error)

    threads.call(function, deliver, name)
    return future


def _looked_at(future: asyncio.Future[Any]) -> None:
    """An error that came too late is nobody's any more, and asyncio need not complain of it."""
    if not future.cancelled():
        future.exception()
