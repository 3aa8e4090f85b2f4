"""Threads that a process which was forked has of its own: those of its parent did not come along.

Daemon threads for one call each are kept for the next: making one takes longer than most calls do.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

from styx.api.errors import StoreError

IDLE_SECONDS = 10.0  # that a thread waits for another call
_AT_ONCE = 12  # calls to the store: fewer than the connections that it keeps to a database
_PATIENCE = 45.0  # seconds for one of them: longer than the store waits for what another has locked

Deliver = Callable[[Any, BaseException | None], None]

P = ParamSpec("P")
T = TypeVar("T")


def call(function: Callable[[], Any], deliver: Deliver, name: str) -> None:
    """Have the function called in a thread of that name, and what it returns, or raises, delivered from there.

    The thread ends with the process, which waits for none of them. ``deliver`` raises nothing.
    """
    try:
        thread = _free.pop()
    except IndexError:
        thread = _Thread()
    thread.calls.put((function, deliver, name))


class _Thread:
    def __init__(self) -> None:
        self.calls: SimpleQueue[tuple[Callable[[], Any], Deliver, str]] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                function, deliver, self._thread.name = self.calls.get(timeout=IDLE_SECONDS)
            except Empty:
                with suppress(ValueError):
                    _free.remove(self)
                    return
                function, deliver, self._thread.name = self.calls.get()  # somebody has taken it at the last moment
            result, error = None, None
            try:
                result = function()
            except BaseException as raised:  # noqa: BLE001 - whatever it is belongs to the caller
                error = raised
            _free.append(self)
            deliver(result, error)
            del function, deliver, result, error  # nothing of the last call is kept alive until the next


_free: list[_Thread] = []  # each step with it is atomic, so that no lock is needed
os.register_at_fork(after_in_child=_free.clear)  # threads do not go with it


class Pool:
    """``await pool(call, ...)``: in one of so many threads, for as long as the process lives; a fork has others."""

    def __init__(self, at_once: int, name: str) -> None:
        self._at_once = at_once
        self._name = name
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._threads = ThreadPoolExecutor(self._at_once, self._name)

    async def __call__(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the call gives, or raises, while the event loop goes on."""
        work = partial(copy_context().run, partial(call, *args, **kwargs))
        return await asyncio.wrap_future(self._threads.submit(work))


class OffLoop:
    """``await off_loop(store.clusters.get, "dev")``: calls to the store from an event loop that has others to serve.

    A file on this machine answers within the time that handing a call to a thread and back takes, and is asked
    ``inline``; a database that is asked over a network can take as long as it takes to notice that it is gone, and that
    is waited for in a thread. The threads are for this alone: whatever else waits for something keeps nobody from the
    store. A database that stands still and keeps its connections is waited for so long and no longer.
    """

    def __init__(self, *, inline: bool) -> None:
        self._threads = None if inline else Pool(_AT_ONCE, "styx-store")

    async def __call__(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the call gives, or raises. Raises StoreError where nothing came: what it was to do may yet be done."""
        if self._threads is None:
            return call(*args, **kwargs)
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._threads(call, *args, **kwargs)
        except TimeoutError:
            raise StoreError(
                f"the database has not answered for {_PATIENCE:.0f} seconds",
                hint="Look whether its server stands still, or the network to it; then try again.",
            ) from None
