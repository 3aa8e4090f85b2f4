"""The client's connection to a server that answers badly, late, or not at all."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from styx.api.errors import ClusterBusy, InvalidConfig, PluginError, StyxError, TransportError
from styx.client.access import greeted
from styx.client.login import Login
from styx.client.refusals import NoSuchThing, TooManyRequests, Unauthenticated
from styx.client.remote.events import Event, Stream
from styx.client.remote.http import TRIES, Http, proxy_for
from styx.client.remote.requests import Requests
from styx.client.wire import Unreadable
from support.scripted_http import Answer, Script, events, gone, playing, refused, said

Act = Callable[[Http], object]


class Played:
    """What a client made of a script: what came of it, what the server was asked, and how long was waited."""

    def __init__(self, act: Act, *answers: Answer, version: str | None = None) -> None:
        self.waited: list[float] = []
        self.result: object = None
        self.error: StyxError | None = None
        with playing(Script(*answers)) as script:
            script.version = version or script.version
            http = Http(script.url, "styx_1_secret", sleep=self.waited.append)
            try:
                self.result = act(http)
            except StyxError as error:
                self.error = error
            http.close()
        self.asked = script.asked


def get(http: Http) -> object:
    """Ask for something."""
    return http.json("GET", "/v1/x")


def post(http: Http) -> object:
    """Have something done."""
    return http.json("POST", "/v1/x", {"a": 1})


@contextmanager
def hanging_up(words: bytes = b"", times: int = 1) -> Iterator[str]:
    """The address of somebody who answers so many times, whatever is said, with these words, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def answer() -> None:
            for _ in range(times):
                with door.accept()[0] as peer:
                    peer.recv(1 << 16)
                    peer.sendall(words)

        answering = Thread(target=answer)
        answering.start()
        yield f"127.0.0.1:{door.getsockname()[1]}"
        answering.join()


def test_nobody_listens() -> None:
    """A server that is not there is told by its address and the reason, with what to do, after a few tries."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    waited: list[float] = []
    with pytest.raises(TransportError) as caught:
        get(Http(url, "", sleep=waited.append))
    assert caught.value.message == f"the server at {url} cannot be reached: Connection refused"
    assert "styx api logout" in (caught.value.hint or "")
    assert len(waited) == TRIES - 1


def test_who_hangs_up_without_an_answer_may_speak_https(monkeypatch: pytest.MonkeyPatch) -> None:
    """So does a server that wants TLS, when it is named by http://; before a login the hint is about the address."""
    monkeypatch.setattr("styx.client.remote.http.TRIES", 1)
    with hanging_up() as address, pytest.raises(TransportError, match="it hung up without an answer") as caught:
        greeted(Login(f"http://{address}", ""))
    assert (caught.value.hint or "").startswith("It may speak https")
    with pytest.raises(TransportError) as caught:
        greeted(Login(f"http://{address}", ""))
    assert (caught.value.hint or "").startswith("Look at the address")


def test_who_speaks_no_tls_is_told_apart_from_who_is_distrusted() -> None:
    """A server of this machine that is named without http:// is asked by TLS, and answers in clear."""
    in_clear = hanging_up(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with in_clear as address, pytest.raises(InvalidConfig, match="speaks no TLS") as caught:
        get(Http(f"https://{address}", ""))
    assert "http://" in (caught.value.hint or "")


def test_who_hangs_up_is_not_distrusted() -> None:
    """What stands before a server that is being started ends TLS before it begins: it is asked again, then told so."""
    waited: list[float] = []
    with hanging_up(times=TRIES) as address, pytest.raises(TransportError) as caught:
        get(Http(f"https://{address}", "", "00" * 32, sleep=waited.append))
    assert caught.value.message.startswith(f"the server at https://{address} cannot be reached: it hung up")
    assert len(waited) == TRIES - 1


def test_what_asks_is_asked_again() -> None:
    """A question whose answer breaks off is asked again."""
    played = Played(get, gone, gone, said({"ok": 1}))
    assert played.result == {"ok": 1}
    assert len(played.asked) == len(played.waited) + 1 == 3


def test_what_is_done_once_is_sent_again_under_its_key() -> None:
    """A POST whose answer breaks off is sent again as the same request, by its key; the next one has another."""
    played = Played(lambda http: (post(http), post(http)), gone, said({}))
    keys = [asked.headers["idempotency-key"] for asked in played.asked]
    assert keys[0] == keys[1] != keys[2]
    assert {asked.body for asked in played.asked} == {b'{"a": 1}'}


def test_what_might_be_done_twice_is_not_sent_again() -> None:
    """A DELETE whose answer breaks off is not repeated: it may have been done, and is told."""
    played = Played(lambda http: http.json("DELETE", "/v1/x"), gone, said({}))
    assert isinstance(played.error, TransportError)
    assert len(played.asked) == 1


@pytest.mark.parametrize(
    ("answer", "waits"),
    [
        (refused("too_many_requests", 429, retry_after=7), 7),
        (refused("unavailable", 503), 0.2),
        (refused("clash", 409), 0.2),
        (said(b"<html>Bad Gateway", 502, "text/html"), 0.2),
    ],
)
def test_patience(answer: Answer, waits: float) -> None:
    """What says that it was not done now is asked again after a while: as long as the server asks for, if it does."""
    played = Played(post, answer, said({"ok": 1}))
    assert played.result == {"ok": 1}
    assert played.waited == [waits]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refused("cluster_busy", 409, cluster="dev"), ClusterBusy),
        (refused("unauthenticated", 401), Unauthenticated),
        (refused("store_error", 503), StyxError),
        (said(b"<html>Welcome", 200, "text/html"), Unreadable),
        (said({}, 302, location="http://example.org/"), Unreadable),
        (said(["hello"]), Unreadable),
        (said({"hello": "there"}), Unreadable),
    ],
)
def test_answers_that_stand(answer: Answer, kind: type[StyxError]) -> None:
    """Any other refusal is told at once, what is no answer of ours too, and no token follows anybody elsewhere."""
    played = Played(lambda http: [*http.pages("/v1/x")], answer)
    assert isinstance(played.error, kind)
    assert len(played.asked) == 1


