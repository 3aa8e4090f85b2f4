"""Calls from the event loop: where those to the store are, and what may take long, so that neither holds up others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_AT_ONCE = 12  # fewer than the connections that the store keeps to a database


class OffLoop:
    """``await off_loop(store.clusters.get, "dev")``.

    A file on this machine answers within the time that handing a call to a thread and back takes; a database that is
    asked over a network can take as long as it takes to notice that it is gone, and that is waited for in a thread. The
    threads are for this alone: whatever else waits for something keeps nobody from the store.
    """

    def __init__(self, *, inline: bool) -> None:
        self._threads = None if inline else ThreadPoolExecutor(_AT_ONCE, "styx-store")

    async def __call__(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the call gives, or raises."""
        if self._threads is None:
            return call(*args, **kwargs)
        return await in_threads(self._threads, call, *args, **kwargs)


async def in_threads(threads: Executor, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What the call gives, or raises, in one of these threads.

    Whatever may take long has threads of its own: in those of the event loop the steps of managed jobs go on record.
    """
    work = partial(copy_context().run, partial(call, *args, **kwargs))
    return await asyncio.get_running_loop().run_in_executor(threads, work)
