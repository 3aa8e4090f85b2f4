"""The client of a server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from styx.api.errors import ClusterNotFound
from styx.client.protocol import CheckResult, DagLaunch, LaunchOptions, LaunchResult, Progress, silent
from styx.client.remote.http import segment
from styx.client.remote.requests import Requests, reporting, telling
from styx.client.remote.seen import note
from styx.client.wire import dump, load

if TYPE_CHECKING:
    from datetime import datetime

    from styx.api.backend import Autostop, JobInfo, LogChunk
    from styx.api.errors import StoreError
    from styx.client.costs import CostReport
    from styx.client.remote.http import Http
    from styx.client.remote.jobs import RemoteJobs
    from styx.client.remote.storage import RemoteStorage
    from styx.dags.model import DagResult, Report, RunOptions
    from styx.engine.explain import Explanation
    from styx.engine.orphans import Orphan, Search
    from styx.hookspecs import DoctorFinding
    from styx.spec import Dag, Task
    from styx.store.records import ClusterRecord, EventRecord, NodeRecord

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,62}")
_PAGE = 1000
WAIT_SECONDS = 30  # that a server lets one wait for the end of a job in one request


class RemoteClient:
    """Implements :class:`styx.client.protocol.Client`. The server's engine does it all. Threads may share one."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._requests = Requests(http)
        self._notes: Mapping[str, Any] | None = None  # beside the last list of clusters

    @property
    def url(self) -> str:
        """Where the server is."""
        return self._http.url

    def launch(self, task: Task, options: LaunchOptions, progress: Progress = silent) -> LaunchResult:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.client.remote.files import sent

        body = {**sent(self._http, task), "options": dump(options)}
        return load(LaunchResult, self._requests.run("POST", "/v1/clusters", body, hear=telling(progress)))

    def explain(
        self, task: Task, options: LaunchOptions, progress: Progress = silent, *, not_yet: bool = True
    ) -> Explanation:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.client.remote.files import plain
        from styx.engine.explain import Explanation

        progress("plan", "asking the clouds what they have")
        body = {**plain(task), "options": dump(options), "not_yet": not_yet}
        return load(Explanation, self._http.json("POST", "/v1/tasks/explain", body))

    def exec(self, task: Task, cluster: str, progress: Progress = silent) -> LaunchResult:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.client.remote.files import sent

        done = self._requests.run("POST", _of(cluster, "exec"), sent(self._http, task), hear=telling(progress))
        return load(LaunchResult, done)

    def plan_dag(self, dag: Dag, options: RunOptions) -> DagLaunch:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.client.remote.dags import planned

        return load(
            DagLaunch, self._http.json("POST", "/v1/dags/plan", {"dag": planned(dag), "options": dump(options)})
        )

    def run_dag(self, dag: Dag, options: RunOptions, report: Report) -> DagResult:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.client.remote.dags import sent
        from styx.dags.model import DagResult

        body = {"dag": sent(self._http, dag), "options": dump(options)}
        return load(DagResult, self._requests.run("POST", "/v1/dags/run", body, hear=reporting(report)))

    def status(self, names: Sequence[str] = (), *, refresh: bool = False) -> list[ClusterRecord]:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.store.records import ClusterRecord

        self._notes = None
        wanted = [name for name in names if _NAME.fullmatch(name)]
        if names and not wanted:
            return []
        found = self._http.pages("/v1/clusters", name=wanted, refresh=refresh or None, limit=_PAGE)
        records = load(list[ClusterRecord], [*found])
        if not names:
            note(self.url, [record.name for record in records])
        return records

    def outdated(self) -> StoreError | None:
        """See :class:`~styx.client.protocol.Client`. A server that cannot write has said so instead."""

    def lost(self) -> tuple[str, datetime] | None:
        """See :class:`~styx.client.protocol.Client`."""
        from datetime import datetime

        found = self._told("lost")
        return None if found is None else load(tuple[str, datetime], found)

    def passed_over(self) -> list[str]:
        """See :class:`~styx.client.protocol.Client`."""
        return load(list[str], self._told("passed_over") or [])

    def given_up(self) -> list[str]:
        """See :class:`~styx.client.protocol.Client`."""
        return load(list[str], self._told("given_up") or [])

    def _told(self, name: str) -> Any:
        """What the server says beside its clusters, asked for once for each list of them."""
        if self._notes is None:
            self._notes = self._http.json("GET", "/v1/notes")
        return self._notes.get(name)

    def orphans(self) -> Search:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.engine.orphans import Search

        return load(Search, self._http.json("GET", "/v1/orphans"))

    def adopt(self, orphan: Orphan) -> ClusterRecord:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.store.records import ClusterRecord

        return load(ClusterRecord, self._http.json("POST", "/v1/orphans/adopt", dump(orphan)))

    def discard(self, orphan: Orphan, progress: Progress = silent) -> None:
        """See :class:`~styx.client.protocol.Client`."""
        self._requests.run("POST", "/v1/orphans/discard", dump(orphan), hear=telling(progress))

    def nodes(self, name: str) -> list[NodeRecord]:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.store.records import NodeRecord

        return load(list[NodeRecord], [*self._http.pages(_of(name, "nodes"))])

    def history(self, name: str, limit: int = 100) -> list[EventRecord]:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.store.records import EventRecord

        return load(list[EventRecord], self._http.json("GET", _of(name, "history"), query={"limit": limit})["items"])

    def start(self, name: str, autostop: Autostop | None = None, progress: Progress = silent) -> None:
        """See :class:`~styx.client.protocol.Client`."""
        self._requests.run("POST", _of(name, "start"), {"autostop": dump(autostop)}, hear=telling(progress))

    def stop(self, name: str, progress: Progress = silent) -> None:
        """See :class:`~styx.client.protocol.Client`."""
        self._requests.run("POST", _of(name, "stop"), hear=telling(progress))

    def down(self, name: str, *, forget: bool = False, progress: Progress = silent) -> None:
        """See :class:`~styx.client.protocol.Client`."""
        self._requests.run("DELETE", _of(name), query={"forget": forget or None}, hear=telling(progress))

    def autostop(self, name: str, policy: Autostop | None) -> None:
        """See :class:`~styx.client.protocol.Client`."""
        self._http.json("POST", _of(name, "autostop"), {"autostop": dump(policy)})

    def queue(self, name: str) -> list[JobInfo]:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.api.backend import JobInfo

        return load(list[JobInfo], [*self._http.pages(_of(name, "jobs"))])

    def job(self, name: str, job_id: int | None = None) -> JobInfo:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.api.backend import JobInfo

        return load(JobInfo, self._http.json("GET", _of(name, "jobs", job_id or 0)))

    def wait(self, name: str, job_id: int) -> JobInfo:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.api.backend import JobInfo

        while True:
            found = self._http.json("GET", _of(name, "jobs", job_id), query={"wait": WAIT_SECONDS})
            job = load(JobInfo, found)
            if job.state.ended:
                return job

    def cancel(self, name: str, job_ids: Sequence[int] | None) -> list[int]:
        """See :class:`~styx.client.protocol.Client`."""
        ids = None if job_ids is None else list(job_ids)
        return load(list[int], self._http.json("POST", _of(name, "jobs", "cancel"), {"ids": ids})["ids"])

    def logs(
        self,
        name: str,
        job_id: int | None = None,
        *,
        follow: bool = True,
        tail: int | None = None,
        rank: int | None = None,
        offsets: Mapping[int, int] | None = None,
    ) -> Iterator[LogChunk]:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.client.remote.logs import chunks

        number = self.job(name).id if job_id is None else job_id  # the newest may be another when the stream is resumed
        path = _of(name, "jobs", number, "logs")
        return chunks(self._http, path, follow=follow, tail=tail, rank=rank, offsets=offsets)

    def download_logs(self, name: str, job_ids: Sequence[int], target: Path) -> list[Path]:
        """See :class:`~styx.client.protocol.Client`. A file that is there already is replaced."""
        from styx.client.downloads import download_logs

        return download_logs(self, name, job_ids, target)

    def shell(self, name: str, rank: int = 0, command: str | None = None) -> int:
        """See :class:`~styx.client.protocol.Client`. The program runs at the server, and writes and reads here."""
        from styx.client.remote.terminal import opened

        return opened(self._http, _of(name, "shells"), rank, command)

    def billed(self) -> Mapping[str, Decimal | None]:
        """See :class:`~styx.client.protocol.Client`."""
        return load(dict[str, Decimal | None], self._http.json("GET", "/v1/billed"))

    def costs(self, days: int | None = None) -> CostReport:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.client.costs import CostReport

        return load(CostReport, self._http.json("GET", "/v1/costs", query={"days": days}))

    @cached_property
    def storage(self) -> RemoteStorage:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.client.remote.storage import RemoteStorage

        return RemoteStorage(self._http)

    @cached_property
    def jobs(self) -> RemoteJobs:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.client.remote.jobs import RemoteJobs

        return RemoteJobs(self._http)

    def check(self, names: Sequence[str] = ()) -> list[CheckResult]:
        """See :class:`~styx.client.protocol.Client`."""
        return load(list[CheckResult], [*self._http.pages("/v1/clouds", name=list(names))])

    def policy(self, name: str) -> str:
        """See :class:`~styx.client.protocol.Client`."""
        return load(str, self._http.json("GET", f"/v1/clouds/{segment(name)}/policy")["policy"])

    def doctor(self) -> list[DoctorFinding]:
        """See :class:`~styx.client.protocol.Client`."""
        from styx.hookspecs import DoctorFinding

        return load(list[DoctorFinding], [*self._http.pages("/v1/doctor")])

    def interrupt(self) -> bool:
        """Cancel at the server what other threads wait for, as Ctrl-C there would; whether they wait for something."""
        return self._requests.interrupt()

    def close(self) -> None:
        """See :class:`~styx.client.protocol.Client`."""
        if "storage" in self.__dict__:
            self.storage.close()
        self._http.close()


def _of(*parts: object) -> str:
    """The address of a cluster, or of something of it. Raises ClusterNotFound for what none can be called."""
    name = str(parts[0])
    if not _NAME.fullmatch(name):
        raise ClusterNotFound(f"there is no cluster {name!r}", hint="`styx status` lists the clusters.", cluster=name)
    return "/v1/clusters/" + "/".join(map(segment, parts))
