"""One server, spoken to over HTTP: connections that are kept, requests that are repeated where that is safe, errors.

What only asks may always be repeated. What changes something carries a key under which the server does it once, however
often it arrives, and so may be repeated as well.
"""

from __future__ import annotations

import json
import os
import secrets
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from http.client import RemoteDisconnected
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, NameResolutionError, NewConnectionError, SSLError
from urllib3.exceptions import TimeoutError as Overdue

from styx import __version__
from styx.api.errors import InvalidConfig, PluginError, StyxError, TransportError, from_wire
from styx.client.refusals import Forbidden, NoSuchThing, Refusal, TooManyRequests, Unauthenticated, WrongMethod
from styx.client.wire import Said, Unreadable

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

    from styx.client.login import Login

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 120.0  # for an answer to begin, or to go on; what takes longer is streamed
PROMPT_SECONDS = 10.0  # for an answer of which it is known that it takes no time
BEATS_SECONDS = 45.0  # a stream that says nothing for so long is broken: its server says something every 15
TRIES = 5
CONNECTIONS = 64  # kept at the same time: as many as threads of one program may ask
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
_AGAIN = frozenset({"unavailable", "too_many_requests", "clash"})  # nothing was done, and later it may be
_GATEWAYS = frozenset({502, 503, 504})  # unless it is a problem: then it is the server that says so
_PROBLEM = "application/problem+json"
# What an answer without content says, as those to HEAD are.
_UNSAID: dict[int, tuple[type[Refusal], str, str | None]] = {
    401: (Unauthenticated, "does not accept the token", "`styx api login URL` asks for another."),
    403: (Forbidden, "does not let this token do that", "`styx api info` shows what it may do."),
    404: (NoSuchThing, "has nothing at this address", None),
    429: (TooManyRequests, "is asked too much at once", None),
}
_SUCCESS = 2
HUNG_UP = "it hung up without an answer"
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"})  # as OpenSSL has it, before 3.2 and since
_NONE: Mapping[str, Any] = MappingProxyType({})

Sleep = Callable[[float], None]


class ServerUnreachable(TransportError):
    """The server itself does not answer. What goes on there goes on."""

    code = "server_unreachable"


