"""What is read of large bodies, and made of it, apart from the event loop: they hold up nobody but each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Annotated, ParamSpec, TypeVar

from fastapi import Depends, Request

P = ParamSpec("P")
T = TypeVar("T")

_SMALL = 8192  # bytes, of which nothing takes long
_THREAD = ThreadPoolExecutor(1, "styx-large")  # one: more would take turns with the event loop


async def apart(size: int, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What the call gives, or raises; in a thread if it works on more than a few KiB."""
    if size <= _SMALL:
        return call(*args, **kwargs)
    work = partial(copy_context().run, partial(call, *args, **kwargs))
    return await asyncio.get_running_loop().run_in_executor(_THREAD, work)


class Apart:
    """``await apart(task_of, body, ...)``: for what is made of the body of one request."""

    def __init__(self, size: int) -> None:
        self.size = size

    async def __call__(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the call gives, or raises."""
        return await apart(self.size, call, *args, **kwargs)


async def apart_of(request: Request) -> Apart:
    """For the request."""
    return Apart(len(await request.body()))


ApartOf = Annotated[Apart, Depends(apart_of)]
