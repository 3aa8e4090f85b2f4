"""How much there is of everything is told by both databases in the same way."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from styx.store import Store
from styx.store.access import RequestRecord, RequestState
from styx.store.managed import ManagedState
from styx.store.states import ClusterState
from support.job_records import new_job, serve, started
from support.records import cluster


def test_figures(url: str) -> None:
    """Jobs, clusters, requests and servers are counted, money is added up, and events are read once each."""
    with Store.open(url) as store:
        now = store.now()
        serve(store, "s")
        job = started(store, "a")
        store.jobs.move(job.id, job.epoch, ManagedState.RUNNING)
        store.jobs.submit([new_job("b", group="g"), new_job("c", group="g", needs=(0,))])
        store.requests.create(RequestRecord("r", "launch", "ada", RequestState.RUNNING, now, now, server="s"))
        for name, cost in (("x", Decimal("0.5")), ("y", Decimal("0.25")), ("z", None)):
            store.clusters.create(
                cluster(name, ClusterState.UP, cloud="acme", account="prod", hourly_cost=cost, launched_at=now)
            )
        newest = store.watch.newest_event()
        store.events.add("x", "phases", "plan 1.00 s")
        store.events.add("x", "note", "plan 2.00 s")
        found = store.watch.figures()
        assert (found.jobs, found.queued) == ({"running": 1, "pending": 2}, 1)
        assert (found.clusters, found.requests, found.servers) == ({"up": 3}, {"launch": 1}, 1)
        assert (found.hourly_cost, found.unpriced) == ({("acme", "prod"): Decimal("0.75")}, 1)
        assert [event.reason for event in store.watch.events("phases", newest, 10)] == ["plan 1.00 s"]


def test_what_is_over(url: str) -> None:
    """What was billed and has ended is added up by price and user, from a moment on; what is added ends by then."""
    with Store.open(url) as store:
        now = store.now()
        for name, user, hours in (("a", "ann", 3), ("b", "ann", 2), ("c", "bob", 1)):
            began = now - timedelta(hours=hours)
            store.clusters.create(
                cluster(name, ClusterState.UP, user=user, hourly_cost=Decimal("0.50"), launched_at=began)
            )
        for name in ("a", "b"):
            store.clusters.remove(name, "gone")
        with store.spans.billed("c") as billed:
            assert [span.cluster for span in billed.going_on()] == []
            paid = {each.user: each for each in billed.ended(now - timedelta(minutes=90))}
        assert {user: each.hourly_cost for user, each in paid.items()} == dict.fromkeys(("ann", "bob"), Decimal("0.5"))
        assert abs(paid["ann"].seconds - 2 * 90 * 60) < 20
        assert abs(paid["bob"].seconds - 60 * 60) < 20
