"""Managed jobs straight on the store; the server of this home, which is started when one is needed, works on them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from styx.client import local
from styx.config import home

if TYPE_CHECKING:
    from styx.client.opened import Opened
    from styx.jobs.model import JobOptions
    from styx.sealing import Sealer
    from styx.spec import Dag, Task
    from styx.store.managed import JobEvent, JobQuery, ManagedJob

_PAUSE = 0.2  # seconds between two looks at a job that somebody waits for


class EmbeddedJobs:
    """Implements :class:`styx.client.jobs.JobsClient`.

    What only looks needs no server. What is to happen needs one: it is there before anything is handed in.
    """

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    def submit(
        self, task: Task, options: JobOptions, *, name: str = "", count: int = 1, key: str | None = None
    ) -> list[ManagedJob]:
        """See :class:`~styx.client.jobs.JobsClient`. Raises PluginError where no server can run."""
        from styx.jobs.submit import submit

        self._require(options)
        local.ensure()
        store, user = self._opened.store, self._opened.engine.context.user
        return submit(store, self._sealer, task, options, user=user, name=name, count=count, key=key)

    def submit_dag(self, dag: Dag, options: JobOptions, *, key: str | None = None) -> list[ManagedJob]:
        """See :class:`~styx.client.jobs.JobsClient`. Raises PluginError where no server can run."""
        from styx.jobs.submit import submit_dag

        self._require(options)
        local.ensure()
        store, user = self._opened.store, self._opened.engine.context.user
        return submit_dag(store, self._sealer, dag, options, user=user, key=key)

    def _require(self, options: JobOptions) -> None:
        from styx.jobs.recovery import require_known

        require_known(self._opened.engine.context.plugins, options.strategy)

    @property
    def _sealer(self) -> Sealer:
        from styx.sealing import Sealer

        return Sealer.open(home(), self._opened.engine.context.plugins)

    def get(self, number: int) -> ManagedJob:
        """See :class:`~styx.client.jobs.JobsClient`."""
        from styx.jobs import costs

        return costs.so_far(self._opened.records, [self._job(number)])[0]

    def _job(self, number: int) -> ManagedJob:
        return self._opened.records.jobs.get(number)

    def events(self, number: int, limit: int = 1000) -> list[JobEvent]:
        """See :class:`~styx.client.jobs.JobsClient`."""
        return self._opened.records.jobs.events(number, limit)

    def cancel(self, numbers: Sequence[int]) -> list[int]:
        """See :class:`~styx.client.jobs.JobsClient`."""
        asked = self._opened.store.jobs.cancel(numbers)
        if not all(self._job(number).state.ended for number in asked):
            local.ensure()
        return asked

    def wait(self, number: int) -> ManagedJob:
        """See :class:`~styx.client.jobs.JobsClient`."""
        if not (job := self._job(number)).state.ended:
            local.ensure()
        while not job.state.ended:
            time.sleep(_PAUSE)
            job = self._job(number)
        return job

    def logs(self, number: int, *, follow: bool = True, tail: int | None = None, offset: int = 0) -> Iterator[bytes]:
        """See :class:`~styx.client.jobs.JobsClient`."""
        from styx.jobs.logs import read

        if follow and not self._job(number).state.ended:
            local.ensure()
        return self._opened.loop.iterate(
            read(home(), self._opened.records, number, follow=follow, tail=tail, offset=offset)
        )

    def list(self, query: JobQuery) -> list[ManagedJob]:
        """See :class:`~styx.client.jobs.JobsClient`."""
        from styx.jobs import costs

        records = self._opened.records
        return costs.so_far(records, records.jobs.page(query))
