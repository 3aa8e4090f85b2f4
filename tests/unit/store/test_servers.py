"""Servers: alive for as long as they say so; the work of a dead one goes to one other, all of it."""

from __future__ import annotations

import secrets
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from styx.store import Store
from styx.store.access import RequestRecord, RequestState
from styx.store.managed import ManagedState, Superseded
from support.job_records import ANY, ME, TTL, new_job, serve, started, this_process


def request(store: Store, server: str) -> RequestRecord:
    """A request that the server has taken up."""
    now = store.now()
    made = RequestRecord(secrets.token_hex(4), "launch", "ada", RequestState.RUNNING, now, now, server=server)
    store.requests.create(made)
    return store.requests.own(made.id, server)


def test_a_server_lives_for_as_long_as_it_says(store: Store, clock: Any) -> None:
    """Each beat is for so long from then; whoever is silent for longer is dead to the others, and not to itself."""
    serve(store, "a")
    clock.advance(TTL - 1)
    assert store.servers.beat("a", TTL)
    clock.advance(TTL - 1)
    assert store.servers.dead(ME) == []
    clock.advance(1)
    assert [server.id for server in store.servers.dead(ME)] == ["a"]
    assert store.servers.dead(replace(ME, id="a")) == []


def test_a_dead_process_of_this_machine_is_dead_at_once(store: Store) -> None:
    """Nobody waits until the time of a server is over that is known to have ended."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        from styx.store.holder import _started

        theirs = {**this_process(), "pid": process.pid, "started": _started(process.pid)}
        serve(store, "here", **this_process())
        serve(store, "there", **theirs)
        assert store.servers.dead(ME) == []
        process.kill()
        process.wait()
    assert [server.id for server in store.servers.dead(ME)] == ["there"]
    assert store.servers.take_over("there", "here")


def test_all_work_of_the_dead_becomes_the_takers(store: Store, clock: Any) -> None:
    """Jobs and requests under way go over at once, what has ended stays, and what the dead one writes is refused."""
    serve(store, "a")
    ended, running = started(store, "1", "a"), started(store, "2", "a")
    ended = store.jobs.move(ended.id, ended.epoch, ManagedState.SUCCEEDED)
    asked = request(store, "a")
    clock.advance(TTL)
    serve(store, "b")
    assert store.servers.take_over("a", "b")
    assert [job.id for job in store.jobs.under_way("b")] == store.jobs.at_work("b") == [running.id]
    assert [each.id for each in store.requests.under_way("b")] == [asked.id]
    assert store.jobs.get(ended.id) == ended
    last = store.jobs.events(running.id)[-1]
    assert (last.kind, last.reason[:8], "server b" in last.reason) == ("server", "server a", True)
    for late in (
        lambda: store.jobs.update(running.id, running.epoch, cluster="late"),
        lambda: store.jobs.own(running.id, "a"),
        lambda: store.requests.finish(asked.id, asked.epoch, RequestState.SUCCEEDED),
        lambda: store.requests.own(asked.id, "a"),
        lambda: store.jobs.admit("a", ANY) if store.jobs.submit([new_job("3")]) else None,
        lambda: request(store, "a"),
    ):
        with pytest.raises(Superseded):
            late()
    assert not store.servers.beat("a", TTL)
    assert [server.id for server in store.servers.list()] == ["b"]


def test_nothing_is_taken_from_the_living_or_by_the_dead(store: Store, clock: Any) -> None:
    """A server that has come back keeps its work, nobody takes twice, and who is not on record takes nothing."""
    serve(store, "a")
    started(store, "1", "a")
    clock.advance(TTL)
    serve(store, "b")
    with pytest.raises(Superseded):
        store.servers.take_over("a", "gone")
    assert store.servers.beat("a", TTL)  # it was only slow
    assert not store.servers.take_over("a", "b")
    assert not store.servers.take_over("a", "a")
    clock.advance(TTL)
    store.servers.beat("b", TTL)
    assert store.servers.take_over("a", "b")
    assert not store.servers.take_over("a", "b")


def test_who_leaves_is_forgotten_or_leaves_work_to_be_taken(store: Store) -> None:
    """Without work its row goes; with work another may take it over at once."""
    serve(store, "idle")
    serve(store, "busy")
    started(store, "1", "busy")
    for server in ("idle", "busy", "never there"):
        store.servers.retire(server)
    assert [server.id for server in store.servers.list()] == ["busy"]
    assert [server.id for server in store.servers.dead(ME)] == ["busy"]
