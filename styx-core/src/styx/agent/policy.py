"""Autostop: the methods ``autostop.*`` on the head, and every node's own command to stop or remove itself."""

from __future__ import annotations

import os
import signal
import sqlite3
import time

from . import check, loop, sessions
from .autostop import JOBS, SSH, WAITS_FOR, Autostop
from .protocol import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .cluster import Cluster
    from .jobs import Jobs
    from .node import Node
    from .peers import Member
    from .server import Send

LOOK = 2.0  # seconds between looks at the clock while there is a policy
LOOK_FOR_SESSIONS = 20.0  # seconds between looks for people, which cost more
KEEP = 60.0  # seconds between writes of when there last was something to wait for
ATTEMPTS = 3
BETWEEN = 10.0  # seconds between attempts to have a peer stop itself
AGAIN = 300.0  # seconds after which a node that still runs tries once more
TALK = 0.2  # seconds that the answer gets to reach who asked


class Policy:
    """Counts idleness on a clock that goes on while the machine sleeps, and acts when the time is up."""

    def __init__(self, node: Node, jobs: Jobs, cluster: Cluster) -> None:
        self._node = node
        self._jobs = jobs
        self._cluster = cluster
        self._clock = Autostop()
        self._changed = loop.Signal()
        self._kept = 0.0
        self._looked = 0.0
        jobs.noticed = self.noticed
        kept = node.table.fact("autostop")
        if kept is not None:
            if kept["boot_id"] == node.boot_id and not kept.get("acted"):
                self._clock.restore(kept["policy"], kept["since"], kept["used"])
            else:  # the node was booted, or stopped itself and was started again: a new time of idleness begins
                self._clock.restore(kept["policy"], _now(), used=False)

    async def set(self, params: dict[str, Any], _send: Send) -> dict[str, Any]:
        """Answer ``autostop.set``."""
        self._node.head()
        if "policy" in params and params["policy"] is None:
            self._clock.clear()
        else:
            wait_for = check.text(params, "wait_for", "jobs_and_ssh")
            if wait_for not in WAITS_FOR:
                raise check.bad(f"wait_for must be one of {', '.join(sorted(WAITS_FOR))}")
            idle, down = check.integer(params, "idle_minutes"), check.flag(params, "down")
            self._clock.set({"idle_minutes": idle, "down": down, "wait_for": wait_for}, _now())
        self._write()
        self._changed.notify()
        return {}

    async def get(self, _params: dict[str, Any], _send: Send) -> dict[str, Any]:
        """Answer ``autostop.get``."""
        self._node.head()
        self._look()
        return {"policy": self._clock.policy, "idle_seconds": self._clock.idle_seconds(_now())}

    async def run(self) -> None:
        """Watch the clock, for ever."""
        while True:
            if self._clock.policy is None:
                await self._changed.wait()
                continue
            self._look()
            mode = "down" if self._clock.policy["down"] else "stop"
            if self._clock.due(_now()) and self._node.config and mode in self._node.config["self_stop"]:
                await self._stop_cluster(mode)
                await loop.sleep(AGAIN)
            await self._changed.wait(LOOK)

    def noticed(self) -> None:
        """A job has come or gone."""
        if self._clock.waits_for(JOBS):
            first = not self._clock.used
            self._clock.touch(_now(), JOBS)
            if first or not self._jobs.busy:
                self._keep()

    def _look(self) -> None:
        """Bring the clock up to date."""
        now, before, first = _now(), self._clock.since, not self._clock.used
        if self._jobs.busy:
            self._clock.touch(now, JOBS)
        elif self._clock.waits_for(SSH) and (now - self._looked >= LOOK_FOR_SESSIONS or self._clock.due(now)):
            self._looked = now
            if sessions.count(self._node.own.get("STYX_NODE", "")):
                self._clock.touch(now, SSH)
        if self._clock.since != before and (now - self._kept >= KEEP or first):
            self._keep()

    def forget(self) -> None:
        """The cluster is being stopped or removed by the user: what comes up again has no policy until it is told."""
        self._clock.clear()
        self._keep()

    def _keep(self, acted: bool = False) -> None:
        self._kept = _now()
        try:
            self._write(acted)
        except sqlite3.OperationalError:
            self._kept = 0.0  # the disk is full; the next look tries again

    def _write(self, acted: bool = False) -> None:
        kept = {"policy": self._clock.policy, "since": self._clock.since, "used": self._clock.used}
        kept["boot_id"], kept["acted"] = self._node.boot_id, acted
        self._node.table.set_fact("autostop", kept if self._clock.policy is not None else None)

    async def _stop_cluster(self, mode: str) -> None:
        """Have every node stop itself, this one last: it is the one that can ask again."""
        self._jobs.closing = True  # a job submitted or begun now would be lost with the nodes
        if mode == "down":
            self._jobs.leave()
        self._keep(acted=True)
        await loop.gather([_stop_peer(peer, mode) for peer in self._cluster.peers()])
        await self.stop_here(mode)
        loop.spawn(self._reopen())

    async def _reopen(self) -> None:
        """The command did not do what it should, or it takes very long: this node is of use again."""
        await loop.sleep(AGAIN)
        self._jobs.closing = False
        self._jobs.schedule()

    async def self_stop(self, params: dict[str, Any], _send: Send) -> dict[str, Any]:
        """Answer ``node.self_stop``."""
        mode = check.text(params, "mode")
        if mode not in {"stop", "down"}:
            raise check.bad("mode must be stop or down")
        if mode not in self._node.configured()["self_stop"]:
            raise AgentError("no_self_stop", f"this node has no command to {mode} itself")
        loop.spawn(self.stop_here(mode, after=TALK))
        return {}

    async def stop_here(self, mode: str, after: float = 0.0) -> None:
        """Run this node's own command for it; what that says is in ``self_stop.log`` of the state directory."""
        await loop.sleep(after)
        command = self._node.configured()["self_stop"][mode]
        env = self._node.environment()
        log = os.path.join(self._node.state, "self_stop.log")
        if os.fork() == 0:
            try:
                os.setsid()
                for number in (signal.SIGPIPE, signal.SIGXFSZ):
                    signal.signal(number, signal.SIG_DFL)
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
                os.dup2(1, 2)
                os.chdir("/")
                os.execve("/bin/sh", ["sh", "-c", command], env)
            finally:
                os._exit(127)


async def _stop_peer(peer: Member, mode: str) -> None:
    for attempt in range(ATTEMPTS):
        if attempt:
            await loop.sleep(BETWEEN)
        try:
            await peer.call("node.self_stop", {"mode": mode})
        except AgentError as error:
            if error.code != "unreachable":
                return
        else:
            return


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
