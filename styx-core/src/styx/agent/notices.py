"""Preemption: a provider that takes a machine back says so shortly before, to the machine; this hears it.

What is known is told with the answers to those requests whose descriptions in :mod:`.protocol` name ``notices``.
"""

from __future__ import annotations

import os
import sqlite3
import time

from . import commands, loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .node import Node
    from .ranks import Ranks
    from .server import Handler, Send

LOOK = 2.0  # seconds between looks: the shortest notice that anybody gives is 30 seconds
ANSWER = 10.0  # seconds that one question may take
FACT = "notice"
LINE = "[styx: the provider has given notice that it takes this machine back]\n"


class Notices:
    """Asks this node's own command whether there is a notice, and knows of those that peers have told of.

    ``answer`` is how many seconds one question may take.
    """

    def __init__(self, node: Node, ranks: Ranks, answer: float = ANSWER) -> None:
        self._node = node
        self._answer = answer
        self._ranks = ranks
        self._changed = loop.Signal()
        kept = node.table.fact(FACT)
        # A machine that was booted anew has been given none.
        same = kept is not None and not node.copied and kept["boot_id"] == node.boot_id
        self._own: dict[str, Any] | None = kept if same else None
        self._peers: dict[int, float] = {}

    @property
    def at(self) -> float | None:
        """When this node was given notice."""
        return None if self._own is None else float(self._own["at"])

    def heard(self, node: int, at: Any) -> None:
        """Note what a peer says of itself: the time of its notice, or None."""
        if isinstance(at, (int, float)) and not isinstance(at, bool):
            self._peers[node] = float(at)
        else:
            self._peers.pop(node, None)

    def known(self) -> dict[str, float]:
        """Return when which node was given notice, as far as this one knows."""
        own = {} if self._own is None else {str(self._node.rank): float(self._own["at"])}
        return {**{str(node): at for node, at in self._peers.items()}, **own}

    def telling(self, handler: Handler) -> Handler:
        """Return the handler with what is known added to its answer and to its items."""

        async def told(params: dict[str, Any], send: Send) -> dict[str, Any]:
            async def say(item: dict[str, Any], data: bytes = b"") -> None:
                await send(self._added(item), data)

            return self._added(await handler(params, say))

        return told

    def _added(self, message: dict[str, Any]) -> dict[str, Any]:
        known = self.known()
        return {**message, "notices": known} if known else message

    def configure(self) -> None:
        """Take up the node's configuration, new or changed."""
        self._changed.notify()

    async def run(self) -> None:
        """Look for a notice, for ever; where the cloud gives none nothing is done."""
        self._keep()
        while True:
            command = (self._node.config or {}).get("notice", "")
            if self._own is None and command:
                await self._look(command)
            kept = self._own is None or self._keep()
            await self._changed.wait(None if kept and (self._own is not None or not command) else LOOK)

    async def _look(self, command: str) -> None:
        try:
            done = await commands.run(command, (), self._node.environment(), self._answer)
        except OSError:
            return  # no process can be started right now
        if done.code != 0:
            return
        self._own = {"at": time.time(), "boot_id": self._node.boot_id}
        self._keep()
        for rank in self._ranks.active.values():
            rank.say(LINE)
            self._ranks.logs.poke(rank.log)
        self._ranks.changed.notify()

    def _keep(self) -> bool:
        """Have the table and the file that jobs look for say what is true; False where the disk has no room for it."""
        path = self._ranks.notice
        try:
            if self._own is None:
                if os.path.exists(path):
                    os.unlink(path)
                return True
            with open(path, "w") as file:
                file.write(time.strftime("%Y-%m-%dT%H:%M:%SZ\n", time.gmtime(self._own["at"])))
            self._node.table.set_fact(FACT, self._own)
        except (sqlite3.OperationalError, OSError):
            return False
        return True
