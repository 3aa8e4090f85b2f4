"""A client for small JSON APIs over HTTP, on the standard library: one request, one answer, the right error.

It has a finite timeout, repeats nothing, follows no redirect, asks no proxy and shares no connection between threads.
What it makes sure of is the difference between a request that surely did not reach the provider and one that may have.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from styx.api.errors import InvalidConfig, InvalidRequest, OutcomeUnknown, ProviderError, Transient
from styx.api.simple.errors import ErrorMap, refusal

if TYPE_CHECKING:
    import http.client

TIMEOUT = 20.0  # seconds
ANSWER_LIMIT = 32 << 20  # bytes
_PIECE = 1 << 16
_SAID_LIMIT = 300  # characters of a provider's sentence that are shown
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_SUCCESS = range(200, 300)
_REDIRECT = range(300, 400)


class JsonApi:
    """The API below one URL. Thread-safe: every call has a connection of its own.

    ``headers`` go with every request, ``secrets`` are texts that must not be shown in errors (the values of an
    ``Authorization`` header are known to be). ``errors`` is the plugin's table. ``timeout`` is how many seconds a
    connection, an answer and its body may take, each.
    """

    def __init__(
        self, url: str, *, headers: Mapping[str, str] | None = None, errors: ErrorMap | None = None,
        timeout: float = TIMEOUT, secrets: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InvalidConfig(f"{url!r} is not the URL of an API", hint="It begins with https:// and names a host.")
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._base = parts.path.rstrip("/")
        self._headers = {"Accept": "application/json", "User-Agent": "styx", **(headers or {})}
        for name, value in self._headers.items():
            if not value.isascii() or not value.isprintable():
                raise InvalidConfig(
                    f"the header {name} has a line break or another character that cannot be sent",
                    hint="Was a token read from a file with its line break?",
                )
        self._errors = errors or {}
        self._timeout = timeout
        authorization = self._headers.get("Authorization", "").split()
        self._secrets = tuple(text for text in (*secrets, *authorization[1:]) if text)

    def get(self, path: str, **query: str | int) -> Any:
        """Ask for something: the answer's JSON, None where it has none."""
        return self.call("GET", f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, body: Any = None) -> Any:
        """Have something done."""
        return self.call("POST", path, body)

    def delete(self, path: str) -> Any:
        """Have something removed."""
        return self.call("DELETE", path)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request; returns the JSON of an answer of 200 to 299, or None for an empty one.

        Raises Transient when the request surely did not reach the provider, OutcomeUnknown when it may have and no
        answer that can be read came back (Transient for GET, which changes nothing), else the refusal that the status
        or the answer's error code stands for.
        """
        what = f"{method} {path.partition('?')[0]}"
        content = None if body is None else json.dumps(body).encode()
        import http.client

        connection = self._connection()
        try:
            try:
                connection.connect()
            except (OSError, http.client.HTTPException) as error:
                raise Transient(self._clean(f"{self._host} cannot be reached: {_reason(error)}")) from error
            try:
                status, headers, answer = self._exchange(connection, method, path, content)
            except http.client.InvalidURL as error:  # found before anything was sent
                raise InvalidRequest(self._clean(f"{what!r} cannot be sent: {error}"), field="path") from error
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise self._lost(method, f"no answer to {what}: {_reason(error)}") from error
        finally:
            connection.close()
        return self._read(method, what, status, headers, answer)

    def _connection(self) -> http.client.HTTPConnection:
        import http.client

        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=self._timeout)

    def _exchange(
        self, connection: http.client.HTTPConnection, method: str, path: str, content: bytes | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        headers = self._headers | ({} if content is None else {"Content-Type": "application/json"})
        connection.request(method, f"{self._base}{path}", body=content, headers=headers)
        response = connection.getresponse()
        end, pieces, size = time.monotonic() + self._timeout, [], 0
        while piece := response.read1(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > ANSWER_LIMIT:
                raise ValueError(f"the answer has more than {ANSWER_LIMIT >> 20} MiB")
            if time.monotonic() > end:
                raise TimeoutError(f"the answer was not complete after {self._timeout:g} s")
        if response.length:  # read1 does not say that the end came too early
            raise ValueError("the answer was cut off")
        return response.status, dict(response.headers), b"".join(pieces)

    def _read(self, method: str, what: str, status: int, headers: Mapping[str, str], answer: bytes) -> Any:
        try:
            content = json.loads(answer) if answer.strip() else None
            readable = True
        except ValueError:
            content, readable = answer.decode(errors="replace"), False
        if status in _SUCCESS:
            if not readable:
                raise self._lost(method, f"the answer to {what} is not JSON: {_shortened(str(content))}")
            return content
        code, said = _complaint(content)
        sentence = self._clean(f"{what} was answered with {status}{f': {said}' if said else ''}")
        if status in _REDIRECT:
            place = _header(headers, "Location")
            raise InvalidRequest(
                self._clean(f"{sentence}, which leads to {place}"), hint="Set the API's own URL.", field="url"
            )
        raise refusal(
            self._errors, status, sentence, code=code, retry_after=_header(headers, "Retry-After"),
            writing=method not in _READING,
        )  # fmt: skip

    def _lost(self, method: str, sentence: str) -> ProviderError:
        return (Transient if method in _READING else OutcomeUnknown)(self._clean(sentence))

    def _clean(self, sentence: str) -> str:
        for secret in self._secrets:
            sentence = sentence.replace(secret, "***")
        return sentence


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return str(error) or "timed out"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _header(headers: Mapping[str, str], name: str) -> str | None:
    return next((value for each, value in headers.items() if each.casefold() == name.casefold()), None)


def _complaint(content: Any) -> tuple[str, str]:
    """The code and the sentence of an error as JSON APIs write them, as far as there are any."""
    if not isinstance(content, Mapping):
        return "", _shortened(content) if isinstance(content, str) else ""
    inner = next((content[key] for key in ("error", "errors", "detail") if content.get(key)), None)
    if isinstance(inner, list):
        inner = inner[0]
    told = inner if isinstance(inner, Mapping) else content
    plain = inner if isinstance(inner, str) else ""
    code = told.get("code") or told.get("type") or (plain if plain.isidentifier() else "")
    said = told.get("message") or told.get("msg") or told.get("detail") or plain or code
    return str(code), _shortened(str(said))


def _shortened(said: str) -> str:
    flat = " ".join(said.split())
    return flat if len(flat) <= _SAID_LIMIT else f"{flat[:_SAID_LIMIT]}..."
