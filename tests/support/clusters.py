"""Clusters of real hosts, and jobs and their output, for tests of backends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from styx.api import (
    Backend,
    Cluster,
    JobSpec,
    LogChunk,
    Node,
    NodeState,
    Owner,
    Transport,
    new_attempt_id,
    new_installation_id,
)
from styx.testing.hosts import Host
from styx.transports import open_transport


class HostCluster:
    """A cluster whose nodes are test hosts."""

    def __init__(self, hosts: Sequence[Host], **options: str) -> None:
        owner = Owner(new_installation_id(), "hosts", new_attempt_id())
        self.name, self.key, self.epoch = "hosts", owner.name, 0
        self.hosts = hosts
        self.nodes: Sequence[Node] = [
            Node(
                id=host.name, owner=owner, state=NodeState.RUNNING, rank=rank, endpoint=host.endpoint(**options),
                private_ip=host.address,
            )
            for rank, host in enumerate(hosts)
        ]  # fmt: skip
        self._transports: dict[int, Transport] = {}

    def transport(self, rank: int) -> Transport:
        """The kept transport to this node."""
        if rank not in self._transports:
            endpoint = self.nodes[rank].endpoint
            assert endpoint is not None
            self._transports[rank] = open_transport(endpoint)
        return self._transports[rank]

    def self_stop_command(self, rank: int, *, down: bool) -> str | None:
        """These cannot."""
        del rank, down
        return None

    def preemption_notice_command(self) -> str | None:
        """These are given none."""
        return None

    def preemption_noticed(self, rank: int, at: datetime) -> None:
        """Nobody is."""

    async def close(self) -> None:
        """Close the transports; what runs goes on."""
        for transport in self._transports.values():
            await transport.close()
        self._transports.clear()


def job(run: str, **fields: object) -> JobSpec:
    """A job with a key of its own."""
    return JobSpec(**{"key": f"key-{time.monotonic_ns()}", "run": run, **fields})  # type: ignore[arg-type]


async def output(backend: Backend, cluster: Cluster, job_id: int, **options: object) -> dict[int, str]:
    """What each rank of a job wrote, put together; fails where bytes are missing or come twice."""
    chunks: dict[int, list[LogChunk]] = {}
    async for chunk in backend.logs(cluster, job_id, **options):  # type: ignore[arg-type]
        before = chunks.setdefault(chunk.rank, [])
        if before:
            assert chunk.offset == before[-1].offset + len(before[-1].data)
        before.append(chunk)
    return {rank: b"".join(chunk.data for chunk in got).decode() for rank, got in chunks.items()}


async def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait until something outside of this process has come about."""
    give_up = time.monotonic() + seconds
    while not await asyncio.to_thread(true):
        assert time.monotonic() < give_up, "it did not come about"
        await asyncio.sleep(0.02)
