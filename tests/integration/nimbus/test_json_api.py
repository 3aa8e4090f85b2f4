"""The client for small JSON APIs, on real sockets: what was surely not done, what may have been, what was refused."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from styx.api import (
    AuthFailed,
    Conflict,
    InsufficientCapacity,
    InvalidConfig,
    InvalidRequest,
    JsonApi,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    Transient,
)

SECRET = "sk-1234567890"
Talk = Callable[[socket.socket, bytes], None]


@contextmanager
def serving(talk: Talk) -> Iterator[str]:
    """A server that reads one request after the other and has ``talk`` answer it; gives its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                request = connection.recv(1 << 16)
                head, _, body = request.partition(b"\r\n\r\n")
                length = re.search(rb"Content-Length: (\d+)", head)
                while length and len(body) < int(length[1]):
                    body += connection.recv(1 << 16)
                request = head + b"\r\n\r\n" + body
                heard.append(request)
                talk(connection, request)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def answer(status: int, body: str = "", **headers: str) -> Talk:
    """Answers with this."""

    def talk(connection: socket.socket, request: bytes) -> None:
        del request
        lines = [f"HTTP/1.1 {status} Some", f"Content-Length: {len(body.encode())}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())

    return talk


def raw(text: bytes) -> Talk:
    """Sends these bytes and hangs up."""
    return lambda connection, _: connection.sendall(text)


def api(url: str, **more: object) -> JsonApi:
    """A client with a token."""
    return JsonApi(url, headers={"Authorization": f"Bearer {SECRET}"}, **({"timeout": 2.0} | more))  # type: ignore[arg-type]


def test_a_question_and_an_order() -> None:
    """Path, query, token and JSON arrive; the answer's JSON comes back, None for none."""
    asked: list[bytes] = []

    def talk(connection: socket.socket, request: bytes) -> None:
        asked.append(request)
        answer(200, '{"id": 7}')(connection, request)

    with serving(talk) as url:
        client = api(f"{url}/base/")
        assert client.get("/things", after=3, name="a b") == {"id": 7}
        assert client.post("/things", {"name": "ä"}) == {"id": 7}
    assert asked[0].startswith(b"GET /base/things?after=3&name=a+b HTTP/1.1\r\n")
    assert f"Authorization: Bearer {SECRET}".encode() in asked[0]
    assert asked[1].endswith(b'{"name": "\\u00e4"}')
    assert b"Content-Type: application/json" in asked[1]
    with serving(answer(204)) as url:
        assert api(url).delete("/things/7") is None


def test_nobody_there_is_transient() -> None:
    """A connection that never stood did nothing."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(Transient, match="cannot be reached"):
        api(url).post("/machines", {})


def test_a_host_that_does_not_exist_is_transient() -> None:
    """Nor did a name that nobody knows."""
    with pytest.raises(Transient, match=r"nowhere\.invalid cannot be reached"):
        api("http://nowhere.invalid").post("/machines", {})


def test_no_tls_at_the_other_end_is_transient() -> None:
    """A handshake that fails comes before the request."""
    with serving(raw(b"HTTP/1.1 400 Bad\r\n\r\n")) as url, pytest.raises(Transient):
        api(url.replace("http", "https")).post("/machines", {})


@pytest.mark.parametrize(
    "talk",
    [
        raw(b""),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"),
        raw(b"no HTTP at all\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\n\r\n<html>welcome</html>"),
        answer(500, "oops"),
        answer(502),
        answer(503, '{"error": "gateway"}'),
        lambda connection, _: time.sleep(0.6),
    ],
    ids=["hang up", "cut", "cut chunk", "garbage", "html", "500", "502", "503", "silence"],
)
def test_an_order_without_a_readable_answer_is_unknown_and_a_question_transient(talk: Talk) -> None:
    """The same end of a conversation means another thing for what changes something and what only asks."""
    with serving(talk) as url:
        client = api(url, timeout=0.3)
        with pytest.raises(OutcomeUnknown):
            client.post("/machines", {})
        with pytest.raises(OutcomeUnknown):
            client.delete("/machines/1")
        with pytest.raises(Transient):
            client.get("/machines")


def test_a_reset_after_the_request_is_unknown() -> None:
    """A connection that is reset in the middle had the request on it."""

    def reset(connection: socket.socket, request: bytes) -> None:
        del request
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with serving(reset) as url, pytest.raises(OutcomeUnknown):
        api(url).post("/machines", {})


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidRequest),
        (401, AuthFailed),
        (402, QuotaExceeded),
        (403, PermissionDenied),
        (404, NotFound),
        (408, Transient),
        (409, Conflict),
        (410, NotFound),
        (418, InvalidRequest),
        (422, InvalidRequest),
        (429, RateLimited),
    ],
)
def test_statuses_mean_what_http_says(status: int, error: type[ProviderError]) -> None:
    """Without a word in the plugin's table."""
    with (
        serving(answer(status, '{"message": "no"}')) as url,
        pytest.raises(error, match=f"POST /x was .* {status}: no"),
    ):
        api(url).post("/x?secret=1")


@pytest.mark.parametrize(
    "body",
    [
        '{"error": {"code": "out_of_stock", "message": "none left"}}',
        '{"error": "out_of_stock", "message": "none left"}',
        '{"code": "out_of_stock", "message": "none left"}',
        '{"errors": [{"code": "out_of_stock", "detail": "none left"}]}',
    ],
)
def test_the_code_of_an_answer_counts_before_its_status(body: str) -> None:
    """Whichever way the API writes its errors."""
    errors = {"out_of_stock": InsufficientCapacity, 409: Conflict}
    with serving(answer(409, body)) as url, pytest.raises(InsufficientCapacity, match="none left"):
        api(url, errors=errors).post("/machines", {})


@pytest.mark.parametrize("body", ["[]", '{"detail": []}', '{"error": 5}', '"no"', "", "{", '{"errors": [[1]]}'])
def test_errors_of_any_shape_are_told(body: str) -> None:
    """An answer that nobody foresaw is still the refusal that its status says."""
    with serving(answer(404, body)) as url, pytest.raises(NotFound):
        api(url).get("/x")


@pytest.mark.parametrize(("header", "after"), [("7", 7.0), ("Wed, 21 Oct 2015 07:28:00 GMT", None), ("soon", None)])
def test_retry_after_is_handed_on(header: str, after: float | None) -> None:
    """Seconds are; anything else is left to core."""
    with serving(answer(429, Retry_After=header)) as url, pytest.raises(RateLimited) as caught:
        api(url).get("/x")
    assert caught.value.retry_after == after


def test_redirects_are_not_followed() -> None:
    """A token does not travel to wherever an answer points."""
    moved = answer(307, Location="http://elsewhere.invalid/x")
    with serving(moved) as url, pytest.raises(InvalidRequest, match=r"leads to http://elsewhere\.invalid/x"):
        api(url).post("/x", {})


def test_secrets_are_not_repeated() -> None:
    """An answer that echoes the token is told without it."""
    with serving(answer(401, f'{{"message": "bad token {SECRET}"}}')) as url, pytest.raises(AuthFailed) as caught:
        api(url).get("/x")
    assert SECRET not in str(caught.value)


def test_an_answer_that_never_ends_is_cut() -> None:
    """A server that sends a little at a time keeps nobody for longer than the timeout."""

    def drip(connection: socket.socket, request: bytes) -> None:
        del request
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(30):
            try:
                connection.sendall(b" ")
            except OSError:
                return
            time.sleep(0.05)

    with serving(drip) as url, pytest.raises(OutcomeUnknown):
        api(url, timeout=0.3).post("/x", {})


def test_a_path_that_cannot_be_sent_is_refused() -> None:
    """An id with a line break in it never reaches the provider."""
    with serving(answer(200, "{}")) as url, pytest.raises(InvalidRequest):
        api(url).delete("/machines/1\r\nX: y")


@pytest.mark.parametrize("token", ["abc\n", "abc\r\nX: y", "snow\u2603"])
def test_a_token_that_cannot_be_sent_is_a_mistake_in_the_settings(token: str) -> None:
    """As when it was read from a file with its line break; it is told without the token."""
    with pytest.raises(InvalidConfig) as caught:
        JsonApi("http://127.0.0.1:1", headers={"Authorization": f"Bearer {token}"})
    assert "abc" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "nimbus", "ftp://x", "http://", "https:///v1"])
def test_a_url_that_is_none_is_a_mistake_in_the_settings(url: str) -> None:
    """It is said when the client is made."""
    with pytest.raises(InvalidConfig):
        JsonApi(url)
