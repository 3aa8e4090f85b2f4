"""A runtime for clients that come one after the other: what it knows of each cluster is in a file."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from styx.api import (
    Autostop,
    Backend,
    BackendError,
    Cluster,
    JobInfo,
    JobNotFound,
    JobSpec,
    JobState,
    LogChunk,
    Node,
    NodeMetrics,
    Services,
)

FILE = "runtime.json"


class FileBackend(Backend):
    """Takes jobs and never runs them. ``services.config`` is called with the nodes on which something shall run."""

    name: ClassVar[str] = "agent"

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._path: Path = services.state_dir / FILE

    async def prepare(self, cluster: Cluster) -> None:
        """It runs on every node from now on."""
        nodes: Sequence[Node] = cluster.nodes
        if [node.rank for node in nodes] != list(range(len(nodes))):
            raise BackendError(f"the ranks of {cluster.name} are {[node.rank for node in nodes]}")
        self.services.config(nodes)
        known = self._read()
        known.setdefault(cluster.key, {"jobs": []})["alive"] = True
        self._write(known)

    async def submit(self, cluster: Cluster, job: JobSpec) -> int:
        """Note the job."""
        known = self._read()
        jobs: list[str] = self._alive(known, cluster)["jobs"]
        if job.key not in jobs:
            jobs.append(job.key)
            self._write(known)
        return jobs.index(job.key) + 1

    async def jobs(self, cluster: Cluster, ids: Collection[int] | None = None) -> list[JobInfo]:
        """All of them go on."""
        now, known = self.services.clock.now(), self._alive(self._read(), cluster)["jobs"]
        found = [JobInfo(at, "", JobState.RUNNING, now, key=key) for at, key in enumerate(known, 1)]
        return [job for job in reversed(found) if ids is None or job.id in ids]

    async def wait(self, cluster: Cluster, job_id: int) -> JobInfo:
        """Nothing ever ends here."""
        raise JobNotFound(f"no job of {cluster.name} ever ends", job=job_id)

    async def cancel(self, cluster: Cluster, ids: Collection[int] | None) -> list[int]:
        """Nothing is ever cancelled here."""
        del cluster, ids
        return []

    async def logs(
        self, cluster: Cluster, job_id: int, *, follow: bool = True, tail: int | None = None, rank: int | None = None,
        offsets: Mapping[int, int] | None = None,
    ) -> AsyncIterator[LogChunk]:  # fmt: skip
        """Nobody says anything."""
        del cluster, job_id, follow, tail, rank, offsets
        return
        yield

    async def autostop(self, cluster: Cluster, policy: Autostop | None) -> None:
        """Take it."""
        del policy
        self._alive(self._read(), cluster)

    async def metrics(self, cluster: Cluster) -> list[NodeMetrics]:
        """Nothing is measured."""
        del cluster
        return []

    async def shutdown(self, cluster: Cluster, *, keep: bool = False) -> None:
        """It is over, but for what runs on the nodes and does not listen: that is for the provider to end."""
        known = self._read()
        if keep and cluster.key in known:
            known[cluster.key]["alive"] = False
        else:
            known.pop(cluster.key, None)
        self._write(known)

    def _alive(self, known: dict[str, Any], cluster: Cluster) -> dict[str, Any]:
        runtime: dict[str, Any] = known.get(cluster.key, {})
        if not runtime.get("alive"):
            raise BackendError(f"nothing runs on {cluster.name}")
        return runtime

    def _read(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return found

    def _write(self, known: dict[str, Any]) -> None:
        draft = self._path.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(known), encoding="utf-8")
        draft.replace(self._path)
