"""A terminal on a node of a server's cluster."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from styx.api.errors import Unsupported
from styx.client.remote.http import segment
from styx.client.wire import load

if TYPE_CHECKING:
    from styx.client.remote.http import Http


def arguments(http: Http, name: str, rank: int, command: str | None) -> list[str]:
    """The program that opens it, for who is on the server's machine. Raises Unsupported elsewhere."""
    if not _is_here(http.url):
        raise Unsupported(
            f"the nodes of {name!r} are reached from the machine of the server, and this is another",
            hint=f"Run `styx ssh {name}` there; `styx exec {name}` and `styx logs {name}` work from here.",
            capability="terminal",
        )
    found = http.json("GET", f"/v1/clusters/{segment(name)}/shell", query={"rank": rank, "command": command})
    return load(list[str], found["argv"])


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
