"""The agent, put together: every method of the protocol and what runs in the background.

For tests and for clusters out of the ordinary, seconds may be set in the daemon's environment: ``STYX_AGENT_GRACE``,
``STYX_AGENT_PATIENCE``, ``STYX_AGENT_ABANDONED`` and ``STYX_AGENT_ANSWER``; see the constants.
"""

from __future__ import annotations

import time

from . import check, contact, loop
from .cluster import Cluster
from .containers import Containers
from .gang import Gang
from .jobs import Jobs
from .node import Node
from .notices import ANSWER, Notices
from .output import Output
from .peers import Here
from .policy import Policy
from .protocol import AgentError
from .ranks import Ranks
from .server import Server
from .vault import Vault

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any, Callable

    from .server import Handler, Send

GRACE = 5.0  # seconds between a job's SIGTERM and its SIGKILL
PATIENCE = 30.0  # seconds that a node may be out of reach before the jobs on it are given up
# Seconds after which ranks that no head watches are ended. Long, because the head's agent may only be down, and then
# what runs is fine.
ABANDONED = 900.0
SHUTDOWN = 60.0  # seconds for the peers to end
SAMPLING = 15.0  # seconds between samples of this node


class Agent:
    """One agent on one state directory. :meth:`begin`, then :meth:`serve` until it is to end."""

    def __init__(self, state: str, build: str, umask: int, on_error: Callable[[BaseException], None]) -> None:
        self.node = Node(state, build)
        patience = _seconds(self.node.own, "STYX_AGENT_PATIENCE", PATIENCE)
        self.ranks = Ranks(state, self.node.token, _seconds(self.node.own, "STYX_AGENT_GRACE", GRACE), umask)
        vault = Vault(self.node.token, state, self.node.own.get("XDG_RUNTIME_DIR", ""))
        self.notices = Notices(self.node, self.ranks, _seconds(self.node.own, "STYX_AGENT_ANSWER", ANSWER))
        self.containers = Containers(self.node, self.ranks.root)
        abandoned = _seconds(self.node.own, "STYX_AGENT_ABANDONED", ABANDONED)
        gang = Gang(self.node, self.ranks, self.containers, self.notices, abandoned)
        self.jobs = Jobs(self.node, vault)
        member: dict[str, Handler] = {
            "gang.reserve": gang.reserve,
            "gang.commit": gang.commit,
            "gang.go": gang.go,
            "gang.watch": gang.watch,
            "gang.cancel": gang.cancel,
        }
        self.cluster = Cluster(self.node, Here(member), patience, self.jobs.learned)
        self.policy = Policy(self.node, self.jobs, self.cluster)
        output = Output(self.node, self.ranks, self.jobs, self.cluster)
        telling = self.notices.telling
        self.methods: dict[str, Handler] = {
            "hello": telling(self.node.hello),
            "cluster.configure": self.configure,
            "container.prepare": self.containers.prepare,
            "jobs.submit": self.jobs.submit,
            "jobs.list": telling(self.jobs.list),
            "jobs.wait": telling(self.jobs.wait),
            "jobs.cancel": self.jobs.cancel,
            "logs.read": telling(output.read),
            "metrics.sample": telling(self.node.sample),
            "autostop.set": self.policy.set,
            "autostop.get": self.policy.get,
            "agent.shutdown": self.shutdown,
            "node.self_stop": self.policy.self_stop,
            **member,
        }
        self._gang = gang
        self._stop = loop.Signal()
        self._stopped = False
        self.server = Server(self.methods, on_error, contact.make)

    async def configure(self, params: dict[str, Any], send: Send) -> dict[str, Any]:
        """Answer ``cluster.configure``."""
        await self.node.configure(params, send)
        self.cluster.configure()
        self.notices.configure()
        self.jobs.schedule()
        return {}

    async def shutdown(self, params: dict[str, Any], _send: Send) -> dict[str, Any]:
        """Answer ``agent.shutdown``."""
        cancel = check.flag(params, "cancel_jobs")
        self.server.closing = self.jobs.closing = True
        if cancel:
            self.policy.forget()
            await self.jobs.cancel({"ids": None}, _send)
            await loop.gather([self._end_peer(peer) for peer in self.cluster.peers()])
            for rank in list(self.ranks.active.values()):
                await self.ranks.cancel(rank.job, rank.rank)
            await self.ranks.kill_strays()
            await self.containers.halt()
        self.stop()
        return {}

    async def _end_peer(self, peer: Any) -> None:
        try:
            await peer.call("agent.shutdown", {"cancel_jobs": True}, SHUTDOWN)
        except AgentError:
            return  # gone already, or out of reach: then its node is about to be removed too

    def stop(self) -> None:
        """End the agent; jobs go on."""
        self._stopped = True
        self._stop.notify()

    def begin(self) -> None:
        """Take up what an earlier agent left."""
        if self.node.copied:
            self.ranks.abandon()
        self.node.settle()
        self.ranks.adopt()
        if self.node.config is not None:
            self.cluster.configure()
        self.jobs.begin(self.cluster, self.notices)

    async def serve(self, listening: socket.socket, idle_exit: float | None) -> None:
        """Serve until :meth:`stop`, or until there has been nothing to do for ``idle_exit`` seconds."""
        loop.spawn(self.ranks.monitor())
        loop.spawn(self.server.serve(listening))
        loop.spawn(self.policy.run())
        loop.spawn(self.notices.run())
        loop.spawn(self._gang.end_abandoned())
        loop.spawn(self._sample())
        if idle_exit is not None:
            loop.spawn(self._leave_when_idle(idle_exit))
        while not self._stopped:
            await self._stop.wait()

    async def _sample(self) -> None:
        await loop.sleep(1.0)  # whoever starts an agent waits for more urgent things
        await self.node.sampler.run(SAMPLING)

    async def _leave_when_idle(self, seconds: float) -> None:
        since = time.monotonic()
        while time.monotonic() - since < seconds:
            await loop.sleep(min(1.0, seconds / 4))
            if self.server.connections or self.jobs.busy or self.ranks.active:
                since = time.monotonic()
        self.stop()


def _seconds(own: dict[str, str], name: str, default: float) -> float:
    try:
        return float(own[name])
    except (KeyError, ValueError):
        return default
