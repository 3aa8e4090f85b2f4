"""What the server writes: lines of JSON that say what they are about, and no secret."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from styx.engine.about import about
from styx.server.observe import logs

TOKEN = "styx_0123456789ab_pYb4vHn0cQ3Yc2J1mHk9s8wq7e6r5t4y3u2i1o0p-_A"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What is logged in the test."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    root.handlers = []
    logs.configure(stream)
    yield stream
    root.handlers, root.level = before


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """Each line, read."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_says_what_it_is_about(written: io.StringIO) -> None:
    """The request, the job and the user of the block that it is written in, and of those around it."""
    log = logging.getLogger("styx.test")
    with about(request="r1", user="ann"), about(job=7):
        log.warning("a %s\nline", "torn")
    log.debug("not written")
    log.info("outside")
    first, second = lines(written)
    assert {key: first[key] for key in ("level", "logger", "message", "request", "user", "job")} == {
        "level": "warning", "logger": "styx.test", "message": "a torn\nline", "request": "r1", "user": "ann", "job": 7,
    }  # fmt: skip
    assert first["time"].endswith("+00:00")
    assert "request" not in second


def test_what_runs_on_nodes_is_not_written(written: io.StringIO) -> None:
    """Commands are long, and nobody's business."""
    logging.getLogger("asyncssh").info("Command: rm -rf here")
    assert lines(written) == []


def test_what_failed_is_written_with_its_traceback(written: io.StringIO) -> None:
    """All in the one line."""
    try:
        raise RuntimeError("so it is")
    except RuntimeError:
        logging.getLogger("styx.test").exception("failed")
    (line,) = lines(written)
    assert line["traceback"].endswith("RuntimeError: so it is")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"Bearer {TOKEN}", "Bearer styx_0123456789ab_***"),
        (f'{{"token": "{TOKEN}"}}', '{"token": "styx_0123456789ab_***"}'),
        ("postgresql://styx:s3cr:et@db/styx failed", "postgresql://styx:***@db/styx failed"),
        ("https://hooks.example.org/path?a=b@c", "https://hooks.example.org/path?a=b@c"),
        ("cluster styx_dev is up", "cluster styx_dev is up"),
    ],
)
def test_secrets_are_masked(written: io.StringIO, text: str, shown: str) -> None:
    """Tokens and passwords in URLs, wherever they come from; nothing else is touched."""
    logging.getLogger("somebody.elses").error("%s", text)
    assert [line["message"] for line in lines(written)] == [shown]


def test_requests_are_written(written: io.StringIO) -> None:
    """Who asked for what and what came of it, without the query; what probes ask for only where it fails."""
    caller = type("Caller", (), {"user": "ann"})()
    scope = {"method": "GET", "path": "/v1/clusters", "query_string": b"name=secret", "client": ("10.0.0.1", 7),
             "state": {"request": "r1", "caller": caller}}  # fmt: skip
    logs.observe(scope, 200, 0.0123)
    logs.observe({"method": "GET", "path": "/health"}, 200, 0.001)
    logs.observe({"method": "GET", "path": "/ready"}, 503, 0.001)
    first, second = lines(written)
    del first["time"]
    assert first == {
        "level": "info", "logger": "styx.server.access", "message": "GET /v1/clusters: 200", "request": "r1",
        "method": "GET", "path": "/v1/clusters", "status": 200, "seconds": 0.0123, "user": "ann",
        "address": "10.0.0.1",
    }  # fmt: skip
    assert (second["path"], second["status"], second["user"]) == ("/ready", 503, "")
