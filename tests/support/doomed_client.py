"""A client in a process of its own, to be killed: it prepares a cluster, submits jobs, follows them and never returns.

``python doomed_client.py FILE``: FILE is JSON, {name, key, endpoints, addresses, state, jobs}. It prints a line of JSON
with the jobs' numbers once all are submitted.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from styx.api import Endpoint, JobSpec, Node, NodeState, Transport
from styx.builtin.agent.backend import AgentBackend
from styx.testing.surroundings import services
from styx.transports import open_transport


class ToldCluster:
    """A cluster as another process tells it."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.name: str = told["name"]
        self.key: str = told["key"]
        self.epoch = 0
        self.nodes: Sequence[Node] = [
            Node(str(rank), None, NodeState.RUNNING, rank, endpoint=Endpoint(*endpoint), private_ip=address)
            for rank, (endpoint, address) in enumerate(zip(told["endpoints"], told["addresses"], strict=True))
        ]
        self._transports = [open_transport(Endpoint(*endpoint)) for endpoint in told["endpoints"]]

    def transport(self, rank: int) -> Transport:
        """The transport to this node."""
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


async def live(told: dict[str, Any]) -> None:
    """Be a client until somebody kills it."""
    backend, cluster = AgentBackend(services(Path(told["state"]))), ToldCluster(told)
    await backend.prepare(cluster)
    numbers = [await backend.submit(cluster, JobSpec(**job)) for job in told["jobs"]]
    sys.stdout.write(json.dumps(numbers) + "\n")
    sys.stdout.flush()
    async for _ in backend.logs(cluster, numbers[0]):
        pass
    await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(live(json.loads(Path(sys.argv[1]).read_text())))
