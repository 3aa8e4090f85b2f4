"""The head's queue of jobs: first in, first out by free CPUs and GPUs."""

from __future__ import annotations

import json
import sqlite3
import time

from . import check, loop
from .drive import Drive, End
from .protocol import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from .cluster import Cluster
    from .ledger import Placement
    from .node import Node
    from .notices import Notices
    from .server import Send
    from .table import Table
    from .vault import Vault

MAX_LIVE = 10_000
MAX_SPEC = 700_000  # bytes; with what the cluster adds to it, it still has to fit a frame to a peer
MAX_ANSWER = 900_000  # bytes of one list of jobs
PAGE = 200
SAVE_AGAIN = 1.0  # seconds


class Job:
    """A job that has not ended, or whose end is not on the disk yet. ``record`` is what ``jobs.list`` shows."""

    __slots__ = ("cancelling", "changed", "drive", "placement", "record", "spec")

    def __init__(self, record: dict[str, Any], spec: dict[str, Any], placement: Placement | None) -> None:
        self.record = record
        self.spec = spec
        self.placement = placement
        self.cancelling = False
        self.drive: Drive | None = None
        self.changed = loop.Signal()

    @property
    def id(self) -> int:
        """The number of the job."""
        return int(self.record["id"])

    @property
    def ended(self) -> bool:
        """Whether its state will never change again."""
        return self.record["ended_at"] is not None


