"""The agent backend: every node runs styx-agent; the one on rank 0 is the head and keeps the cluster's jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import aclosing
from typing import ClassVar

from styx.api import (
    Autostop,
    Backend,
    BackendError,
    Cluster,
    HostKeyChanged,
    JobInfo,
    JobSpec,
    LogChunk,
    Login,
    NodeMetrics,
    Services,
    TransportError,
)
from styx.builtin.agent import channel, codec
from styx.builtin.agent.connection import ConnectionLost, Message
from styx.builtin.agent.docker import require_docker
from styx.builtin.agent.node import AgentNode
from styx.builtin.agent.remove import remove
from styx.transports.process import ProcessTransport, user_name
from styx.transports.together import each, together

CANCEL_DEADLINE = 60.0  # seconds for the processes of cancelled jobs to end, by force if need be
FETCH_DEADLINE = 3700.0  # seconds for an image to be there; the agent gives up before
WAKE_DEADLINE = 15.0  # seconds; the head says what becomes of a job whose nodes cannot be reached
HEAD = 0


class AgentBackend(Backend):
    """See :class:`styx.api.Backend`. Connections live as long as the transports that clusters lend."""

    name: ClassVar[str] = "agent"

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._programs = services.state_dir / "programs"
        self._nodes: dict[tuple[str, int], AgentNode] = {}

    async def prepare(self, cluster: Cluster) -> None:
        """Start this build's agent on every node, let the head reach the others, and tell each what it is.

        An agent of another build is replaced: jobs run under shims of their own and do not notice.
        """
        nodes = self._all(cluster)
        await together(node.ensure_running(self._programs) for node in nodes)
        ips = await together(channel.address(node, cluster.nodes[node.rank]) for node in nodes)
        peers = await channel.open_channels(nodes, ips)
        await together(self._configure(cluster, node, ips, {}) for node in nodes[1:])
        # The head comes last: it may turn to the others at once, for jobs that it still has.
        await self._configure(cluster, nodes[HEAD], ips, peers)

    async def prepare_container(self, cluster: Cluster, image: str, login: Login | None = None) -> list[str]:
        """Have Docker on every node, installed if need be and allowed, fetch the image and start a container of it."""
        nodes = self._all(cluster)
        places = await together(node.places() for node in nodes)
        await together(require_docker(node.transport, at) for node, at in zip(nodes, places, strict=True))
        params = {"image": image, "registry": "", "username": "", "password": ""}
        if login is not None:
            params |= {"registry": login.registry, "username": login.username, "password": login.password}
        answers = await together(node.call("container.prepare", params, deadline=FETCH_DEADLINE) for node in nodes)
        return sorted({codec.clean(said) for answer in answers if (said := str(answer.get("said") or ""))})

    async def container_image(self, cluster: Cluster) -> str | None:
        """As the head remembers it; agents of builds that do not tell do not know."""
        return codec.image((await self._node(cluster, HEAD).hello()).get("container"))

    async def submit(self, cluster: Cluster, job: JobSpec) -> int:
        """Queue a job with the head, once the agents that it may need are up: a node that was rebooted starts none."""
        if job.container and not (await self._node(cluster, HEAD).hello()).get("containers"):
            raise BackendError(
                f"the agents of {cluster.name!r} are of a build that knows no containers",
                hint=f"`styx launch -c {cluster.name}` brings them up to date.",
            )
        if job.num_nodes > 1:
            _, failed = await each(_wake(node) for node in self._all(cluster)[1:])
            changed = [error for error in failed if isinstance(error, HostKeyChanged)]
            if changed:
                raise changed[0]
        params = codec.job_params(job, user=user_name(), epoch=cluster.epoch)
        return codec.integer(await self._node(cluster, HEAD).call("jobs.submit", params), "id", 1)

    async def jobs(self, cluster: Cluster, ids: Collection[int] | None = None) -> list[JobInfo]:
        """The head's jobs, newest first."""
        if ids is not None and not ids:
            return []
        params = {} if ids is None else {"ids": sorted(ids)}
        return codec.job_list(await self._node(cluster, HEAD).call("jobs.list", params), ids)

    async def wait(self, cluster: Cluster, job_id: int) -> JobInfo:
        """Wait until the head says that the job has ended, over as many connections as it takes."""
        node = self._node(cluster, HEAD)
        return codec.job_info(await node.call("jobs.wait", {"id": job_id}, job=job_id, deadline=None), job_id)

    async def cancel(self, cluster: Cluster, ids: Collection[int] | None) -> list[int]:
        """Cancel jobs; their processes are dead when this returns."""
        if ids is not None and not ids:
            return []
        params = {"ids": None if ids is None else sorted(ids), "epoch": cluster.epoch}
        answer = await self._node(cluster, HEAD).call("jobs.cancel", params, deadline=CANCEL_DEADLINE)
        return codec.id_list(answer, "cancelled", ids)

    async def logs(
        self,
        cluster: Cluster,
        job_id: int,
        *,
        follow: bool = True,
        tail: int | None = None,
        rank: int | None = None,
        offsets: Mapping[int, int] | None = None,
    ) -> AsyncIterator[LogChunk]:
        """The job's output from the head, which collects it; after a lost connection it goes on where it was."""
        node = self._node(cluster, HEAD)
        ranks = range(len(cluster.nodes)) if rank is None else range(rank, rank + 1)
        reached = dict(offsets or {})
        attempts = node.attempts()
        while True:
            params = {
                "id": job_id, "rank": rank, "follow": follow, "tail": tail,
                "offsets": {str(of): offset for of, offset in reached.items()},
            }  # fmt: skip
            try:
                async with aclosing(node.stream("logs.read", params, job=job_id)) as items:
                    async for item, data in items:
                        chunk = _unseen(codec.log_chunk(item, data, ranks), reached)
                        if chunk is not None:
                            reached[chunk.rank] = chunk.offset + len(chunk.data)
                            yield chunk
                return
            except (ConnectionLost, TransportError) as error:
                await attempts.next(error, node.lost(error, job_id))

    async def autostop(self, cluster: Cluster, policy: Autostop | None) -> None:
        """Give the policy to the head, which watches over all nodes."""
        await self._node(cluster, HEAD).call("autostop.set", codec.autostop_params(policy))

    async def metrics(self, cluster: Cluster) -> list[NodeMetrics]:
        """A sample of every node whose agent answers. Raises the first node's error only when none does."""
        samples, failures = await each(_sample(node) for node in self._all(cluster))
        if failures and not samples:
            raise failures[0]
        return samples

    async def shutdown(self, cluster: Cluster, *, keep: bool = False) -> None:
        """End all jobs and agents and, unless told to keep it, remove what they left on every node that can be reached.

        Raises the first error after the other nodes are done. A node without a runtime is fine.
        """
        nodes = self._all(cluster)
        failures = await remove(nodes, keep=keep)
        for node in nodes:
            self._nodes.pop((cluster.key, node.rank), None)
        if failures:
            raise failures[0]

    def _all(self, cluster: Cluster) -> list[AgentNode]:
        return [self._node(cluster, node.rank or 0) for node in cluster.nodes]

    def _node(self, cluster: Cluster, rank: int) -> AgentNode:
        """The agent of this rank, over the transport that the cluster lends now."""
        transport = cluster.transport(rank)
        node = self._nodes.get((cluster.key, rank))
        if node is None or node.transport is not transport:
            hear = cluster.preemption_noticed
            node = AgentNode(transport, cluster.name, cluster.key, rank, self.services.clock, hear)
            self._nodes[cluster.key, rank] = node
        return node

    async def _configure(
        self, cluster: Cluster, node: AgentNode, ips: Sequence[str], peers: Mapping[str, Message]
    ) -> None:
        places = await node.places()
        name = node.transport.node if isinstance(node.transport, ProcessTransport) else ""
        await node.call("cluster.configure", {
            "cluster_key": cluster.key, "cluster_name": cluster.name, "rank": node.rank, "num_nodes": len(ips),
            "node_ips": ips, "peers": peers, "epoch": cluster.epoch, "home": places.home,
            "self_stop": {
                "stop": cluster.self_stop_command(node.rank, down=False),
                "down": cluster.self_stop_command(node.rank, down=True),
            },
            "notice": cluster.preemption_notice_command() or "",
            "env": {"STYX_NODE": name} if name else {},  # what marks the processes of a local node
        })  # fmt: skip


async def _wake(node: AgentNode) -> None:
    async with asyncio.timeout(WAKE_DEADLINE):
        await node.wake()


async def _sample(node: AgentNode) -> NodeMetrics:
    return codec.metrics(node.rank, await node.call("metrics.sample"))


def _unseen(chunk: LogChunk, reached: Mapping[int, int]) -> LogChunk | None:
    """The part of a chunk that was not delivered before, whatever the agent believes was asked for."""
    known = max(0, reached.get(chunk.rank, chunk.offset) - chunk.offset)
    rest = chunk.data[known:]
    return LogChunk(chunk.rank, chunk.offset + known, rest) if rest else None
