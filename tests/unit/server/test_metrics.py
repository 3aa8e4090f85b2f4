"""What the server tells Prometheus: how it answers, and how much there is of everything."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, HTTPException
from prometheus_client.parser import text_string_to_metric_families

from styx.engine.phases import EVENT, Phases
from styx.server.observe import metrics
from styx.server.observe.metrics import Measured, Metrics
from styx.store import Store, figures
from styx.store.managed import ManagedState
from styx.store.peek import DATABASE_NAME
from styx.store.states import ClusterState
from styx.testing.clock import FakeClock
from support.job_records import new_job, serve, started
from support.records import cluster

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store in a file."""
    with Store.open(home=tmp_path) as opened:
        yield opened


def samples(text: bytes) -> Samples:
    """What Prometheus would make of it."""
    families = text_string_to_metric_families(text.decode())
    return {
        (each.name, tuple(sorted(each.labels.items()))): each.value for family in families for each in family.samples
    }


def told(found: Samples, name: str) -> dict[str, float]:
    """The values of one metric, by its only label."""
    return {labels[0][1]: value for (each, labels), value in found.items() if each == name}


def test_what_the_installation_has(store: Store) -> None:
    """Jobs that have not ended, clusters, servers and money, as the store has them when it is asked."""
    kept = Metrics(store)
    assert samples(kept.scrape())["styx_jobs_queued", ()] == 0
    serve(store, "s")
    job = started(store, "a")
    ended = started(store, "b")
    store.jobs.move(job.id, job.epoch, ManagedState.RUNNING)
    store.jobs.move(ended.id, ended.epoch, ManagedState.FAILED)
    store.jobs.submit([new_job("c"), new_job("d")])
    store.jobs.submit([new_job("e", group="g"), new_job("f", group="g", needs=(0,))])
    for name, cost in (("x", Decimal("0.5")), ("y", Decimal("1.25")), ("z", None)):
        store.clusters.create(
            cluster(name, ClusterState.UP, cloud="acme", account="prod", hourly_cost=cost, launched_at=store.now())
        )
    found = samples(kept.scrape())
    assert told(found, "styx_jobs") == {"pending": 4, "running": 1}
    assert found["styx_jobs_queued", ()] == 3  # the fourth waits for another job
    assert told(found, "styx_clusters") == {"up": 3}
    assert found["styx_servers_alive", ()] == 1
    assert found["styx_cost_usd_per_hour", (("account", "prod"), ("cloud", "acme"))] == 1.75
    assert found["styx_clusters_unpriced", ()] == 1
    assert found["styx_store_up", ()] == 1
    assert found["styx_store_read_seconds_count", ()] == 2


def test_how_long_launches_take(store: Store) -> None:
    """The phases of every launch that ends after the server began count once, however often it is asked."""
    store.events.add("c", EVENT, "plan 9.00 s")
    kept = Metrics(store)
    clock = FakeClock()
    phases = Phases(clock, lambda *_: None)
    for phase, seconds in (("provision", 1.0), ("connect", 30.0), ("submit", 2.0)):
        phases(phase, "on it")
        clock.advance(seconds)
    phases.end()
    store.events.add("c", EVENT, str(phases))
    store.events.add("c", "note", "provision 5.00 s")
    for _ in range(2):
        found = samples(kept.scrape())
        assert told(found, "styx_launch_phase_seconds_count") == {"plan": 1, "provision": 1, "connect": 1, "submit": 1}
        assert told(found, "styx_launch_phase_seconds_sum")["connect"] == 30.0


def test_phases_are_few(store: Store) -> None:
    """What is written in the store makes no more series than there is room for."""
    kept = Metrics(store)
    store.events.add("c", EVENT, ", ".join(f"phase{number} 1.00 s" for number in range(200)))
    assert len(told(samples(kept.scrape()), "styx_launch_phase_seconds_count")) == metrics._MOST_PHASES + 1


def test_a_store_that_does_not_answer(store: Store, tmp_path: Path) -> None:
    """It is said and counted, and the rest is told as ever."""
    kept = Metrics(store)
    kept.scrape()
    with sqlite3.connect(tmp_path / DATABASE_NAME) as database:
        database.execute("DROP TABLE managed_jobs")
    found = samples(kept.scrape())
    assert found["styx_store_up", ()] == 0
    assert found["styx_store_failures_total", ()] == 1
    assert told(found, "styx_build_info")
    assert not told(found, "styx_clusters")


@pytest.mark.parametrize("query", ["_JOBS", "_REQUESTS", "_BILLED", "_NEWEST", "_AFTER"])
def test_tables_that_grow_are_read_by_an_index(store: Store, tmp_path: Path, query: str) -> None:
    """A million rows of what is over cost nothing."""
    compiled = getattr(figures, query).compile(compile_kwargs={"render_postcompile": True})
    with sqlite3.connect(tmp_path / DATABASE_NAME) as database:
        asked = database.execute(f"EXPLAIN QUERY PLAN {compiled}", dict.fromkeys(compiled.params, 1))
        plan = [row[3] for row in asked]
    assert not [step for step in plan if step.startswith("SCAN") and "servers" not in step]


def app() -> FastAPI:
    """An application with routes of both kinds: that know their whole path, and that are included under a prefix."""
    whole, included, application = APIRouter(prefix="/v1/things"), APIRouter(), FastAPI()

    @whole.get("/{name}")
    async def thing(name: str) -> str:
        if name == "bad":
            raise HTTPException(409)
        if name == "worst":
            raise RuntimeError(name)
        return name

    @included.post("/{name}/parts/{part}")
    async def part(name: str, part: str) -> str:
        return name + part

    application.include_router(whole)
    application.include_router(included, prefix="/v1/x/plugin")
    return application


async def ask(measured: Measured, method: str, path: str) -> None:
    """One request, whatever comes of it."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"a=b",
             "headers": [], "scheme": "http", "http_version": "1.1", "server": ("x", 1), "client": ("y", 2),
             "root_path": "", "asgi": {"version": "3.0"}}  # fmt: skip
    await measured(scope, receive, send)


async def test_requests_are_told_by_route(store: Store) -> None:
    """By template and status, never by what a client makes up; one that failed in the middle is one too."""
    kept = Metrics(store)
    measured = Measured(app(), kept)
    for path in ("/v1/things/a", "/v1/things/b", "/v1/things/bad", "/made/up", "/v1/x/plugin/made/up"):
        await ask(measured, "GET", path)
    await ask(measured, "POST", "/v1/x/plugin/a/parts/b")
    await ask(measured, "WHATEVER", "/v1/things/a")
    with pytest.raises(RuntimeError):
        await ask(measured, "GET", "/v1/things/worst")
    found = samples(kept.scrape())
    counts = {labels: value for (name, labels), value in found.items() if name == "styx_http_request_seconds_count"}
    assert {tuple(value for _, value in labels): count for labels, count in counts.items()} == {
        ("GET", "/v1/things/{name}", "200"): 2,
        ("GET", "/v1/things/{name}", "409"): 1,
        ("GET", "/v1/things/{name}", "500"): 1,
        ("GET", "(none)", "404"): 2,
        ("POST", "/v1/x/plugin/{name}/parts/{part}", "200"): 1,
        ("OTHER", "/v1/things/{name}", "405"): 1,
    }
    assert found["styx_http_requests_in_flight", ()] == 0
