"""Managed jobs, asked for at a server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from styx.client.remote.events import Stream
from styx.client.remote.http import Http, new_key
from styx.client.remote.seen import note
from styx.client.wire import dump, load
from styx.store.managed import JobEvent, ManagedJob

if TYPE_CHECKING:
    from styx.jobs.model import JobOptions
    from styx.spec import Dag, Task
    from styx.store.managed import JobQuery

WAIT_SECONDS = 30


class RemoteJobs:
    """Implements :class:`styx.client.jobs.JobsClient`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def submit(
        self, task: Task, options: JobOptions, *, name: str = "", count: int = 1, key: str | None = None
    ) -> list[ManagedJob]:
        """See :class:`~styx.client.jobs.JobsClient`."""
        from styx.client.remote.files import sent
        from styx.jobs.model import require_count

        require_count(count)
        options.settled(task.spec)  # refused here as it would be there
        body = {**sent(self._http, task), "options": dump(options), "name": name, "count": count}
        return self._submitted("/v1/jobs", body, key)

    def submit_dag(self, dag: Dag, options: JobOptions, *, key: str | None = None) -> list[ManagedJob]:
        """See :class:`~styx.client.jobs.JobsClient`."""
        from styx.client.remote.dags import sent

        for task in dag.tasks:
            options.settled(task.spec)
        return self._submitted("/v1/dags", {"dag": sent(self._http, dag), "options": dump(options)}, key)

    def _submitted(self, path: str, body: dict[str, Any], key: str | None) -> list[ManagedJob]:
        return load(list[ManagedJob], self._http.json("POST", path, {**body, "key": key or new_key()})["items"])

    def get(self, number: int) -> ManagedJob:
        """See :class:`~styx.client.jobs.JobsClient`."""
        return load(ManagedJob, self._http.json("GET", f"/v1/jobs/{number}"))

    def events(self, number: int, limit: int = 1000) -> list[JobEvent]:
        """See :class:`~styx.client.jobs.JobsClient`."""
        found = self._http.json("GET", f"/v1/jobs/{number}/events", query={"limit": limit})
        return load(list[JobEvent], found["items"])

    def cancel(self, numbers: Sequence[int]) -> list[int]:
        """See :class:`~styx.client.jobs.JobsClient`."""
        return load(list[int], self._http.json("POST", "/v1/jobs/cancel", {"ids": list(numbers)})["ids"])

    def wait(self, number: int) -> ManagedJob:
        """See :class:`~styx.client.jobs.JobsClient`."""
        while True:
            job = load(ManagedJob, self._http.json("GET", f"/v1/jobs/{number}", query={"wait": WAIT_SECONDS}))
            if job.state.ended:
                return job

    def logs(self, number: int, *, follow: bool = True, tail: int | None = None, offset: int = 0) -> Iterator[bytes]:
        """See :class:`~styx.client.jobs.JobsClient`."""
        query = {"follow": follow, "tail": tail, "offset": offset}
        for event in Stream(self._http, f"/v1/jobs/{number}/logs", query):
            yield load(bytes, event.data["data"])

    def list(self, query: JobQuery) -> list[ManagedJob]:
        """See :class:`~styx.client.jobs.JobsClient`."""
        found, asked = list[ManagedJob](), dump(query)
        while True:
            page = self._http.json("GET", "/v1/jobs", query=asked)
            found += load(list[ManagedJob], page["items"])
            if page["next"] is None or len(found) >= query.limit:
                break
            asked |= {"after": page["next"], "limit": query.limit - len(found)}  # jobs that are large come in parts
        note(self._http.url, jobs=[(job.id, job.name, job.state.value) for job in found])
        return found
