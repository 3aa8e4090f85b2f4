"""Requests that take a while: on record before they begin, worked on in the event loop, and taken up again.

Each is a row in the store that belongs to one server. That server's loop works on the rows that are its own and lets go
of those that are no more: so it finds what it left when it was killed, what it took over from a dead server, and what
another has taken from it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from styx.api.errors import ClusterBusy, StoreError, StyxError
from styx.client.refusals import TooManyRequests, Unavailable
from styx.engine.about import about
from styx.engine.redact import redacting
from styx.server.observe import tracing
from styx.server.tallies import Tally, less
from styx.server.work.operations import OPERATIONS, REMOVALS, Asked, Operation
from styx.server.work.progress import Progress, Said
from styx.store.access import RequestRecord, RequestState
from styx.store.managed import Superseded

if TYPE_CHECKING:
    from styx.engine.engine import Engine
    from styx.sealing import Sealer
    from styx.threads import OffLoop

log = logging.getLogger("styx.server.requests")

LOOK_SECONDS = 1.0
_AGAIN_SECONDS = 1.0  # to a store that does not answer, and for a cluster that another has
_REMEMBERED = 256  # requests that have ended, of which it is still known what they said


@dataclass(slots=True)
class _Running:
    task: asyncio.Task[None]
    progress: Progress
    user: str  # nobody's yet, of one that is just taken up


class Requests:
    """All that this server works on. From one event loop: :meth:`start`, :meth:`stop`."""

    def __init__(
        self, engine: Engine, sealer: Sealer, off_loop: OffLoop, server_id: Callable[[], str], most: int
    ) -> None:
        """``most`` of one user may be under way; what is taken up counts, and is never refused."""
        self._engine = engine
        self._store = engine.context.store
        self._sealer = sealer
        self._off_loop = off_loop
        self._server_id = server_id
        self._most = most
        self._coming: Tally = Counter()  # of each user, on their way to the record
        self._running: dict[str, _Running] = {}
        self._ended: OrderedDict[str, Progress] = OrderedDict()
        self._one_by_one = asyncio.Lock()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # of launches, by cluster
        self._look: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Take up what is there, and whatever comes."""
        self._look = asyncio.ensure_future(self._keep_looking())

    async def stop(self) -> None:
        """Begin with nothing more. What is under way is on record, for this server or another to take up again.

        It is not cancelled: that would undo it, as Ctrl-C does. The process ends over it, as it may at any time.
        """
        if self._look is not None:
            self._look.cancel()
            await asyncio.wait([self._look])

    async def submit(
        self,
        number: str,
        kind: str,
        user: str,
        arguments: Mapping[str, Any],
        values: Mapping[str, Mapping[str, str]] | None = None,
    ) -> RequestRecord:
        """Put a request on record and begin with it. ``values`` are the secrets of its tasks, by position.

        Idempotent: what has that number already is returned as it is. Raises TooManyRequests, StoreError, Unavailable.
        """
        if self._coming[user] + sum(each.user == user for each in self._running.values()) >= self._most:
            raise TooManyRequests(
                f"{user} has {self._most} launches and the like under way at this server",
                hint="Wait until some have ended, or cancel some: `GET /v1/requests` lists them.",
                retry_after=5,
            )
        now = self._engine.context.clock.now()
        sealed = self._sealer.seal(json.dumps(values), _about(number)) if values else None
        record = RequestRecord(
            number, kind, user, RequestState.RUNNING, now, now, arguments, sealed, server=self._server_id()
        )
        self._coming[user] += 1
        try:
            made: RequestRecord = await self._off_loop(self._store.requests.create, record)
        except Superseded:
            raise Unavailable("the server was taken for dead, and is just beginning again") from None
        finally:
            less(self._coming, user)
        if made is record:
            self._begin(number, user)
        return made

    async def cancel(self, number: str) -> RequestRecord:
        """Ask that a request ends. Raises RequestNotFound."""
        record = await self._off_loop(self._store.requests.cancel, number)
        if record.cancelling:
            self._end(number)
        return record

    async def watch(self, number: str, after: int = 0) -> AsyncIterator[Said | RequestRecord]:
        """What a request says from there on, and at last the request as it has ended. Raises RequestNotFound.

        One that another server works on says nothing here but how it ends.
        """
        ended = await self._off_loop(self._store.requests.has_ended, number)
        running = self._running.get(number)
        progress = running.progress if running is not None else self._ended.get(number)
        if progress is not None:
            async for said in progress.since(after):
                yield said
        while not ended:
            ended = await self._off_loop(self._store.requests.has_ended, number)
            if not ended:
                await asyncio.sleep(LOOK_SECONDS)
        yield await self._off_loop(self._store.requests.get, number)

    # --- the work itself ---

    def _begin(self, number: str, user: str = "") -> None:
        progress = Progress()
        task = asyncio.ensure_future(self._work(number, progress))
        self._running[number] = _Running(task, progress, user)
        task.add_done_callback(lambda _: self._over(number, progress))

    def _over(self, number: str, progress: Progress) -> None:
        self._running.pop(number, None)
        progress.end()
        self._ended[number] = progress
        if len(self._ended) > _REMEMBERED:
            self._ended.popitem(last=False)

    async def _work(self, number: str, progress: Progress) -> None:
        with suppress(Superseded), about(request=number):  # it may be another's by now
            async with self._one_by_one:  # so that they come to their turns in the order in which they were asked for
                record = await self._persistently(self._store.requests.own, number, self._server_id())
            self._running[number].user = record.user
            if record.ended_at is None:
                with about(user=record.user):
                    await self._see_done(record, progress)

    async def _see_done(self, record: RequestRecord, progress: Progress) -> None:
        state, result, error = RequestState.CANCELLED, None, None
        try:
            result = await self._run(record, progress)
            state = RequestState.CANCELLED if record.cancelling else RequestState.SUCCEEDED
        except asyncio.CancelledError:
            if not await self._asked_to_end(record.id):
                raise
        except StyxError as failure:
            state, error = RequestState.FAILED, failure.to_wire()
        except Exception:
            log.exception("request %s (%s) failed", record.id, record.kind)
            unexpected = StyxError("the server failed", hint=f"Its log says why, under request {record.id}.")
            state, error = RequestState.FAILED, unexpected.to_wire()
        await self._persistently(
            self._store.requests.finish, record.id, record.epoch, state, result=result, error=error
        )

    async def _run(self, record: RequestRecord, progress: Progress) -> Any:
        operation = (REMOVALS if record.cancelling else OPERATIONS).get(record.kind)
        if operation is None:
            if record.cancelling:
                return None
            raise StyxError(f"this server does not know requests of kind {record.kind!r}", hint="Is it an older one?")
        opened = json.loads(self._sealer.unseal(record.sealed, _about(record.id))) if record.sealed else {}
        with redacting(value for values in opened.values() for value in values.values()):
            keep = partial(self._persistently, self._store.requests.keep, record.id, record.epoch)
            asked = Asked(record.id, record.arguments, opened, record.epoch > 1, record.result, keep)
            async with self._turn(asked, record.kind, progress):
                with tracing.span(record.kind, request=record.id):
                    return await self._done(operation, record.user, asked, progress)

    @asynccontextmanager
    async def _turn(self, asked: Asked, kind: str, progress: Progress) -> AsyncIterator[None]:
        """Wait for the launches on the same cluster that came before: none is refused because of another."""
        if kind != "launch":
            yield
            return
        turn = self._turns.setdefault(asked.cluster, asyncio.Lock())
        if turn.locked():
            progress.phase("wait", f"waiting for an earlier launch on cluster {asked.cluster!r}")
        async with turn:
            yield

    async def _done(self, operation: Operation, user: str, asked: Asked, progress: Progress) -> Any:
        """What came of an operation. One that was begun before waits for who has got its cluster meanwhile."""
        said = ""
        while True:
            try:
                return await operation(self._engine.for_user(user, owners=asked.owners), asked, progress)
            except ClusterBusy as busy:
                if not asked.again or "operation" not in busy.details:
                    raise
                if busy.message != said:
                    said = busy.message
                    progress.phase("wait", said)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _asked_to_end(self, number: str) -> bool:
        record: RequestRecord = await self._persistently(self._store.requests.get, number)
        return record.cancelling

    async def _persistently(self, call: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
        """Call the store until it answers: what was done must be written down. Superseded is an answer."""
        while True:
            try:
                return await self._off_loop(call, *arguments, **more)
            except StoreError as error:
                log.warning("the store does not answer: %s", error.message)
            await asyncio.sleep(_AGAIN_SECONDS)

    # --- what is ours ---

    async def _keep_looking(self) -> None:
        while True:
            try:
                ours = await self._off_loop(self._store.requests.at_work, self._server_id())
            except StoreError as error:
                log.warning("the store does not answer: %s", error.message)
            else:
                self._settle(ours)
            await asyncio.sleep(LOOK_SECONDS)

    def _settle(self, ours: Mapping[str, bool]) -> None:
        """Begin with what is new among ours, let go of what is not ours, and end what somebody wants to end."""
        for number, running in list(self._running.items()):
            if number not in ours:
                self._let_go(number, running)
        for number, cancelling in ours.items():
            if number not in self._running:
                self._begin(number)
            elif cancelling:
                self._end(number)

    def _let_go(self, number: str, running: _Running) -> None:
        """Stop working on what is another's: the row says so, unless it has been finished or made just now."""

        async def check() -> None:
            record = await self._off_loop(self._store.requests.get, number)
            if record.server != self._server_id():
                running.task.cancel()

        task = asyncio.ensure_future(check())
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _end(self, number: str) -> None:
        running = self._running.get(number)
        if running is not None and not running.task.cancelling():
            running.task.cancel()


def _about(number: str) -> str:
    return f"request:{number}"
