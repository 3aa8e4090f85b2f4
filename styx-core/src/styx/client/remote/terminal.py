"""A terminal on a node of a server's cluster, for who is on the server's machine: nodes know that machine alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from styx.api.errors import Unsupported
from styx.client.wire import load
from styx.store.holder import current

if TYPE_CHECKING:
    from styx.client.remote.http import Http


def arguments(http: Http, path: str, name: str, rank: int, command: str | None) -> list[str]:
    """The program that opens it. Raises Unsupported on any other machine than the server's."""
    found = http.json("GET", path, query={"rank": rank, "command": command})
    if found.get("machine") != current().boot_id:
        raise Unsupported(
            f"the nodes of {name!r} are reached from the machine of the server, and this is another",
            hint=f"Run `styx ssh {name}` there. `styx exec {name}` and `styx logs {name}` work from here.",
            capability="terminal",
        )
    return load(list[str], found["argv"])
