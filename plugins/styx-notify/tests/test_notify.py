"""styx-notify against a real HTTP server on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from styx.api import BadInput, TransportError
from styx.hookspecs import Event
from styx_notify.cli import notify
from styx_notify.config import Settings
from styx_notify.hooks import Notify


class Hook:
    """A web hook that keeps what it is sent and answers with ``status``."""

    def __init__(self) -> None:
        self.received: list[dict[str, str]] = []
        self.status = 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.received.append(json.loads(body))
                self.send_response(hook.status)
                self.send_header("Location", f"{hook.url}/elsewhere")
                self.end_headers()

            def do_GET(self) -> None:
                hook.received.append({"text": self.path})
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks/s3cret"


@pytest.fixture
def hook() -> Iterator[Hook]:
    """A running web hook."""
    hook = Hook()
    thread = threading.Thread(target=hook.server.serve_forever, args=(0.01,))
    thread.start()
    yield hook
    hook.server.shutdown()
    thread.join()
    hook.server.server_close()


def event(to: str = "up", *, kind: str = "state", reason: str = "") -> Event:
    """A change of a cluster's state."""
    return Event(datetime(2026, 1, 2, tzinfo=UTC), "cluster", "dev", kind, "setting_up", to, reason)


def test_a_change_of_state_is_posted(hook: Hook) -> None:
    """Each web hook gets the change as JSON with a sentence for people."""
    Notify(Settings(urls=(hook.url,))).styx_event(event(reason="all nodes run"))
    (sent,) = hook.received
    assert sent["text"] == "Styx cluster dev is up: all nodes run"
    assert (sent["cluster"], sent["from"], sent["to"]) == ("dev", "setting_up", "up")
    assert sent["at"] == "2026-01-02T00:00:00+00:00"


def test_a_removed_cluster_is_gone(hook: Hook) -> None:
    """Removal has no state on record and is told as gone."""
    Notify({"urls": [hook.url]}).styx_event(event("", kind="removed"))
    assert hook.received[0]["to"] == "gone"


def test_what_is_not_worth_telling_is_not_told(hook: Hook) -> None:
    """States outside the settings are passed over."""
    Notify(Settings(urls=(hook.url,), states=frozenset({"failed"}))).styx_event(event("up"))
    assert hook.received == []


def test_a_refusal_names_the_host_and_not_the_address(hook: Hook) -> None:
    """The path of a web hook is its password."""
    hook.status = 404
    with pytest.raises(TransportError, match=r"127\.0\.0\.1 was not told: it answered 404") as caught:
        Notify(Settings(urls=(hook.url,))).styx_event(event())
    assert "s3cret" not in str(caught.value.to_wire())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nobody_else_is_asked(hook: Hook, status: int) -> None:
    """Where a web hook sends one elsewhere, that is an answer like any other that is no success."""
    hook.status = status
    with pytest.raises(TransportError, match=f"was not told: it answered {status}"):
        Notify(Settings(urls=(hook.url,))).styx_event(event())
    assert len(hook.received) == 1


def test_an_unreachable_host_is_a_transport_error(hook: Hook) -> None:
    """A server that is down is named in plain words, and so is where its address is kept."""
    url = hook.url.replace(f":{hook.server.server_port}", ":1")
    with pytest.raises(TransportError, match="was not told") as caught:
        Notify(Settings(urls=(url,), timeout=1)).styx_event(event())
    assert caught.value.message.endswith("was not told: Connection refused")
    assert "plugins.notify.urls" in str(caught.value.hint)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "no address", "ftp://example.org/x"])
def test_only_web_addresses_are_posted_to(url: str) -> None:
    """No other scheme is opened."""
    with pytest.raises(TransportError, match="only http and https"):
        Notify(Settings(urls=(url,))).styx_event(event())


def test_unknown_settings_are_refused() -> None:
    """A misspelt key does not silently switch messages off."""
    with pytest.raises(ValidationError):
        Settings.model_validate({"url": "https://example.org"})


def test_the_doctor_says_whom_it_tells(hook: Hook) -> None:
    """With web hooks it is fine, without any it warns."""
    (good,) = Notify(Settings(urls=(hook.url,))).styx_doctor()
    (idle,) = Notify(Settings()).styx_doctor()
    assert (good.level, idle.level) == ("ok", "warning")
    assert "s3cret" not in good.message


def test_the_command_sends_a_test_message(hook: Hook) -> None:
    """``styx notify test`` tells every web hook and says so."""
    done = CliRunner().invoke(notify, ["test"], obj=lambda: Settings(urls=(hook.url,)))
    assert done.output == "127.0.0.1 was told.\n"
    assert hook.received[0]["cluster"] == "example"


def test_the_command_needs_somebody_to_tell() -> None:
    """Without web hooks it says how to add one."""
    done = CliRunner().invoke(notify, ["test"], obj=Settings)
    assert isinstance(done.exception, BadInput)
