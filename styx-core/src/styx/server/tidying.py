"""What a server forgets once it has been kept for as long as the settings say: rows, uploads, output of jobs.

Of the servers of one store the oldest looks after its rows, and each after the files below its own home. Should two do
the same for a moment, the second finds nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from styx.api.errors import StoreError
from styx.jobs import oldlogs

if TYPE_CHECKING:
    from styx.config import Keep
    from styx.server.files.uploads import Uploads
    from styx.store import Store

FIRST = 30.0  # seconds after the start, when there is more to do
EVERY = 600.0
PAUSE = 0.05  # between two batches, for those who wait to write

log = logging.getLogger("styx.server.tidying")


class Tidying:
    """One server's. From one event loop: :meth:`start`, :meth:`stop`."""

    def __init__(self, store: Store, home: Path, keep: Keep, uploads: Uploads, server_id: Callable[[], str]) -> None:
        self._store = store
        self._home = home
        self._keep = keep
        self._uploads = uploads
        self._server_id = server_id
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, a while from now."""
        self._loop = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        """Stop between two batches."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait([self._loop])

    async def _run(self) -> None:
        await asyncio.sleep(FIRST)
        while True:
            for work in (self.rows, self.uploads, self.logs):
                await _tried(work)
            await asyncio.sleep(EVERY)

    async def rows(self) -> None:
        """Forget rows of the store, if that is this server's to do. Raises StoreError."""
        servers = await asyncio.to_thread(self._store.servers.list)
        if not servers or servers[0].id != self._server_id():
            return
        now, pruning, keep = await asyncio.to_thread(self._store.now), self._store.pruning, self._keep
        for forget, days in (
            (pruning.answers, keep.answers),
            (pruning.requests, keep.requests),
            (pruning.audit, keep.audit),
            (pruning.tokens, keep.audit),
            (pruning.jobs, keep.jobs),
            (pruning.events, keep.events),
        ):
            after = None if days is None else 0
            while days is not None and after is not None:
                after = await asyncio.to_thread(forget, now - timedelta(days=days), after)
                await asyncio.sleep(PAUSE)

    async def uploads(self) -> None:
        """Forget uploads that no task has named for long. Raises StoreError."""
        await asyncio.to_thread(self._uploads.forget_old)

    async def logs(self) -> None:
        """Forget output of jobs that ended long ago, or are on record no more. Raises StoreError."""
        logs, jobs = (None if days is None else timedelta(days=days) for days in (self._keep.logs, self._keep.jobs))
        if logs is None and jobs is None:
            return
        now = await asyncio.to_thread(self._store.now)
        for folder in await asyncio.to_thread(oldlogs.folders, self._home):
            await asyncio.to_thread(oldlogs.forget, folder, self._store, now, logs, jobs)
            await asyncio.sleep(PAUSE)


async def _tried(work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except StoreError as error:
        log.warning("the store does not answer: %s", error.message)
    except Exception:  # the outermost loop: what cannot be removed now keeps nobody from removing the rest
        log.exception("not all that is over could be removed; going on")
