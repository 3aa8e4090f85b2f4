"""A server's hold on one managed job: what it writes of it, until another server takes the job up."""

from __future__ import annotations

import logging
from typing import Any

from styx.engine.engine import Engine
from styx.hookspecs import Event
from styx.jobs import costs
from styx.store.managed import ManagedState, Superseded

log = logging.getLogger("styx.jobs")


class Hold:
    """One job, owned. Every method raises Superseded once another server has it. ``job`` is as it was written last."""

    def __init__(self, engine: Engine, number: int, server: str) -> None:
        """Take the job up. Raises Superseded where it is not this server's."""
        self._store = engine.context.store
        self.job = self._store.jobs.own(number, server)
        self.engine = engine.for_user(self.job.user or engine.context.user, self.job.epoch)

    def move(self, to: ManagedState, reason: str = "", **changes: Any) -> None:
        """Move the job to another state, and tell plugins of it. Nothing happens where all is so already."""
        before = self.job.state
        if before is to and self._same(changes):
            return
        self.job = self._store.jobs.move(self.job.id, self.job.epoch, to, reason=reason, **changes)
        if before is not to:
            self._announce("state", reason, before)

    def end(self, to: ManagedState, reason: str, **changes: Any) -> None:
        """Write down what became of the job, with what it has cost."""
        self.move(to, reason, cost=costs.of(self._store, self.job), **changes)

    def announce_end(self) -> None:
        """Tell plugins of the end of a job that came as it waited for its turn, so that no server has done it yet."""
        self._announce("state", self.job.reason, ManagedState.PENDING)

    def update(self, **changes: Any) -> None:
        """Set fields of the job, where they are not so already."""
        if not self._same(changes):
            self.job = self._store.jobs.update(self.job.id, self.job.epoch, **changes)

    def note(self, kind: str, reason: str) -> None:
        """Note something that happened to the job, and tell plugins of it."""
        self._store.jobs.note(self.job.id, kind, reason)
        self._announce(kind, reason)

    def require(self) -> None:
        """Raise Superseded where another server has the job, before something is done for it that it would do too."""
        if self._store.jobs.get(self.job.id).epoch != self.job.epoch:
            raise Superseded(f"managed job {self.job.id} was taken up by another server")

    def _same(self, changes: dict[str, Any]) -> bool:
        return all(getattr(self.job, key) == value for key, value in changes.items())

    def _announce(self, kind: str, reason: str, before: ManagedState | None = None) -> None:
        job = self.job
        what = kind if before is None else f"{before} to {job.state}"
        log.info("managed job %s: %s%s", job.id, what, f": {reason}" if reason else "")
        self.engine.context.announce(
            Event(
                at=job.updated_at,
                subject="job",
                name=job.name,
                kind=kind,
                from_state="" if before is None else before.value,
                to_state="" if before is None else job.state.value,
                reason=reason,
                data={"job": str(job.id), "user": job.user, "group": job.group, "cluster": job.cluster},
            )
        )