def test_patience_ends() -> None:
    """After some tries the last refusal is the error."""
    played = Played(get, refused("too_many_requests", 429))
    assert isinstance(played.error, TooManyRequests)
    assert len(played.asked) == TRIES


def test_servers_of_other_times() -> None:
    """Nothing is done by a server that is too old, and an address it does not know is explained by that."""
    for act in (post, get):
        played = Played(act, refused("no_such_thing", 404), version="0.99.0")
        assert isinstance(played.error, PluginError)
        assert "is Styx 0.99.0, and this is" in played.error.message
    assert isinstance(Played(get, refused("no_such_thing", 404)).error, NoSuchThing)


ONE = b'id: 1\nevent: progress\ndata: {"phase":"plan","sentence":"asking"}\n\n'
TWO = b'id: 2\nevent: progress\ndata: {"phase":"agent","sentence":"starting"}\n\n'
END = b'event: result\ndata: {"state":"succeeded","result":{"ok":1}}\n\n'
LAST = b"event: end\ndata: {}\n\n"


@pytest.mark.parametrize(
    "cut", [events(ONE, TWO[:30], whole=False), events(ONE, TWO[:30], whole=True), events(ONE, whole=True)]
)
def test_streams_go_on_where_they_broke(cut: Answer) -> None:
    """A stream that breaks off, or ends without saying so, is read on after its last whole event; each comes once."""
    played = Played(lambda http: [*Stream(http, "/v1/e", sleep=http._sleep)], cut, events(TWO, END, LAST, whole=True))
    assert isinstance(played.result, list)
    assert [event.id for event in played.result if isinstance(event, Event)] == ["1", "2", ""]
    assert [asked.headers.get("last-event-id") for asked in played.asked] == [None, "1"]


def test_streams_that_bring_nothing() -> None:
    """A stream that breaks off again and again without an event is given up, and what is asked for goes on."""
    played = Played(lambda http: [*Stream(http, "/v1/e", sleep=http._sleep)], events(whole=False))
    assert isinstance(played.error, TransportError)
    assert "breaks off again and again" in played.error.message


def test_problems_in_a_stream() -> None:
    """A problem on the way is the error that it was at the server."""
    problem = b'event: problem\ndata: {"code":"cluster_busy","detail":"busy","status":409}\n\n'
    assert isinstance(Played(lambda http: [*Stream(http, "/v1/e")], events(problem, whole=True)).error, ClusterBusy)


def test_interrupts_cancel_at_the_server() -> None:
    """Ctrl-C cancels what goes on at the server, waits until it has ended there, and hears what it says meanwhile."""
    heard: list[str] = []

    def hear(event: Event) -> None:
        heard.append(event.data["phase"])
        if len(heard) == 1:
            raise KeyboardInterrupt

    def act(http: Http) -> None:
        with pytest.raises(KeyboardInterrupt):
            Requests(http).run("POST", "/v1/clusters", {}, hear=hear)

    cancelled = b'event: result\ndata: {"state":"cancelled","result":null}\n\n'
    played = Played(
        act, said({"id": "7"}, 202), events(ONE, whole=False), said({}), events(TWO, cancelled, LAST, whole=True)
    )
    assert [(asked.method, asked.path) for asked in played.asked] == [
        ("POST", "/v1/clusters"), ("GET", "/v1/requests/7/events"), ("POST", "/v1/requests/7/cancel"),
        ("GET", "/v1/requests/7/events"),
    ]  # fmt: skip
    assert heard == ["plan", "agent"]
    assert [asked.headers.get("last-event-id") for asked in played.asked] == [None, None, None, "1"]


def test_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server elsewhere is asked by way of the proxy that the environment names, unless it is excepted."""
    with playing(Script(said({"ok": 1}))) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert get(Http("http://styx.example.org", "styx_1_secret")) == {"ok": 1}
    assert [asked.path for asked in proxy.asked] == ["http://styx.example.org/v1/x"]
    assert [proxy_for(f"http://{host}:80") for host in ("127.0.0.1", "[::1]", "localhost")] == [None] * 3
    monkeypatch.setenv("no_proxy", "example.org")
    assert proxy_for("http://styx.example.org") is None
    assert proxy_for("https://styx.example.com") is None
