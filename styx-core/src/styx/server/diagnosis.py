"""What a client in its own process would find out, found out by the server: by the same code, in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from styx.client.embedded import EmbeddedClient
from styx.client.loop import LoopThread

if TYPE_CHECKING:
    from styx.engine.engine import Engine

T = TypeVar("T")


class _ServerLoop(LoopThread):
    """The event loop of the server, for threads that wait for what runs in it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run the coroutine in the loop and return its result here."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


class OnServer(EmbeddedClient):
    """An embedded client that uses the server's engine and loop. Not to be called from the loop, nor to be closed."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine
        self._store = engine.context.store
        self._loop = _ServerLoop(asyncio.get_running_loop())