class Http:
    """A server, under the token of one user. Threads may share it. ``sleep`` waits between two tries.

    With a ``fingerprint`` it is the server whose certificate has that SHA-256, whoever vouches for it or does not.
    Raises InvalidConfig for what is no token, and for a fingerprint where nothing shows a certificate.
    """

    def __init__(self, url: str, token: str, fingerprint: str = "", *, sleep: Sleep = time.sleep) -> None:
        if not (token.isascii() and token.isprintable()):
            raise InvalidConfig(
                f"the token for {url} has characters that no token has", hint="`styx api login URL` asks for another."
            )
        if fingerprint and urlsplit(url).scheme != "https":
            raise InvalidConfig(
                f"{url} shows no certificate, so it cannot be known by its fingerprint", hint="Name it by https://."
            )
        self.url = url.rstrip("/")
        self._sleep = sleep
        self._understood = False
        self._headers = {
            "authorization": f"Bearer {token}",
            "accept": "application/json",
            "user-agent": f"styx/{__version__}",
        }
        pinned: dict[str, Any] = {"assert_fingerprint": fingerprint, "cert_reqs": "CERT_NONE"} if fingerprint else {}
        proxy = proxy_for(self.url)
        self._pool = (urllib3.PoolManager if proxy is None else partial(urllib3.ProxyManager, proxy))(
            maxsize=CONNECTIONS,
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=ANSWER_SECONDS),
            **pinned,
        )

    @classmethod
    def to(cls, login: Login) -> Http:
        """The server that is logged in to."""
        return cls(login.url, login.token, login.fingerprint)

    def json(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, object] = _NONE,
        key: str | None = None,
    ) -> Any:
        """What is answered, as JSON data. Raises TransportError, and whatever error the server answers with.

        What changes something is done once for this ``key``.
        """
        headers, content = {}, None
        if method != "GET":
            self.require_understood()
            headers["idempotency-key"] = key or new_key()
        if body is not None:
            content, headers["content-type"] = json.dumps(body).encode(), "application/json"
        return self._json(self._ask(method, path, content, headers, query))

    def pages(self, path: str, **query: object) -> Iterator[Any]:
        """All items of a list, page by page."""
        after: object = None
        while True:
            page = self.json("GET", path, query={**query, "after": after})
            yield from page["items"]
            after = page.get("next")
            if after is None:
                return

    def has(self, path: str) -> bool:
        """Whether something is at this address."""
        try:
            self._ask("HEAD", path)
        except NoSuchThing:
            return False
        return True

    def put(
        self, path: str, body: Callable[[], Iterable[bytes]], size: int, query: Mapping[str, object] = _NONE
    ) -> None:
        """Send so many bytes, made anew for every try. Idempotent."""
        self.require_understood()
        headers = {"content-length": str(size), "content-type": "application/octet-stream"}
        self._ask("PUT", path, body, headers, query).drain_conn()

    def send(self, path: str, body: bytes, query: Mapping[str, object]) -> Any:
        """What is answered at once to these bytes, as JSON data. However often they are sent, they count once."""
        headers = {"content-type": "application/octet-stream"}
        return self._json(self._ask("PUT", path, body, headers, query, PROMPT_SECONDS))

    def stream(
        self, path: str, headers: Mapping[str, str] = _NONE, query: Mapping[str, object] = _NONE
    ) -> BaseHTTPResponse:
        """An answer to be read as it comes, and then drained or closed."""
        return self._ask("GET", path, None, headers, query, BEATS_SECONDS)

    def require_understood(self) -> None:
        """Raise StyxError for a server of a version that may take what it is sent for something else. Asks once."""
        if not self._understood:
            theirs = self._json(self._ask("GET", "/health")).get("version", "")
            if not speaks(theirs):
                raise PluginError(
                    f"the server at {self.url} is Styx {theirs or 'of an unknown version'}, and this is {__version__}",
                    hint="They have to be of one minor version, or of two that follow: upgrade the older one.",
                )
            self._understood = True

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | Callable[[], Iterable[bytes]] | None = None,
        headers: Mapping[str, str] = _NONE,
        query: Mapping[str, object] = _NONE,
        read_timeout: float = ANSWER_SECONDS,
    ) -> BaseHTTPResponse:
        """The answer, which is a success. Tries again where that may help and can do no harm."""
        url, pause = self.url + path + encoded(query), _FIRST_PAUSE
        for left in reversed(range(TRIES)):
            try:
                answer = self._pool.request(
                    method,
                    url,
                    body=body() if callable(body) else body,
                    headers={**self._headers, **headers},
                    timeout=urllib3.Timeout(CONNECT_SECONDS, read_timeout),
                    redirect=False,
                    preload_content=False,
                )
                if answer.status // 100 == _SUCCESS:
                    return answer
                error = problem(answer.status, answer.read(), self.url)
                again = answer.status in _GATEWAYS and answer.headers.get("content-type") != _PROBLEM
            except HTTPError as failure:
                error, again = self._unreachable(failure), _may_repeat(method, failure)
            if not left or not (again or error.code in _AGAIN):
                break
            self._sleep(min(_LONGEST_PAUSE, max(pause, error.details.get("retry_after") or 0)))
            pause *= 2
        raise self._foreign_or(error) if isinstance(error, NoSuchThing | WrongMethod) else error

    def _json(self, answer: BaseHTTPResponse) -> Any:
        try:
            content = answer.read()
            found = json.loads(content) if content else {}
        except HTTPError as failure:
            raise self._unreachable(failure) from failure
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise _nobody(self.url)
        return Said(found)

    def _unreachable(self, failure: HTTPError) -> StyxError:
        if isinstance(failure, SSLError) and not _hung_up(failure):
            if getattr(failure.args[0], "reason", None) in _NO_TLS:
                hint = "If it is on this machine, name it by http://; what others can reach has to speak TLS."
                return InvalidConfig(f"what answers at {self.url} speaks no TLS", hint=hint)
            return InvalidConfig(
                f"the server at {self.url} cannot be trusted: {_reason(failure)}",
                hint="Log in with --fingerprint if its certificate is its own (`styx-server fingerprint` prints it); "
                "else set SSL_CERT_FILE to that of whoever has signed it.",
            )
        return ServerUnreachable(
            f"the server at {self.url} cannot be reached: {_reason(failure)}",
            hint="`styx api info` shows which server is asked; `styx api logout`, and no STYX_API_URL, asks none.",
        )

    def _foreign_or(self, error: StyxError) -> StyxError:
        """Why the server does not know an address: it may be of another version."""
        try:
            self.require_understood()
        except StyxError as why:
            return why
        return error


