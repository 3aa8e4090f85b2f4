"""Ranks of jobs on this node, as the head asks for them: reserved, started, watched, ended.

The head is this node or another; it asks in the same words.
"""

from __future__ import annotations

import time

from . import check, loop
from .protocol import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .containers import Containers
    from .node import Node
    from .notices import Notices
    from .ranks import Rank, Ranks
    from .server import Send

HEARTBEAT = 2.0  # seconds between items of a watch at most


class Gang:
    """The member's side of starting a job on several nodes at once."""

    def __init__(self, node: Node, ranks: Ranks, containers: Containers, notices: Notices, abandoned: float) -> None:
        self._node = node
        self._containers = containers
        self._notices = notices
        self._abandoned = abandoned
        self._ranks = ranks
        self._claims: dict[tuple[int, int], dict[str, Any]] = {}

    async def reserve(self, params: dict[str, Any], _send: Send | None = None) -> dict[str, Any]:
        """Answer ``gang.reserve``. A rank that was started already stays as it is."""
        job, rank = _which(params)
        spec = check.mapping(params, "spec")
        image = check.text(spec, "container", "", limit=1000)
        claim = {
            "container": self._containers.of(image) if image else None,
            "setup": check.text(spec, "setup", ""),
            "run": check.text(spec, "run", ""),
            "workdir": check.text(spec, "workdir", "", limit=4096),
            "env": check.variables(spec, "env"),
            "secrets": check.variables(spec, "secrets"),
            "gpus": check.listing(params, "gpus", int) or [],
            "hold": check.flag(params, "hold"),
            "head": check.text(params, "head", "", limit=100),
        }
        seconds = check.number(params, "seconds", 30.0)
        check.number(params, "cpus")
        self._node.configured()
        self._node.fence(check.integer(params, "epoch", 0))
        self._lapse()
        await self._ranks.disown(job, rank, claim["head"])
        if self._ranks.find(job, rank) is None:
            self._claims[job, rank] = dict(claim, until=time.monotonic() + seconds)
        return {}

    def _lapse(self) -> None:
        now = time.monotonic()
        for which in [which for which, claim in self._claims.items() if claim["until"] < now]:
            del self._claims[which]

    async def commit(self, params: dict[str, Any], _send: Send | None = None) -> dict[str, Any]:
        """Answer ``gang.commit``."""
        job, rank = _which(params)
        self._lapse()
        claim = self._claims.pop((job, rank), None)
        if claim is not None:
            self._ranks.start(job, rank, claim, self._environment(claim), claim["hold"])
        elif self._ranks.find(job, rank) is None:
            raise AgentError("not_reserved", f"nothing is reserved here for rank {rank} of job {job} (any more)")
        return {}

    def _environment(self, claim: dict[str, Any]) -> dict[str, str]:
        env = dict(self._node.configured()["env"]) if claim["container"] else self._node.environment_of_jobs()
        if self._node.facts["gpus"]:  # a job sees the devices that it has claimed, and those alone
            env["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
            env["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, claim["gpus"]))
        env["STYX_PREEMPTION_NOTICE"] = self._ranks.notice
        env.update(claim["env"])
        env.update(claim["secrets"])
        return env

    async def go(self, params: dict[str, Any], _send: Send | None = None) -> dict[str, Any]:
        """Answer ``gang.go``."""
        job, rank = _which(params)
        if self._found(job, rank).ended:
            return {}
        self._ranks.go(job, rank)
        return {}

    async def watch(self, params: dict[str, Any], send: Send) -> dict[str, Any]:
        """Answer ``gang.watch``."""
        job, rank = _which(params)
        found = self._found(job, rank)
        while True:
            told, ended = (found.phase, found.code, self._notices.at), found.ended
            found.since = time.monotonic()
            await send({"phase": told[0], "code": told[1], "notice": told[2]})
            if ended:
                return {}
            until = time.monotonic() + HEARTBEAT
            while (found.phase, found.code, self._notices.at) == told and time.monotonic() < until:
                await self._ranks.changed.wait(until - time.monotonic())

    async def cancel(self, params: dict[str, Any], _send: Send | None = None) -> dict[str, Any]:
        """Answer ``gang.cancel``."""
        job, rank = _which(params)
        self._claims.pop((job, rank), None)
        await self._ranks.cancel(job, rank)
        return {}

    def _found(self, job: int, rank: int) -> Rank:
        found = self._ranks.find(job, rank)
        if found is None:
            raise AgentError("not_found", f"rank {rank} of job {job} was never started on this node")
        return found

    async def end_abandoned(self) -> None:
        """End ranks that no head has watched for a long time, for ever."""
        while True:
            await loop.sleep(self._abandoned / 10)
            late = time.monotonic() - self._abandoned
            for rank in [rank for rank in self._ranks.active.values() if rank.since < late]:
                if self._node.rank != 0:
                    await self._ranks.cancel(rank.job, rank.rank)


def _which(params: dict[str, Any]) -> tuple[int, int]:
    return check.integer(params, "job", low=1, high=1 << 53), check.integer(params, "rank")
