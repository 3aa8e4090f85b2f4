"""What a server tells Prometheus, at ``GET /metrics``: of itself as it happens, of the installation when it is asked.

Values of labels are bounded: routes are named by their templates, and states, kinds, clouds and accounts are few. What
servers that share a store tell of the installation is the same everywhere; of what they tell of themselves there is a
sum.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily

from styx import __version__
from styx.api.errors import StoreError
from styx.engine.phases import EVENT, seconds_of
from styx.server.statuses import CLOSED, Sent

if TYPE_CHECKING:
    from prometheus_client.core import Metric
    from starlette.types import ASGIApp, Receive, Scope, Send

    from styx.store import Store
    from styx.store.figures import Figures

disable_created_metrics()  # type: ignore[no-untyped-call]  # when a series began is of no use to anybody, and doubles their number

log = logging.getLogger("styx.server")

UNMATCHED = "(none)"  # the route of what has none
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_EVENTS_AT_ONCE = 5000  # that are read at one scrape; the next goes on from there
_MOST_PHASES = 24  # that are told apart; they come from the store
_REQUEST_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0)
_STORE_SECONDS = (0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)
_PHASE_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)


class Metrics:
    """Of one server. :meth:`scrape` reads the store; the rest is cheap, and called in the event loop."""

    def __init__(self, store: Store) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "styx_http_request_seconds",
            "How long requests took, from their first byte to the last of the answer.",
            ("method", "route", "status"),
            buckets=_REQUEST_SECONDS,
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "styx_http_requests_in_flight", "Requests that are being answered now.", registry=self.registry
        )
        Gauge("styx_build_info", "1, with the version of this server.", ("version",), registry=self.registry).labels(
            __version__
        ).set(1)
        ProcessCollector(registry=self.registry)
        self._installation = _Installation(store, self.registry)
        self.registry.register(self._installation)

    def scrape(self) -> bytes:
        """All of it as text. The store's part is missing where the store does not answer; ``styx_store_up`` says so."""
        self._installation.read()
        return generate_latest(self.registry)


class Measured:
    """ASGI middleware that counts and times requests; the outermost."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent, began = Sent(send, CLOSED), time.perf_counter()
        self._metrics.in_flight.inc()
        try:
            await self._app(scope, receive, sent)
        finally:
            self._metrics.in_flight.dec()
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            self._metrics.requests.labels(method, template(scope), sent.status).observe(time.perf_counter() - began)


def template(scope: Scope) -> str:
    """The route that a request went to, with the names of its parameters in place of their values."""
    route = scope.get("route")
    own = getattr(route, "path", None)
    if not isinstance(own, str):
        return UNMATCHED
    # A route knows itself without the prefix under which its router was included.
    parts = scope["path"].split("/")
    return "/".join(parts[: len(parts) - own.count("/")]) + own


class _Installation:
    """What the store says, as it was when it was read last."""

    def __init__(self, store: Store, registry: CollectorRegistry) -> None:
        self._store = store
        self._families: list[Metric] = []
        self._seen: int | None = None  # the number of the last event that was looked at
        self._names: set[str] = set()  # of phases
        self._phases = Histogram(
            "styx_launch_phase_seconds",
            "How long phases of launches took, of all that ended since this server began.",
            ("phase",),
            buckets=_PHASE_SECONDS,
            registry=registry,
        )
        self._latency = Histogram(
            "styx_store_read_seconds",
            "How long the store took to answer what is asked of it for these metrics.",
            buckets=_STORE_SECONDS,
            registry=registry,
        )
        self._failures = Counter("styx_store_failures", "How often it did not answer.", registry=registry)
        with suppress(StoreError):
            self._seen = store.watch.newest_event()

    def read(self) -> None:
        """Ask the store. Never raises for that it does not answer."""
        began = time.perf_counter()
        try:
            figures = self._store.watch.figures()
            self._look_at_launches()
        except StoreError as error:
            log.warning("the store does not answer what is asked for the metrics: %s", error.message)
            self._failures.inc()
            self._families = [_up(0)]
        else:
            self._latency.observe(time.perf_counter() - began)
            self._families = [_up(1), *_families(figures)]

    def collect(self) -> Iterable[Metric]:
        """What was read; nothing before."""
        return self._families

    def _look_at_launches(self) -> None:
        if self._seen is None:  # the store did not answer when the server began
            self._seen = self._store.watch.newest_event()
        for event in self._store.watch.events(EVENT, self._seen, _EVENTS_AT_ONCE):
            self._seen = event.id
            for phase, seconds in seconds_of(event.reason).items():
                if len(self._names) < _MOST_PHASES:
                    self._names.add(phase)
                self._phases.labels(phase if phase in self._names else "other").observe(seconds)


def _up(value: int) -> Metric:
    return _gauge("styx_store_up", "Whether the store answers.", value)


def _families(figures: Figures) -> Iterator[Metric]:
    yield _labelled("styx_jobs", "Managed jobs that have not ended.", "state", figures.jobs.items())
    yield _gauge("styx_jobs_queued", "Managed jobs that only wait for their turn.", figures.queued)
    yield _labelled("styx_clusters", "Clusters on record.", "state", figures.clusters.items())
    yield _labelled("styx_requests", "Requests that go on without their client.", "kind", figures.requests.items())
    yield _gauge("styx_servers_alive", "Servers that work on this store.", figures.servers)
    cost = GaugeMetricFamily(
        "styx_cost_usd_per_hour", "What is billed now, as far as prices are known.", labels=("cloud", "account")
    )
    for place, amount in figures.hourly_cost.items():
        cost.add_metric(place, float(amount))
    yield cost
    yield _gauge("styx_clusters_unpriced", "Clusters billed at a price that is not known.", figures.unpriced)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=value)


def _labelled(name: str, help_text: str, label: str, values: Iterable[tuple[str, int]]) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=(label,))
    for value, number in values:
        family.add_metric((value,), number)
    return family
