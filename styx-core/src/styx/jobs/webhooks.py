"""Telling a URL what became of a job, without becoming anybody's way into the network of the server.

A name is resolved once, and the connection goes to that address, which must be a public one unless the settings
allow it: ``jobs.webhooks_allow`` has names, addresses, and networks. Nothing redirects. With a
``jobs.webhooks_secret`` the body is signed: ``X-Styx-Signature: t=TIME,v1=HEX`` is the HMAC-SHA256 of ``TIME.BODY``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import ssl
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import SplitResult, urlsplit

from styx import __version__
from styx.api.errors import BadInput, StyxError

SECONDS = 10.0  # for all of one attempt
_LONGEST = 2048
_MOST = 65_536  # bytes of an answer that are read
_MAPPED = ip_network("64:ff9b::/96")  # IPv4 addresses as seen from networks that have none
# Inner addresses that Python takes for some of the internet: of sites, of relays, of protocols, of documentation, and
# where Azure and Oracle answer their machines.
_INNER = tuple(map(ip_network, ("fec0::/10", "192.88.99.0/24", "192.0.0.0/24", "3fff::/20", "168.63.129.16/32")))

Address = IPv4Address | IPv6Address


class WebhookRefused(StyxError):
    """A webhook is not posted to: its address is not a public one, and the settings do not allow it."""

    code = "webhook_refused"
    exit_code = 77


def check(url: str) -> SplitResult:
    """The parts of a URL that may be posted to, as far as can be told without asking anybody. Raises BadInput."""
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
        (parts.hostname or "").encode("idna")  # as whoever resolves it does: it may have a part that is empty or long
    except ValueError:
        raise BadInput(f"{url[:100]!r} is no URL") from None
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= _LONGEST
    if not (plain and port_is_fine and parts.scheme in ("http", "https") and parts.hostname):
        raise BadInput(f"{url[:100]!r} is not a URL that can be posted to", hint="It begins with https:// or http://.")
    if parts.username is not None or parts.password is not None:
        raise BadInput(
            "a webhook's URL must not hold a password",
            hint="What lets you in there can be in its path or its query: on record all but the host is sealed.",
        )
    return parts


def post(
    url: str,
    what: Mapping[str, Any],
    *,
    allow: Collection[str] = (),
    secret: str = "",
    now: int = 0,
    seconds: float = SECONDS,
) -> int:
    """Post a mapping as JSON; the status of the answer. It takes so many seconds at most.

    A name that is resolved more slowly blocks for longer; nothing is posted then. Raises BadInput, WebhookRefused, and
    OSError where the other side does not answer as it should.
    """
    parts = check(url)
    body = json.dumps(what, separators=(",", ":"), default=str).encode()
    headers = {"Content-Type": "application/json", "User-Agent": f"styx/{__version__}", "Host": parts.netloc}
    if secret:
        signed = hmac.new(secret.encode(), b"%d." % now + body, hashlib.sha256).hexdigest()
        headers["X-Styx-Signature"] = f"t={now},v1={signed}"
    connection = _Pinned(parts, allow, seconds)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read(_MOST)
        if connection.overdue:  # an answer without a length ends where it was cut
            raise TimeoutError
    except (HTTPException, OSError) as error:
        if connection.overdue or isinstance(error, TimeoutError):
            raise TimeoutError("it takes too long to answer") from error
        if isinstance(error, OSError):
            raise
        raise OSError(f"{parts.hostname} does not speak HTTP: {type(error).__name__}") from error
    finally:
        connection.done()
    return answer.status


class _Pinned(HTTPConnection):
    """A connection to the address that was found to be allowed, and to no other that the name may have by then.

    It is cut when its time is over: a peer that goes on saying a little would not be late for any single read.
    """

    def __init__(self, parts: SplitResult, allow: Collection[str], seconds: float) -> None:
        assert parts.hostname is not None
        self._tls = parts.scheme == "https"
        super().__init__(parts.hostname, parts.port or (443 if self._tls else 80), timeout=seconds)
        self._allow = allow
        self._wire: socket.socket | None = None
        self._until = time.monotonic() + seconds
        self._end = threading.Timer(seconds, self._cut)
        self._end.daemon = True
        self.overdue = False
        self._end.start()

    def connect(self) -> None:
        """Resolve once, judge, connect."""
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        addresses = [str(each[4][0]) for each in found]
        for address in addresses:  # one that is not allowed among others is a name that plays tricks
            if not allowed(self.host, address, self._allow):
                raise WebhookRefused(  # which one it is would tell of the network that this server is in
                    f"{self.host} is not a public address, and jobs.webhooks_allow does not name it",
                    hint="`jobs: {webhooks_allow: [...]}` in config.yaml names hosts and networks that may be told.",
                )
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.sock = socket.create_connection((addresses[0], self.port), left)
        if self._tls:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
        self._wire = self.sock  # the connection lets go of it before an answer without a length has been read
        if self.overdue:
            raise TimeoutError
        if isinstance(self.sock, ssl.SSLSocket):
            self.sock.do_handshake()

    def done(self) -> None:
        """Close it, and count its time no more."""
        self._end.cancel()
        self.close()

    def _cut(self) -> None:
        self.overdue = True
        if self._wire is None:
            return
        with suppress(OSError):  # not closed, which would give its number to another while it is read from
            socket.socket.shutdown(self._wire, socket.SHUT_RDWR)


def allowed(host: str, address: str, allow: Collection[str]) -> bool:
    """Whether that address, which the host's name has, may be posted to."""
    if host in allow:
        return True
    try:
        real = _unwrapped(ip_address(address.partition("%")[0]))
    except ValueError:
        return False
    return _public(real) or any(real in network for network in map(_network, allow) if network is not None)


def _public(address: Address) -> bool:
    if any(address in network for network in _INNER):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _unwrapped(address: Address) -> Address:
    """The IPv4 address that is behind one of IPv6, where there is one."""
    if isinstance(address, IPv6Address):
        if address in _MAPPED:
            return IPv4Address(int(address) & 0xFFFFFFFF)
        teredo = address.teredo
        return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address
    return address


def _network(text: str) -> Any:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None
