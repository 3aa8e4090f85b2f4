"""A server that is on record and takes over what dead ones left, without working on managed jobs."""

from __future__ import annotations

import secrets
from datetime import timedelta

from styx import __version__
from styx.engine.engine import Engine
from styx.store.holder import current
from styx.store.managed import ServerRecord

_FOR = timedelta(days=3650)


class Alone:
    """Stands where a JobRuntime does."""

    def __init__(self, engine: Engine, url: str) -> None:
        self._engine = engine
        self._url = url
        self.server_id = secrets.token_hex(4)

    async def start(self) -> None:
        """Go on record, and take over what is left."""
        store, me = self._engine.context.store, current()
        now = store.now()
        store.servers.register(
            ServerRecord(
                self.server_id, me.host, me.pid, me.started, me.boot_id, __version__, self._url, now, now, now + _FOR
            )
        )
        for dead in store.servers.dead(me):
            if dead.id != self.server_id:
                store.servers.take_over(dead.id, self.server_id)

    async def stop(self) -> None:
        """Leave."""
        self._engine.context.store.servers.retire(self.server_id)

    def nudge(self) -> None:
        """There is nothing to look for."""
