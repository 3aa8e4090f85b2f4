"""What takes a while: how much of it a user may have under way, and what waits for what."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_hex
from types import SimpleNamespace
from typing import Any

import pytest

from styx.api.errors import ClusterBusy
from styx.client.refusals import TooManyRequests
from styx.clock import SystemClock
from styx.server.work import requests
from styx.server.work.operations import Asked
from styx.server.work.requests import Requests
from styx.store import Store
from styx.store.access import RequestRecord, RequestState
from styx.store.managed import ServerRecord
from styx.threads import OffLoop

MOST = 2


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store, with a server on record."""
    with Store.open(home=tmp_path) as store:
        now = store.now()
        store.servers.register(ServerRecord("s", "h", 1, "", "", "", "", now, now, now + timedelta(days=1)))
        yield store


def server_of(store: Store, *, inline: bool = True) -> Requests:
    """That server, with an engine that does nothing."""
    context = SimpleNamespace(store=store, clock=SystemClock())
    engine: Any = SimpleNamespace(context=context, for_user=lambda *_, **__: None)
    return Requests(engine, None, OffLoop(inline=inline), lambda: "s", MOST)  # type: ignore[arg-type]


def on_record(store: Store, number: str, kind: str, cluster: str, at: datetime) -> None:
    """A request that the server has to take up."""
    arguments = {"cluster": cluster}
    store.requests.create(RequestRecord(number, kind, "ann", RequestState.RUNNING, at, at, arguments, server="s"))


async def end_of(server: Requests, number: str) -> RequestState:
    """How a request ended, waited for."""
    *_, last = [each async for each in server.watch(number)]
    assert isinstance(last, RequestRecord)
    return last.state


async def test_a_user_has_only_so_many_launches_under_way(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is refused and not on record, also by a server that took them up; others, and later ones, are not."""
    ended = asyncio.Event()

    async def launch(*_: Any) -> None:
        await ended.wait()

    async def asked_for(server: Requests, user: str) -> None:
        await server.submit(token_hex(8), "launch", user, {"cluster": token_hex(4)})

    monkeypatch.setattr(requests, "OPERATIONS", {"launch": launch})
    first, second = server_of(store), server_of(store)
    for user in ("ann", "ann", "bob"):
        await asked_for(first, user)
    with pytest.raises(TooManyRequests, match="ann has 2 launches"):
        await asked_for(first, "ann")
    second.start()
    for _ in range(5):  # it looks, and finds whose they are
        await asyncio.sleep(0)
    with pytest.raises(TooManyRequests):
        await asked_for(second, "ann")
    assert len(store.requests.page(user="ann")) == MOST
    ended.set()
    for _ in range(5):
        await asyncio.sleep(0)
    for each in (first, second):
        await asked_for(each, "ann")
    await second.stop()


async def test_launches_on_one_cluster_are_done_in_turn(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they came, also by a server that takes them up; those on other clusters do not wait."""
    done, at_work = list[str](), list[str]()

    async def launch(_: Any, asked: Asked, __: Any) -> None:
        assert asked.cluster not in at_work
        at_work.append(asked.cluster)
        await asyncio.sleep(0.01)
        at_work.remove(asked.cluster)
        done.append(asked.id)

    monkeypatch.setattr(requests, "OPERATIONS", {"launch": launch})
    for number in range(9):
        at = store.now() + timedelta(seconds=number)
        on_record(store, str(number), "launch", "many" if number < 8 else "one", at)
    server = server_of(store, inline=False)
    server.start()
    assert {await end_of(server, str(number)) for number in range(9)} == {RequestState.SUCCEEDED}
    await server.stop()
    assert done.index("8") < 8
    assert [each for each in done if each != "8"] == [*"01234567"]


async def test_what_was_begun_before_waits_for_its_cluster(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has got the cluster meanwhile will give it back; what has just been asked for is told that it is busy."""
    tries = list[str]()

    async def stop(_: Any, asked: Asked, __: Any) -> None:
        tries.append(asked.id)
        if tries.count(asked.id) < 3:
            raise ClusterBusy("cluster 'c' is busy", cluster="c", operation="launch")

    monkeypatch.setattr(requests, "OPERATIONS", {"stop": stop})
    monkeypatch.setattr(requests, "_AGAIN_SECONDS", 0.01)
    on_record(store, "old", "stop", "c", store.now())
    store.requests.own("old", "s")  # as the server did that died over it
    server = server_of(store)
    server.start()
    await server.submit("new", "stop", "ann", {"cluster": "c"})
    assert (await end_of(server, "old"), await end_of(server, "new")) == (RequestState.SUCCEEDED, RequestState.FAILED)
    await server.stop()
