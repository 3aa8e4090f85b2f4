"""The client that runs the engine inside this process."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from styx import sdk
from styx.client.embedded import EmbeddedClient
from styx.config import home
from styx.store.records import AttemptState
from support.records import attempt, cluster

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


def test_what_was_given_up_is_told_until_a_cluster_stands_for_it() -> None:
    """A tombstone counts as long as no cluster on record has its attempt: then whoever works on that removes it."""
    client = EmbeddedClient()
    given_up = attempt(state=AttemptState.TOMBSTONE)
    client.store.attempts.add(given_up)
    assert client.given_up() == [given_up.cluster]
    client.store.clusters.create(cluster(name=given_up.cluster, attempt=given_up.owner.attempt))
    assert client.given_up() == []
    client.close()


def test_a_loss_is_told_until_a_complete_search_finds_nothing() -> None:
    """A database that was made anew is told of; once nothing without a record is anywhere, there is nothing to tell."""
    EmbeddedClient().store.close()
    for path in home().glob("state.db*"):
        path.unlink()
    client = EmbeddedClient()
    assert client.lost() is not None
    assert client.orphans().orphans == ()
    assert client.lost() is None
    client.close()
    again = EmbeddedClient()
    assert again.lost() is None
    again.close()