class Jobs:
    """The methods ``jobs.*``."""

    def __init__(self, node: Node, vault: Vault, clock: Callable[[], float] = time.time) -> None:
        self._node = node
        self._vault = vault
        self._table: Table = node.table
        self._clock = clock
        self._cluster: Cluster
        self._notices: Notices
        self._saver: loop.Task | None = None
        self._scheduling = self._dirty = False
        self.live: dict[int, Job] = {}  # by number, which is the order of submission
        self.closing = False
        self.noticed: Callable[[], None] = lambda: None  # called whenever a job has come or gone

    def begin(self, cluster: Cluster, notices: Notices) -> None:
        """Take up what an earlier agent left."""
        self._cluster = cluster
        self._notices = notices
        self._vault.sweep([record["id"] for record, _, _ in self._table.live()])
        for record, spec, placement in self._table.live():
            job = self.live[record["id"]] = Job(record, spec, placement)
            if placement is not None:
                cluster.ledger.hold(job.id, spec["cpus"], spec["gpus"], placement)
                loop.spawn(self._run(job, again=True))
            elif spec["secrets"] and self._vault.get(job.id) is None:
                self._finish(
                    job, End("failed", reason="its secrets were lost when the node restarted; submit it again")
                )
        self.schedule()

    @property
    def busy(self) -> bool:
        """Whether there is any job that has not ended."""
        return any(not job.ended for job in self.live.values())

    async def submit(self, params: dict[str, Any], _send: Send) -> dict[str, Any]:
        """Answer ``jobs.submit``."""
        self._node.head()
        secrets = check.variables(params, "secrets")
        spec = read_spec(params, sorted(secrets))
        self._node.fence(check.integer(params, "epoch", 0))
        known = self._table.by_key(spec["key"])
        if known is not None:
            return {"id": known}
        if self.closing:
            raise AgentError("shutting_down", "the cluster is being stopped or removed")
        if len(self.live) >= MAX_LIVE:
            raise AgentError("too_many", f"{MAX_LIVE} jobs wait or run already")
        if len(json.dumps([spec, secrets])) > MAX_SPEC:
            raise AgentError("too_large", f"the job is longer than {MAX_SPEC} bytes")
        number = self._table.insert(spec, self._clock())
        self._vault.keep(number, secrets)
        self.live[number] = Job(self._table.jobs([number], number + 1, 1)[0], spec, None)
        self.noticed()
        self.schedule()
        return {"id": number}

    async def list(self, params: dict[str, Any], _send: Send) -> dict[str, Any]:
        """Answer ``jobs.list``: as many of the newest as one frame holds."""
        ids = check.listing(params, "ids", int)
        found: list[dict[str, Any]] = []
        before, room = 1 << 62, MAX_ANSWER
        while True:
            page = self._table.jobs(ids, before, PAGE)
            for record in page:
                shown = self.live[record["id"]].record if record["id"] in self.live else record
                room -= len(json.dumps(shown)) + 1
                if room < 0:
                    return {"jobs": found}
                found.append(shown)
            if len(page) < PAGE:
                return {"jobs": found}
            before = page[-1]["id"]

    async def wait(self, params: dict[str, Any], _send: Send) -> dict[str, Any]:
        """Answer ``jobs.wait``."""
        number = check.integer(params, "id", low=1, high=1 << 53)
        job = self.live.get(number)
        while job is not None and not job.ended:
            await job.changed.wait()
        if job is not None:
            return job.record
        found = self._table.jobs([number], number + 1, 1)
        if not found:
            raise AgentError("not_found", f"there is no job {number} on this cluster")
        return found[0]

    async def cancel(self, params: dict[str, Any], _send: Send) -> dict[str, Any]:
        """Answer ``jobs.cancel``."""
        ids = check.listing(params, "ids", int)
        self._node.fence(check.integer(params, "epoch", 0))
        chosen = list(self.live.values()) if ids is None else [self.live[i] for i in ids if i in self.live]
        cancelled = [job for job in chosen if not job.ended]
        for job in cancelled:
            job.cancelling = True
            if job.drive is not None:
                job.drive.cancel()
            elif job.placement is None:
                self._finish(job, End("cancelled"))
        for job in cancelled:
            while not job.ended:
                await job.changed.wait()
        return {"cancelled": [job.id for job in cancelled if job.record["state"] == "cancelled"]}

    def schedule(self) -> None:
        """Start what can be started now, in order."""
        self._dirty = True
        if self._scheduling:
            return  # a job that ends at once asks for this in the midst of it
        self._scheduling = True
        while self._dirty:
            self._dirty = False
            self._place_all()
        self._scheduling = False
        if self._cluster.unknown and any(job.placement is None for job in self.live.values()):
            self._cluster.learn()

    def _place_all(self) -> None:
        if self.closing:
            return  # what begins now would be killed with the node
        blocked = False
        cluster = self._cluster
        for job in [job for job in self.live.values() if job.placement is None and not job.ended]:
            spec = job.spec
            counted = spec["cpus"] > 0 or spec["gpus"] > 0
            if blocked and counted:
                continue
            claim = (spec["num_nodes"], spec["cpus"], spec["gpus"])
            why = cluster.ledger.too_large(*claim, unknown=len(cluster.unknown))
            if not why and cluster.unreachable and cluster.ledger.too_large(*claim):
                number, said = min(cluster.unreachable.items())
                why = f"node {number} cannot be reached: {said}"
            if why:
                self._finish(job, End("failed", reason=why))
                continue
            job.placement = cluster.ledger.place(job.id, *claim)
            if job.placement is not None:
                self._begin(job)
                continue
            blocked = blocked or counted

    def leave(self) -> None:
        """Begin no job any more: the node is about to be removed, and no secret may outlive it."""
        self.closing = True
        self._vault.clear()

    def learned(self) -> None:
        """Go on with what is known of the cluster now."""
        self.schedule()
        self._cluster.unreachable = {}  # the next job asks again

    def _begin(self, job: Job) -> None:
        job.record["state"] = "setting_up" if job.spec["setup"] or job.spec["num_nodes"] > 1 else "running"
        job.record["started_at"] = self._clock()
        if self._save(job):
            loop.spawn(self._run(job, again=False))
        else:
            self._finish(job, End("failed", reason="the disk of the head node is full"))

    async def _run(self, job: Job, again: bool) -> None:
        placement = job.placement or []
        cluster = self._cluster
        config = self._node.configured()
        ips = [config["node_ips"][node] if node < len(config["node_ips"]) else "127.0.0.1" for node, _ in placement]
        secrets = self._vault.get(job.id) if job.spec["secrets"] else {}
        spec = dict(job.spec, head=self._node.token)
        job.drive = Drive(
            job.id, spec, placement, cluster.member, cluster.patience, lambda _: self._moved(job), self._notices.heard
        )
        if job.cancelling:
            job.drive.cancel()
        end = await job.drive.run(secrets, ips, self._node.epoch, again)
        for node in job.drive.lost_nodes:
            cluster.forget(node)
        job.record["ranks"] = job.drive.codes
        self._finish(job, end)

    def _moved(self, job: Job) -> None:
        """A rank of the job has come further."""
        assert job.drive is not None
        self._forget_secrets(job)
        state, codes = job.drive.state, job.drive.codes
        if (job.record["state"], job.record["ranks"]) != (state, codes):
            changed = job.record["state"] != state
            job.record.update(state=state, ranks=codes)
            if changed:
                self._save(job)
                job.changed.notify()

    def _finish(self, job: Job, end: End) -> None:
        job.record.update(state=end.state, exit_code=end.exit_code, reason=end.reason, ended_at=self._clock())
        self._forget_secrets(job)
        if self._save(job):
            del self.live[job.id]
        self._cluster.ledger.release(job.id)
        job.changed.notify()
        self.noticed()
        self.schedule()

    def _forget_secrets(self, job: Job) -> None:
        if job.spec["secrets"]:
            self._vault.drop(job.id)

    def _save(self, job: Job) -> bool:
        """Write where a job stands; what the disk has no room for is written later."""
        try:
            self._table.update(job.record, job.placement)
        except sqlite3.OperationalError:
            if self._saver is None:
                self._saver = loop.spawn(self._save_later())
            return False
        return True

    async def _save_later(self) -> None:
        while True:
            await loop.sleep(SAVE_AGAIN)
            try:
                for job in list(self.live.values()):
                    self._table.update(job.record, job.placement)
                    if job.ended:
                        del self.live[job.id]
            except sqlite3.OperationalError:
                continue
            self._saver = None
            return


def read_spec(params: dict[str, Any], secrets: list[str]) -> dict[str, Any]:
    """Return a job as it is stored: of its secrets only the names. Raises AgentError."""
    return {
        "key": check.text(params, "key", limit=200) or _no_key(),
        "name": check.text(params, "name", "", limit=200),
        "user": check.text(params, "user", "", limit=200),
        "setup": check.text(params, "setup", ""),
        "run": check.text(params, "run", ""),
        "envs": check.variables(params, "envs"),
        "secrets": secrets,
        "num_nodes": check.integer(params, "num_nodes", 1, low=1, high=10_000),
        "cpus": check.number(params, "cpus"),
        "gpus": check.number(params, "gpus"),
        "workdir": check.text(params, "workdir", "", limit=4096),
        "container": check.text(params, "container", "", limit=1000),
        "task_id": check.text(params, "task_id", "", limit=500),
        "cluster_info": check.mapping(params, "cluster_info"),
    }


def _no_key() -> str:
    raise check.bad("a job needs a key")