def _may_repeat(method: str, failure: HTTPError) -> bool:
    """Whether asking once more may help, and cannot do a thing twice: servers know the keys of POSTs alone."""
    if isinstance(failure, NewConnectionError):
        return not isinstance(failure, NameResolutionError)
    distrusted = isinstance(failure, SSLError) and not _hung_up(failure)
    return not distrusted and not isinstance(failure, Overdue) and method not in {"PATCH", "DELETE"}


def _hung_up(failure: SSLError) -> bool:
    """Whether the connection only broke: what stands before a server takes connections also while that begins."""
    return isinstance(failure.args[0], ssl.SSLEOFError)


def problem(status: int, content: bytes, url: str) -> StyxError:
    """The error that an answer tells of: the same as where it was raised. Raises nothing."""
    import styx.client.programs
    import styx.optimizer.solver
    import styx.sealing
    import styx.store.access
    import styx.store.managed  # noqa: F401 - they know errors that the contract does not

    try:
        said = json.loads(content)
        return from_wire({**said, "code": said["code"], "message": said["detail"]})
    except (ValueError, KeyError, TypeError):
        pass
    if status in _UNSAID:
        kind, message, hint = _UNSAID[status]
        return kind(f"the server at {url} {message}", hint=hint)
    if status in _GATEWAYS:
        return ServerUnreachable(f"what stands before the server at {url} does not reach it: status {status}")
    return _nobody(url)


def _nobody(url: str) -> StyxError:
    return Unreadable(f"what answers at {url} is no server of Styx", hint="`styx api info` shows what is asked.")


def proxy_for(url: str) -> str | None:
    """The proxy by which this address is reached, as ``https_proxy`` and ``no_proxy`` in the environment say; or None.

    What listens on this machine alone is never asked for at a proxy.
    """
    parts = urlsplit(url)
    name, host = f"{parts.scheme}_proxy", parts.hostname or ""
    proxy = os.environ.get(name) or os.environ.get(name.upper())
    if not proxy or host == "localhost" or host.startswith("127.") or host == "::1":
        return None
    from urllib.request import proxy_bypass  # slow to load

    return None if proxy_bypass(host) else proxy


def encoded(query: Mapping[str, object]) -> str:
    """The query of a URL. What is None is left out, a list is its items; truth is ``true``."""
    pairs = [
        (name, str(item).lower() if isinstance(item, bool) else str(item))
        for name, value in query.items()
        for item in (value if isinstance(value, list | tuple) else [value])
        if item is not None
    ]
    return f"?{urlencode(pairs)}" if pairs else ""


def segment(name: object) -> str:
    """A name as one segment of a path."""
    return quote(str(name), safe="")


def new_key() -> str:
    """A key for something that is to be done once."""
    return secrets.token_hex(16)


def speaks(theirs: str, ours: str = __version__) -> bool:
    """Whether two versions understand each other: of one minor version, or of two that follow."""
    try:
        (major, minor), (other, another) = (tuple(map(int, each.split(".")[:2])) for each in (ours, theirs))
    except ValueError:
        return False
    return major == other and abs(minor - another) <= 1


def _reason(failure: HTTPError) -> str:
    """What the system said, without the objects and addresses that urllib3 adds."""
    cause: BaseException = failure
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__ or cause
    if isinstance(cause, ssl.SSLEOFError):
        return "it hung up"
    if isinstance(cause, RemoteDisconnected):
        return HUNG_UP
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return {"timed out": "it does not answer"}.get(str(cause), str(cause)) or type(cause).__name__
