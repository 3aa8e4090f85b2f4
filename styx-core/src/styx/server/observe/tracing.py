"""Traces by OpenTelemetry, of requests and of what they set going, where somebody has said where they are to go.

Without OTEL_EXPORTER_OTLP_ENDPOINT nothing of OpenTelemetry is imported. It takes the extra ``styx-core[otel]``; where,
how often and how many are sent is said by the environment, as its documentation has it. No span holds a header, a query
or a body.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from styx import __version__
from styx.server.observe.metrics import template
from styx.server.statuses import Sent

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer
    from starlette.types import ASGIApp, Receive, Scope, Send

log = logging.getLogger("styx.server")

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_TOOK = re.compile(r"(\S+) took (\d+\.\d+) s")  # as engine.phases tells that one has ended
_FAILED = 500

_provider: TracerProvider | None = None
_tracer: Tracer | None = None


def start() -> bool:
    """Begin to trace, if that is wanted and can be; idempotent. Spans are sent from a thread, in batches."""
    global _provider, _tracer  # noqa: PLW0603 - OpenTelemetry has one for a process too
    if _tracer is None and any(os.environ.get(name) for name in _ENDPOINTS):
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            log.warning("no traces are sent: %s. `pip install 'styx-core[otel]'` brings what is missing", error)
            return False
        own = {"service.name": "styx-server", "service.version": __version__}
        _provider = TracerProvider(resource=Resource.create(own | _named()))
        _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        _tracer = _provider.get_tracer("styx.server", __version__)
    return _tracer is not None


def stop() -> None:
    """Send what has not been sent, and trace no more. Idempotent."""
    global _provider, _tracer
    provider, _provider, _tracer = _provider, None, None
    if provider is not None:
        provider.shutdown()


def _named() -> dict[str, str]:
    name = os.environ.get("OTEL_SERVICE_NAME")
    return {"service.name": name} if name else {}


@contextmanager
def span(name: str, **attributes: str) -> Iterator[None]:
    """What the block does is a span, below the one that it is in. Nothing where there are no traces."""
    if _tracer is None:
        yield
        return
    with _tracer.start_as_current_span(name, attributes={f"styx.{key}": value for key, value in attributes.items()}):
        yield


def phase(sentence: str) -> None:
    """Make a span of a phase of a launch, of which the engine has just said how long it took."""
    found = _TOOK.fullmatch(sentence) if _tracer is not None else None
    if _tracer is not None and found is not None:
        now = time.time_ns()
        _tracer.start_span(found[1], start_time=now - int(float(found[2]) * 1e9)).end(now)


class Traced:
    """ASGI middleware: each request is a span, below the one that its client says it is part of."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or _tracer is None:
            await self._app(scope, receive, send)
            return
        from opentelemetry.trace import SpanKind, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        sent = Sent(send)
        wanted = (b"traceparent", b"tracestate")
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in wanted}
        parent = TraceContextTextMapPropagator().extract(headers)
        with _tracer.start_as_current_span(scope["method"], context=parent, kind=SpanKind.SERVER) as found:
            await self._app(scope, receive, sent)
            route = template(scope)
            found.update_name(f"{scope['method']} {route}")
            found.set_attributes(
                {
                    "http.request.method": scope["method"],
                    "http.route": route,
                    "http.response.status_code": sent.status,
                    "styx.request": scope.get("state", {}).get("request", ""),
                }
            )
            if sent.status >= _FAILED:
                found.set_status(StatusCode.ERROR)
