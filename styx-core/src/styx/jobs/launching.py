"""Handing a managed job to a cluster, made for it, however often what may pass gets in the way."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from styx.api.backend import Autostop
from styx.api.errors import (
    BackendError,
    ClusterBusy,
    ClusterNotFound,
    ClusterNotUp,
    OutcomeUnknown,
    RateLimited,
    StyxError,
    Transient,
    TransportError,
    Unsupported,
)
from styx.engine import jobs
from styx.engine.context import quietly
from styx.hookspecs import Leaning
from styx.jobs.hold import Hold
from styx.jobs.model import JobOptions
from styx.spec import Task
from styx.store.access import NotOwned

# What every cluster of a job is given: it goes by itself, should no server come back to remove it. How the job ended is
# then not known any more, so the time is long.
POLICY = Autostop(240, down=True, wait_for="jobs")
TRIES = 8
PAUSE = 1.0  # seconds before it is tried again; each pause after that is longer
LONGEST_PAUSE = 60.0

_PASSES = (
    BackendError, ClusterNotFound, ClusterNotUp, OutcomeUnknown, RateLimited, Transient, TransportError,
)  # fmt: skip

log = logging.getLogger("styx.jobs")


class Launching:
    """One run of a job on a cluster of that name. ``key`` is under which it is handed in there."""

    def __init__(self, hold: Hold, options: JobOptions, cluster: str, key: str, leaning: Leaning | None) -> None:
        self._hold = hold
        self._engine = hold.engine
        self._options = options
        self._cluster = cluster
        self._key = key
        self._leaning = leaning
        self._told: set[str] = set()

    async def launch(self, task: Task) -> int:
        """The number of the job on its cluster. Idempotent: what was handed in before is found again.

        Raises Superseded, NotOwned where the name is not to be had, and whatever will not pass.
        """
        tries, pause = 0, PAUSE
        while True:
            self._hold.require()
            try:
                return await jobs.known(self._engine, self._cluster, self._key) or await self._launch(task)
            except ClusterBusy as error:  # with a server that is no more, or that somebody took the job from
                if error.cluster not in (None, self._cluster):  # one that clouds could not tell from it, by its name
                    raise NotOwned(error.message, hint=error.hint, cluster=error.cluster) from error
                log.info("managed job %s: %s", self._hold.job.id, error.message)
            except _PASSES as error:
                tries += 1
                if tries > TRIES:
                    raise
                self._hold.note("launch", f"{error.message}; trying again")
                if tries > 1:
                    await self._clean_up()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _launch(self, task: Task) -> int:
        with suppress(Unsupported):
            return await self._ask(task, POLICY)
        return await self._ask(task, None)

    async def _ask(self, task: Task, autostop: Autostop | None) -> int:
        _, number, _ = await self._engine.launch(
            task,
            self._cluster,
            self._tell,
            autostop=autostop,
            retry_until_up=True,
            account=self._options.account,
            max_hourly_cost=self._options.max_hourly_cost,
            leaning=self._leaning,
            key=self._key,
        )
        assert number is not None, "a task with nothing to run is refused when it is handed in"
        return number

    def _tell(self, phase: str, sentence: str) -> None:
        """What people may wonder at: why nothing begins. Each reason once, however often it is tried again."""
        reason = sentence.rpartition("; ")[0]
        if phase == "wait" and reason not in self._told:
            self._told.add(reason)
            self._hold.note("launch", reason)

    async def _clean_up(self) -> None:
        """Remove a cluster that cannot be used: the next try makes another."""
        with suppress(StyxError):
            await self._engine.down(self._cluster, quietly)
