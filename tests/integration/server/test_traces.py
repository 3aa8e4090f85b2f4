"""Traces, to a collector that really listens."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="styx-core[otel] is not installed")
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SERVE = """
import asyncio, sys
from fastapi import FastAPI
from styx.server.observe import tracing
from styx.server.observe.tracing import Traced
began = tracing.start()
sdk = any(name.startswith("opentelemetry.sdk") for name in sys.modules)
app = FastAPI()
@app.get("/v1/things/{name}")
async def thing(name: str) -> str:
    with tracing.span("launch", request="r1"):
        tracing.phase("provision took 1.50 s")
        tracing.phase("asking the clouds what they have")
    return name
async def receive():
    return {"type": "http.request", "body": b"", "more_body": False}
async def send(message):
    pass
scope = {"type": "http", "method": "GET", "path": "/v1/things/secret-name", "query_string": b"token=secret-query",
         "headers": [(b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
                     (b"authorization", b"Bearer secret-token")],
         "scheme": "http", "http_version": "1.1", "server": ("x", 1), "client": ("y", 2), "root_path": "",
         "state": {"request": "r1"}, "asgi": {"version": "3.0"}}
asyncio.run(Traced(app)(scope, receive, send))
tracing.stop()
print(began, sdk)
"""


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """Its URL, and what it was sent."""
    received: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()
        thread.join()


def serve(environment: dict[str, str]) -> str:
    """What the program above says."""
    run = subprocess.run(
        [sys.executable, "-c", SERVE], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    return run.stdout.strip()


def test_a_request_and_what_it_sets_going(collector: tuple[str, list[bytes]]) -> None:
    """The span of a request is part of its client's trace, what it launches is part of it, and no secret is in any."""
    url, received = collector
    assert serve({"OTEL_EXPORTER_OTLP_ENDPOINT": url}) == "True True"
    request = ExportTraceServiceRequest()
    request.MergeFromString(b"".join(received))
    spans = {span.name: span for each in request.resource_spans for scope in each.scope_spans for span in scope.spans}
    assert set(spans) == {"GET /v1/things/{name}", "launch", "provision"}
    assert {span.trace_id.hex() for span in spans.values()} == {"0af7651916cd43dd8448eb211c80319c"}
    whole, launch, phase = (spans[name] for name in ("GET /v1/things/{name}", "launch", "provision"))
    assert whole.parent_span_id.hex() == "b7ad6b7169203331"
    assert (launch.parent_span_id, phase.parent_span_id) == (whole.span_id, launch.span_id)
    assert phase.end_time_unix_nano - phase.start_time_unix_nano == 1_500_000_000
    said = {each.key: each.value for each in whole.attributes}
    assert (said["http.response.status_code"].int_value, said["styx.request"].string_value) == (200, "r1")
    assert not [each for each in received if b"secret" in each]


def test_nothing_is_imported_without_an_endpoint() -> None:
    """Nor is anything traced."""
    assert serve({}) == "False False"
