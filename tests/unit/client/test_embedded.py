"""The client that runs the engine inside this process."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from styx import sdk
from styx.client.embedded import EmbeddedClient

MANY = 16


def test_threads_share_one_engine() -> None:
    """Threads that use a fresh client at the same moment open one store, one loop and one engine between them."""
    client = EmbeddedClient()
    together = threading.Barrier(MANY)

    def use(_: int) -> tuple[int, int, int]:
        together.wait()
        return id(client.engine), id(client.loop), id(client.store)

    with ThreadPoolExecutor(MANY) as threads:
        seen = set(threads.map(use, range(MANY)))
    client.close()
    assert len(seen) == 1


def test_threads_share_the_loop_of_the_sdk() -> None:
    """However many threads call the SDK first, it has one event loop."""
    together = threading.Barrier(MANY)

    def use(_: int) -> int:
        together.wait()
        return id(sdk._loop())

    with ThreadPoolExecutor(MANY) as threads:
        assert len(set(threads.map(use, range(MANY)))) == 1
