"""Webhooks: whom a server talks to, what it says, and that nobody leads it elsewhere."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from styx.api import BadInput
from styx.config import Config
from styx.jobs import webhooks
from styx.jobs.model import JobOptions
from styx.jobs.submit import submit
from styx.jobs.telling import tell, to_be_told
from styx.jobs.webhooks import WebhookRefused, allowed, check, post
from styx.sealing import Sealer
from styx.spec import Task
from styx.store import Store
from styx.store.managed import ManagedJob, ManagedState
from support.records import NOW
from support.scripted_http import Script, playing, said


@pytest.fixture
def receiver(socket_enabled: None) -> Iterator[Script]:
    """A server on this machine."""
    with playing(Script(said(b""))) as script:
        yield script


@pytest.mark.parametrize(
    ("address", "fine"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("192.168.0.1", False),
        ("172.16.0.1", False),
        ("169.254.169.254", False),  # where clouds tell machines their credentials
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("fec0::1", False),
        ("192.88.99.1", False),
        ("168.63.129.16", False),
        ("::ffff:168.63.129.16", False),
        ("192.0.0.192", False),
        ("3fff::1", False),
        ("nonsense", False),
    ],
)
def test_only_addresses_of_the_internet_are_posted_to(address: str, fine: bool) -> None:
    """Whatever a name resolves to, and however the address of an inner machine is wrapped."""
    assert allowed("hook.example", address, ()) is fine


def test_the_settings_allow_hosts_addresses_and_networks() -> None:
    """By name or by where they are."""
    assert allowed("ci.corp.example", "10.0.0.1", ["ci.corp.example"])
    assert allowed("other", "10.0.0.1", ["10.0.0.1"])
    assert allowed("other", "10.0.3.1", ["10.0.0.0/16"])
    assert not allowed("other", "10.1.0.1", ["10.0.0.0/16", "ci.corp.example"])


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://a.example/",
        "https://",
        "http://user:pw@a.example/",
        "http://a.example/\r\nX-Evil: 1",
        "http://a.example:99999/",
        "http://a.example/ x",
        "gopher://a.example",
        "http://a..example/",
        f"http://{'a' * 64}.example/",
        f"http://a.example/{'x' * 3000}",
    ],
)
def test_what_is_no_url_to_post_to_is_refused(url: str) -> None:
    """Also what would put a line of its own into the request."""
    with pytest.raises(BadInput):
        check(url)


def test_loopback_is_refused_before_anything_is_sent(receiver: Script) -> None:
    """Unless the settings allow it."""
    with pytest.raises(WebhookRefused, match=r"127.0.0.1 is not a public address, .* jobs\.webhooks_allow"):
        post(receiver.url, {})
    assert receiver.asked == []


def test_what_is_posted_is_signed(receiver: Script) -> None:
    """The receiver can tell who posted it, and when: HMAC-SHA256 of time and body under the shared secret."""
    assert post(f"{receiver.url}/hook?a=b", {"job": 7}, allow=["127.0.0.1"], secret="s3cret", now=1700000000) == 200
    (asked,) = receiver.asked
    assert (asked.path, asked.json) == ("/hook?a=b", {"job": 7})
    signed = hmac.new(b"s3cret", b"1700000000." + asked.body, hashlib.sha256).hexdigest()
    assert asked.headers["X-Styx-Signature"] == f"t=1700000000,v1={signed}"


@pytest.mark.parametrize(
    ("scheme", "first", "drop"),
    [
        ("http", b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        ("http", b"HTTP/1.0 200 OK\r\n\r\n", b"x"),
        ("https", b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03", b"\0"),  # a hello of 16 KiB
    ],
)
def test_who_never_comes_to_an_end_is_left(scheme: str, first: bytes, drop: bytes, socket_enabled: None) -> None:
    """The time is for the whole post: a peer that says a little all the while is cut off, also before TLS stands."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            with listening.accept()[0] as peer, suppress(OSError):
                peer.sendall(first)
                while not over.wait(0.01):
                    peer.sendall(drop)

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        try:
            with pytest.raises(TimeoutError, match="too long"):
                post(f"{scheme}://127.0.0.1:{listening.getsockname()[1]}/", {}, allow=["127.0.0.1"], seconds=0.2)
        finally:
            over.set()
            thread.join()


