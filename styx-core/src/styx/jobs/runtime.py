"""A server's work on managed jobs: it says that it lives, lets jobs begin, and takes over what dead servers left.

Everything that must outlive the process is in the store and in the records of :mod:`styx.jobs.durable`. A server that
was taken for dead (its process had been suspended, or its database out of reach) finds its row gone: it lets go of all
its jobs, which others have by then, and begins again under another id.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import secrets
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from styx import __version__
from styx.api.errors import JobNotFound, StoreError
from styx.engine.about import about
from styx.engine.engine import Engine
from styx.jobs import driver
from styx.jobs.driver import Driver, Surroundings
from styx.jobs.durable import FILE_NAME, Durable, Step, Work
from styx.jobs.telling import to_be_told
from styx.sealing import Sealer
from styx.store import Store
from styx.store.holder import current
from styx.store.managed import Limits, ServerRecord, Superseded
from styx.store.records import Holder
from styx.threads import OffLoop

TTL = 15.0  # seconds without a sign of life, after which others take over
BEAT_SECONDS = 3.0
LOOK_SECONDS = 1.0  # between two looks for jobs that may begin, or are to end
TIDY_SECONDS = 300.0
KIND = "job"

log = logging.getLogger("styx.jobs")


class JobRuntime:
    """One server's. Use it from one event loop: :meth:`start`, and :meth:`stop` at the end; one in a process."""

    def __init__(self, engine: Engine, sealer: Sealer, limits: Limits | None = None, url: str = "") -> None:
        """``url`` is where the server can be asked. Without ``limits`` the settings have them."""
        settings = engine.context.config.jobs
        self._engine = engine
        self._store: Store = engine.context.store
        self._sealer = sealer
        self._limits = limits or Limits(settings.at_once, settings.per_user, settings.pools)
        self._url = url
        self._around = Surroundings(engine, sealer, "", self.nudge)
        self._durable: Durable | None = None
        self._ask = OffLoop(inline=engine.context.config.database is None)
        self._nudged = asyncio.Event()
        self.trouble = ""  # why it cannot work right now
        self._loop: asyncio.Task[None] | None = None

    @property
    def server_id(self) -> str:
        """Under which the server is on record now. It is another once that was taken over."""
        return self._around.server

    async def start(self) -> None:
        """Go on record and begin to work. Raises StoreError."""
        await self._register()
        self._loop = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        """Begin with nothing more, and leave what is under way for others, or for the next server here, to take up.

        It is not cancelled, for that would undo it, as Ctrl-C does: the process ends over it, as it may at any time.
        """
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait([self._loop])
        with suppress(StoreError):
            await self._ask(self._store.servers.retire, self.server_id)

    async def let_go(self) -> None:
        """Stop all work here at once, as if it were somebody else's, and close the records. Idempotent."""
        if self._durable is not None:
            await self._durable.close()
            self._durable = None

    def nudge(self) -> None:
        """Look for work now."""
        self._nudged.set()

    async def _register(self) -> None:
        server, me, now = secrets.token_hex(6), current(), await self._ask(self._store.now)
        record = ServerRecord(
            id=server,
            host=me.host,
            pid=me.pid,
            started=me.started,
            boot_id=me.boot_id,
            version=__version__,
            url=self._url,
            started_at=now,
            seen_at=now,
            expires_at=now + timedelta(seconds=TTL),
        )
        await self._ask(self._store.servers.register, record)
        self._around = Surroundings(self._engine, self._sealer, server, self.nudge)

    async def _open_records(self) -> None:
        await asyncio.to_thread(importlib.import_module, "dbos")  # most of a second, in which others are answered
        context = self._engine.context
        kinds = {KIND: (driver.FIRST, self._open)}
        records = Durable(records_of(context.home, context.config.database), self.server_id, kinds)
        await records.start()
        self._durable = records

    def _open(self, key: str) -> Work:
        work = Driver(self._around, int(key))

        async def step(given: Step) -> Step:
            with about(job=int(key)):
                return await work(given)

        return step

    async def _run(self) -> None:
        clock = asyncio.get_running_loop()
        beat_at = tidy_at = clock.time()
        while True:
            trouble = ""
            try:
                if not self.server_id:
                    await self._register()
                if self._durable is None:
                    await self._open_records()
                if clock.time() >= beat_at:
                    beat_at = clock.time() + BEAT_SECONDS
                    await self._beat()
                    if await self._ask(self._take_over):
                        tidy_at = clock.time()
                    await self._take_up()
                await self._look()
                if clock.time() >= tidy_at:
                    tidy_at = clock.time() + TIDY_SECONDS
                    await self._tidy()
            except Superseded:
                log.warning("server %s was taken over by another: beginning again", self.server_id)
                await self.let_go()
                self._around = Surroundings(self._engine, self._sealer, "", self.nudge)
            except StoreError as error:
                trouble = error.message
                log.warning("managed jobs wait: %s", trouble)
            except Exception as error:  # the outermost loop: what is under way must not be left alone for our fault
                trouble = f"Styx itself failed ({type(error).__name__})"
                log.exception("the work on managed jobs failed; going on")
            self.trouble = trouble
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):  # not wait_for, which can lose a cancellation (Python < 3.12)
                    await self._nudged.wait()
            self._nudged.clear()

    async def _look(self) -> None:
        """Begin with the jobs whose turn it is, and end those that somebody wants to end."""
        for number in await self._ask(self._store.jobs.cancelling, self.server_id):
            if number in self._around.cancels:
                self._around.cancels[number].set()
        for job in await self._ask(self._store.jobs.admit, self.server_id, self._limits):
            with about(job=job.id):
                log.info("managed job %s: its turn has come", job.id)
            await self._records.begin(KIND, str(job.id))
        await self._tell_of_ends()

    async def _tell_of_ends(self) -> None:
        """Have somebody told of the ends of jobs that came as these waited for their turn.

        It is begun first and noted then: a server that dies in between leaves it to another, and it is begun once.
        """
        ended = await self._ask(self._store.jobs.untold)
        listening = self._engine.context.plugins.implements("styx_event")
        for job in ended:
            if listening or to_be_told(job):
                await self._records.begin(KIND, str(job.id))
        await self._ask(self._store.jobs.told, [job.id for job in ended])

    async def _beat(self) -> None:
        if not await self._ask(self._store.servers.beat, self.server_id, TTL):
            raise Superseded(f"server {self.server_id} is not on record any more")

    def _take_over(self) -> bool:
        """What servers that are dead have left is this one's, unless another is quicker; whether there was such."""
        taken = False
        for dead in self._store.servers.dead(replace(current(), id=self.server_id)):
            if self._store.servers.take_over(dead.id, self.server_id):
                self._store.clusters.release_all(Holder(dead.id, dead.pid, dead.started, dead.boot_id, dead.host))
                log.warning("server %s (process %s on %s) is dead: taking its work over", dead.id, dead.pid, dead.host)
                taken = True
        return taken

    async def _take_up(self) -> None:
        """Go on with every job that is this server's and that it does not work on."""
        ours = {str(number) for number in await self._ask(self._store.jobs.at_work, self.server_id)}
        await self._records.take_up(KIND, ours - self._records.running(KIND))

    async def _tidy(self) -> None:
        """Go on with what dead servers left of jobs that had ended: telling so. Forget what is long over."""
        living = [server.id for server in await self._ask(self._store.servers.list)]
        left = await self._records.abandoned(KIND, living)
        await self._records.take_up(KIND, [key for key in left if await self._ask(self._has_ended, int(key))])
        await self._records.tidy()

    def _has_ended(self, number: int) -> bool:
        with suppress(JobNotFound):  # it was forgotten, and nobody can be told any more
            return self._store.jobs.state(number).ended
        return False

    @property
    def _records(self) -> Durable:
        assert self._durable is not None
        return self._durable


def records_of(home: Path, database: str | None) -> str:
    """The URL of the database in which durable work is on record: the shared one, or a file of its own."""
    if database is None or database.startswith("sqlite"):
        return f"sqlite:///{home / FILE_NAME}"
    return database
