"""Who asks, where a proxy stands in front: as it says, and as far as nobody but the proxy can have said it."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

_SCHEMES = {b"http": "http", b"https": "https"}


class Forwarded:
    """ASGI middleware; the outermost, and only behind a proxy.

    Proxies append to ``X-Forwarded-For`` whom they speak for. What stands before that the client itself may have sent,
    so it is the last one that counts, whatever comes before it.
    """

    def __init__(self, app: ASGIApp, proxies: Sequence[str]) -> None:
        """``proxies`` are the addresses and networks of whom is believed to be one."""
        self._app = app
        self._proxies = tuple(map(ip_network, proxies))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["client"] and self._is_proxy(scope["client"][0]):
            said = {name: value.rpartition(b",")[2].strip() for name, value in scope["headers"]}  # the last of each
            scope["scheme"] = _SCHEMES.get(said.get(b"x-forwarded-proto", b""), scope["scheme"])
            if address := _address(said.get(b"x-forwarded-for", b"").decode("latin-1")):
                scope["client"] = address, 0
        await self._app(scope, receive, send)

    def _is_proxy(self, peer: str) -> bool:
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in self._proxies)


def _address(text: str) -> str:
    """The address in ``ADDRESS``, ``ADDRESS:PORT`` or ``[ADDRESS]:PORT``; nothing where it is none."""
    bare = text.removeprefix("[").partition("]")[0] if text.startswith("[") else text
    for each in (bare, bare.rpartition(":")[0]):
        with suppress(ValueError):
            if "%" not in each:  # a zone, which says nothing here, and may be any text
                return str(ip_address(each))
    return ""