def test_the_time_counts_from_the_search_for_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is posted to a name that is resolved too late."""

    def resolve(*_: object, **__: object) -> list[tuple[object, ...]]:
        threading.Event().wait(0.05)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("it was posted to"))
    with pytest.raises(TimeoutError, match="too long"):
        post("http://hook.example/", {}, allow=["127.0.0.0/8"], seconds=0.01)


def test_what_a_name_resolves_to_is_told_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would say what there is around the server."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", ("10.1.2.3", 80))])
    with pytest.raises(WebhookRefused, match=r"db\.corp is not a public address") as refused:
        post("http://db.corp/", {})
    assert "10.1.2.3" not in f"{refused.value.message} {refused.value.hint} {refused.value.to_wire()}"


async def test_who_is_slow_keeps_only_its_own_user_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many posts of one user do not come to an end, those of others are on their way; then it is noted."""
    over, begun = threading.Event(), []

    def answer(url: str, what: dict[str, Any], **_: object) -> int:
        begun.append(what["job"]["user"])
        return 200 if "quick" in url else 408 * over.wait(30)

    monkeypatch.setattr(webhooks, "post", answer)
    store, sealer = Store.open(home=tmp_path), Sealer.open(tmp_path)
    context = SimpleNamespace(store=store, config=Config())

    def ended(user: str) -> ManagedJob:
        options = JobOptions(on_failure=(f"https://{user}.example/",))
        (job,) = submit(store, sealer, Task("t").run("true"), options, user=user)
        store.jobs.cancel([job.id])
        return store.jobs.get(job.id)

    slow = [ended("slow") for _ in range(9)]
    waiting = [asyncio.ensure_future(tell(context, sealer, job)) for job in slow]  # type: ignore[arg-type]
    quick = ended("quick")
    await tell(context, sealer, quick)  # type: ignore[arg-type]
    assert store.jobs.events(quick.id)[-1].reason == "quick.example: answered 200"
    assert begun.count("slow") < len(slow)
    over.set()
    await asyncio.gather(*waiting)
    assert {store.jobs.events(job.id)[-1].reason for job in slow} == {"slow.example: answered 408"}
    store.close()


def test_nobody_leads_it_elsewhere(receiver: Script) -> None:
    """A redirect is an answer, and is not followed."""
    receiver.answers = [said(b"", 302, location="http://169.254.169.254/")]
    assert post(receiver.url, {}, allow=["127.0.0.0/8"]) == 302
    assert len(receiver.asked) == 1


def test_a_name_is_resolved_once(receiver: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is one address when it is judged, and another when it is connected to, gets nothing from that."""
    asked = []

    def resolve(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        address = "127.0.0.1" if len(asked) == 1 else "169.254.169.254"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    real = socket.create_connection
    connected = []

    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        connected.append(address[0])
        monkeypatch.undo()
        return real(address, timeout)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    assert post(receiver.url.replace("127.0.0.1", "hook.example"), {}, allow=["127.0.0.0/8"]) == 200
    assert (asked, connected) == (["hook.example"], ["127.0.0.1"])


@pytest.mark.parametrize(
    ("state", "let_go", "told"),
    [
        (ManagedState.SUCCEEDED, False, ("https://good",)),
        (ManagedState.FAILED_SETUP, False, ("https://bad",)),
        (ManagedState.CANCELLED, False, ("https://bad",)),
        (ManagedState.CANCELLED, True, ()),
    ],
)
def test_who_is_told(state: ManagedState, let_go: bool, told: tuple[str, ...]) -> None:
    """Those who asked for this end; of a job that ends as its group has no use for it any more, nobody."""
    options = JobOptions(on_success=("https://good",), on_failure=("https://bad",)).to_data()
    job = ManagedJob(1, "k", "n", state, NOW, NOW, {}, options, stop_at=NOW if let_go else None)
    assert to_be_told(job) == told
