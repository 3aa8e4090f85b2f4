"""Work that goes on from its last step after a crash, on DBOS, which nothing outside of this file knows of.

A piece of work has a kind and a key: ``job`` and ``17``. It is a chain of steps: each is given what the one before
returned, a mapping fit for JSON whose ``do`` names the step, and returns the next one, or an empty one at the end. What
each returned is on record before the next begins, so that a chain which is taken up again replays what was done and
does the rest. The chain itself is data: a later version of Styx finishes what an earlier one began as long as it knows
every step that those had.

The records are in ``workflows.db`` below the home, or in the schema ``dbos`` of the PostgreSQL database that several
servers share. Each server has a queue of its own there, by which it takes up what another has left.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sqlite3
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from styx.api.errors import StoreError
from styx.store.database import IDLE_WAIT, patience

if TYPE_CHECKING:
    from dbos import DBOS, DBOSConfig

FILE_NAME = "workflows.db"
# Of the chains, not of Styx: DBOS hands work to servers of the same version only, and chains fit all of them.
VERSION = "1"
THREADS = 16
CONNECTIONS = 8
POLL_SECONDS = 0.5  # until what was left by another server goes on
KEPT = timedelta(hours=1)  # after the end of a chain
FORGOTTEN_AT_ONCE = 500

Step = Mapping[str, Any]  # ``do`` and what it needs; empty at the end
Work = Callable[[Step], Awaitable[Step]]
Kind = Callable[[str], Work]  # from the key: how its steps are done, by one server, from when it takes the work up

T = TypeVar("T")

log = logging.getLogger("styx.jobs")


class LetGo(asyncio.CancelledError):
    """Raised inside of a step: another server has this work now. Nothing of it is put on record here any more."""


class Durable:
    """The chains of one server, which ``executor`` names. Open one at a time in a process: DBOS is one for all of it.

    ``kinds`` maps each kind of work to its first step and to what does it. Everything here is called from the event
    loop in which :meth:`start` was called, where all steps run.
    """

    def __init__(self, url: str, executor: str, kinds: Mapping[str, tuple[str, Kind]]) -> None:
        self._url = url
        self._executor = executor
        self._kinds = kinds
        self._queue = f"_dbos_styx_{executor}"
        self._dbos: DBOS | None = None
        self._workflows: dict[str, Any] = {}
        self._running: dict[str, asyncio.Task[Any]] = {}

    async def start(self) -> None:
        """Open the records, and make them where there are none. Raises StoreError."""
        async with AsyncExitStack() as failing:
            failing.push_async_callback(self.close)  # what was begun is not to be in the way of another try
            await self._start()
            failing.pop_all()

    async def _start(self) -> None:
        from dbos import DBOS

        try:
            await asyncio.to_thread(prepare_file, self._url)
            self._dbos = DBOS(config=_config(self._url, self._executor))
            self._workflows = {kind: self._workflow(kind) for kind in self._kinds}
            registry = self._dbos._registry  # noqa: SLF001 - public queues are rows, which would outlive this server
            registry._register_internal_queue(self._queue, polling_interval_sec=POLL_SECONDS)  # noqa: SLF001
            self._dbos._background_event_loop.set_main_loop()  # noqa: SLF001 - steps run here
            await asyncio.to_thread(DBOS.launch)  # for as long as the database takes
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise StoreError(f"the records of durable work cannot be opened: {_said(error)}") from error

    def running(self, kind: str) -> set[str]:
        """The keys of the work that is being done here."""
        return {name.removeprefix(f"{kind}-") for name in self._running if name.startswith(f"{kind}-")}

    async def begin(self, kind: str, key: str) -> None:
        """Do this work here. Idempotent: what has begun anywhere is not begun again."""
        from dbos import DBOS, SetWorkflowID

        with SetWorkflowID(f"{kind}-{key}"):
            await _explained(DBOS.start_workflow_async(self._workflows[kind], key))

    async def take_up(self, kind: str, keys: Collection[str]) -> None:
        """Have all this work done here, from where it is, whoever did it before; what is done here already goes on.

        Who did it before, and still lives, can put nothing more on record. What was never begun is begun; what has
        ended is done anew, so ask for nothing that is over.
        """
        from dbos import DBOS

        names = {f"{kind}-{key}": key for key in keys if f"{kind}-{key}" not in self._running}
        if not names:
            return
        known = await _explained(asyncio.to_thread(self._statuses, list(names)))
        over = [name for name, status in known.items() if status in ("SUCCESS", "ERROR")]
        left = [name for name in known if name not in over]
        if over:
            await _explained(DBOS.delete_workflows_async(over))
        if left:
            await _explained(DBOS.resume_workflows_async(left, queue_name=self._queue))
        for name, key in names.items():
            if name not in left:
                await self.begin(kind, key)

    async def abandoned(self, kind: str, living: Collection[str]) -> set[str]:
        """The keys of work that has not ended, and that was done by none of the servers that live."""
        from dbos import DBOS

        found = await _explained(
            DBOS.list_workflows_async(name=kind, status=["PENDING", "ENQUEUED"], load_input=False, load_output=False)
        )
        return {each.workflow_id.removeprefix(f"{kind}-") for each in found if each.executor_id not in living}

    async def let_go(self) -> None:
        """Stop doing what is being done here, as if this process had died: others may take it up."""
        tasks = [*self._running.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def close(self) -> None:
        """Let go of everything and close the records. Idempotent."""
        if self._dbos is None:
            return
        from dbos import DBOS

        await self.let_go()
        loop, closing = asyncio.get_running_loop(), ThreadPoolExecutor(1)
        loop.set_default_executor(ThreadPoolExecutor(THREADS))  # DBOS's own, which it had put there, will be shut down
        try:
            # DBOS waits in there for threads of its own that wait for the loop.
            await loop.run_in_executor(closing, lambda: DBOS.destroy(destroy_registry=True))
        finally:
            self._dbos = None
            closing.shutdown(wait=False)

    async def tidy(self) -> None:
        """Forget some of what ended more than an hour ago: what became of it is on record elsewhere."""
        from dbos import DBOS

        before = (datetime.now(UTC) - KEPT).isoformat()
        over = await _explained(
            DBOS.list_workflows_async(
                status=["SUCCESS", "ERROR"],
                completed_before=before,
                limit=FORGOTTEN_AT_ONCE,
                load_input=False,
                load_output=False,
            )
        )
        if over:
            await _explained(DBOS.delete_workflows_async([each.workflow_id for each in over]))

    def _statuses(self, names: list[str]) -> dict[str, str]:
        assert self._dbos is not None
        found = self._dbos._sys_db.get_workflow_statuses(names)  # noqa: SLF001 - all in one query
        return {status["workflow_uuid"]: status["status"] for status in found}

    def _workflow(self, kind: str) -> Any:
        from dbos import DBOS

        first, open_work = self._kinds[kind]

        @DBOS.workflow(name=kind, max_recovery_attempts=None)  # a server may die as often as it likes
        async def chain(key: str) -> None:
            name, task = f"{kind}-{key}", asyncio.current_task()
            assert task is not None
            self._running[name] = task
            work: Work = open_work(key)
            step: Step = {"do": first}

            async def done(step: Step) -> Step:
                return await work(step)

            try:
                while step:
                    step = await DBOS.run_step_async({"name": step["do"]}, done, step)
            finally:
                if self._running.get(name) is task:
                    del self._running[name]

        return chain


class Json:
    """What DBOS keeps, as JSON: pickles in a database are programs that it runs."""

    def name(self) -> str:
        """What rows say they were written with."""
        return "styx_json"

    def serialize(self, data: Any) -> str:
        """A step's mapping, a workflow's arguments, or an error, of which the words are kept."""
        if isinstance(data, BaseException):
            return json.dumps({"error": f"{type(data).__name__}: {data}"})
        return json.dumps({"value": data})

    def deserialize(self, serialized_data: str) -> Any:
        """What was written."""
        found = json.loads(serialized_data)
        return RuntimeError(found["error"]) if "error" in found else found["value"]


def prepare_file(url: str) -> None:
    """Make the file of a SQLite database, for its user alone, and have its readers not wait for its writers.

    One that is damaged is put aside: work that is taken up without records goes on from what is known elsewhere.
    """
    prefix = "sqlite:///"
    if not url.startswith(prefix):
        return
    path = Path(url.removeprefix(prefix))
    if path.exists() and (why := _damage(path)):
        aside = f"{path.name}.damaged-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        for end in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + end).rename(path.with_name(aside + end))
        log.error("%s is damaged (%s): it is %s now, and managed jobs go on without it", path, why, aside)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def _damage(path: Path) -> str:
    """What is wrong with the content of a file that is to be a SQLite database; empty where nothing is."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):  # of the disk, a lock or a permission
            raise
        return str(error)
    return "" if found == "ok" else str(found).strip()


def _config(url: str, executor: str) -> DBOSConfig:
    where = make_url(url)
    file = where.get_backend_name() == "sqlite"
    return {
        "name": "styx",
        "system_database_url": url,
        "executor_id": executor,
        "application_version": VERSION,
        "serializer": Json(),  # type: ignore[typeddict-item]  # its base class would import DBOS here
        "log_level": "CRITICAL",  # it warns of steps that are let go of; what it raises is told by who called
        "db_engine_kwargs": {} if file else {"connect_args": {"application_name": "styx", **patience(where)}},
        "sys_db_pool_size": CONNECTIONS,
        "max_executor_threads": THREADS,
        "sys_db_idle_transaction_timeout_sec": float(IDLE_WAIT),
        "use_listen_notify": False,
        "scheduler_polling_interval_sec": 3600.0,
        "enable_otlp": False,
    }


async def _explained(work: Awaitable[T]) -> T:
    try:
        return await work
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise StoreError(f"the records of durable work cannot be used: {_said(error)}") from error


def _said(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
