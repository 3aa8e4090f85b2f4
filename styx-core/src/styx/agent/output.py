"""The method ``logs.read``: what the ranks of a job have written, on whichever node they run."""

from __future__ import annotations

from . import check, logs, loop
from .peers import Peer
from .protocol import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .cluster import Cluster
    from .jobs import Job, Jobs
    from .node import Node
    from .ranks import Rank, Ranks
    from .server import Send

RETRY = 0.5  # seconds between attempts to read on from a node that cannot be reached
MAX_OFFSET = 1 << 53
ATTEMPTS = 3  # once the job has ended


class Output:
    """Reads logs. The head finds the nodes of a job; any other node has only its own ranks."""

    def __init__(self, node: Node, ranks: Ranks, jobs: Jobs, cluster: Cluster) -> None:
        self._node = node
        self._ranks = ranks
        self._jobs = jobs
        self._cluster = cluster

    async def read(self, params: dict[str, Any], send: Send) -> dict[str, Any]:
        """Answer ``logs.read``."""
        number = check.integer(params, "id", low=1, high=1 << 53)
        wanted = None if params.get("rank") is None else check.integer(params, "rank")
        follow = check.flag(params, "follow")
        tail = None if params.get("tail") is None else check.integer(params, "tail", high=1 << 40)
        offsets = {
            int(rank): check.integer(check.mapping(params, "offsets"), rank, high=MAX_OFFSET)
            for rank in check.mapping(params, "offsets")
            if rank.isdigit()
        }
        if self._node.rank != 0:
            await self._own(number, wanted, follow, tail, offsets, send)
            return {}
        job = self._jobs.live.get(number)
        while follow and job is not None and job.placement is None and not job.ended:
            await job.changed.wait()
        spec = self._node.table.spec(number)
        if spec is None:
            raise AgentError("not_found", f"there is no job {number} on this cluster")
        if wanted is not None and wanted >= spec["num_nodes"]:
            raise AgentError("not_found", f"job {number} has ranks 0 to {spec['num_nodes'] - 1}, not {wanted}")
        nodes = [node for node, _ in spec["placement"] or []]
        await loop.gather(
            [
                self._rank(number, rank, node, follow, tail, offsets.get(rank), send)
                for rank, node in enumerate(nodes)
                if wanted in {None, rank}
            ]
        )
        while follow and job is not None and not job.ended:
            await job.changed.wait()
        return {}

    async def _own(
        self, job: int, rank: int | None, follow: bool, tail: int | None, offsets: dict[int, int], send: Send
    ) -> None:
        found = None if rank is None else self._ranks.find(job, rank)
        if found is None or rank is None:
            raise AgentError("not_found", f"rank {rank} of job {job} was never started on this node")
        await self._local(found, follow, tail, offsets.get(rank), send)

    async def _local(self, rank: Rank, follow: bool, tail: int | None, offset: int | None, send: Send) -> None:
        async def chunk(number: int, at: int, data: bytes) -> None:
            await send({"rank": number, "offset": at, "size": len(data)}, data)

        await logs.read(self._ranks, rank, follow, tail, offset, chunk)

    async def _rank(
        self, number: int, rank: int, node: int, follow: bool, tail: int | None, offset: int | None, send: Send
    ) -> None:
        job = self._jobs.live.get(number)
        if node != 0:
            await self._remote(job, number, rank, node, follow, tail, offset, send)
            return
        # What another table of jobs had started under this number is about to go.
        while (found := self._ranks.find(number, rank)) is None or found.head not in {"", self._node.token}:
            if not follow or job is None or job.ended:
                return
            await self._ranks.changed.wait(RETRY)
        await self._local(found, follow, tail, offset, send)

    async def _remote(
        self, job: Job | None, number: int, rank: int, node: int, follow: bool, tail: int | None, offset: int | None,
        send: Send,
    ) -> None:  # fmt: skip
        """Read from another node, going on from where it broke off while the job goes on."""
        at = offset

        async def take(item: dict[str, Any], data: bytes) -> None:
            nonlocal at
            begins = item.get("offset")
            if item.get("rank") != rank or type(begins) is not int or not 0 <= begins <= MAX_OFFSET or not data:
                raise AgentError("internal", f"node {node} sent output that nobody asked for")
            at = begins + len(data)
            await send({"rank": rank, "offset": begins, "size": len(data)}, data)

        attempts = 0
        while True:
            asked = {"id": number, "rank": rank, "follow": follow, "tail": tail if at is None else None}
            try:
                member = self._cluster.member(node)
                assert isinstance(member, Peer)
                await member.stream_apart(
                    "logs.read", dict(asked, offsets=None if at is None else {str(rank): at}), take
                )
                return
            except AgentError as error:
                ended = job is None or job.ended
                if error.code == "not_found" and (ended or not follow):
                    return  # it never got as far as writing anything
                if error.code not in {"not_found", "unreachable"}:
                    raise
                if ended or not follow:
                    attempts += 1
                if attempts >= ATTEMPTS:
                    raise AgentError(
                        "unreachable", f"the output of rank {rank}: node {node}: {error.message}"
                    ) from error
            await self._ranks.changed.wait(RETRY)
