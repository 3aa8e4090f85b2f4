"""Calls to the store from the event loop: where they are, and for how long they may hold it up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class OffLoop:
    """``await off_loop(store.clusters.get, "dev")``.

    A file on this machine answers within the time that handing a call to a thread and back takes; a database that is
    asked over a network can take as long as it takes to notice that it is gone, and that is waited for in a thread.
    """

    def __init__(self, *, inline: bool) -> None:
        self._inline = inline

    async def __call__(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the call gives, or raises."""
        if self._inline:
            return call(*args, **kwargs)
        return await asyncio.to_thread(call, *args, **kwargs)
