"""What this node is: its part in the cluster, as configured, and what it has; kept in the state directory."""

from __future__ import annotations

import os
import platform
import secrets
import socket
import sqlite3
import time

from . import check, containers, environment, process, tools
from .metrics import Sampler
from .protocol import PROTOCOL, AgentError
from .table import open_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .server import Send

MAX_NODES = 10_000


class Node:
    """The table, the facts in it, and what every other part of the agent asks about this node."""

    def __init__(self, state: str, build: str) -> None:
        self.state = state
        self.build = build
        self.own = dict(os.environ)
        self.boot_id = process.boot_id()
        self.started_at = time.time()
        self.table = open_table(os.path.join(state, "jobs.db"), _highest(os.path.join(state, "jobs")))
        self._place = os.stat(state).st_ino
        # A copy of another node's state tells of processes that are the other's; with a token of its own it ends none.
        self.copied = self.table.fact("place") not in {None, self._place}
        self.token: str = (not self.copied and self.table.fact("token")) or self._new_token()
        self.config: dict[str, Any] | None = self.table.fact("config")
        self.epoch: int = self.table.fact("epoch") or 0
        self._sampler: Sampler | None = None
        self._facts: dict[str, Any] | None = None
        self._tools: str | None = None

    def settle(self) -> None:
        """Note which directory this is, once nothing in it is another's any more."""
        if self.table.fact("place") != self._place:
            try:
                self.table.set_fact("place", self._place)
            except sqlite3.OperationalError:
                return  # the disk is full; the next agent tries again

    def _new_token(self) -> str:
        token = secrets.token_hex(8)
        self.table.set_fact("token", token)
        return token

    @property
    def sampler(self) -> Sampler:
        """Samples of this node, made when somebody first asks."""
        if self._sampler is None:
            self._sampler = Sampler(self.home)
        return self._sampler

    @property
    def facts(self) -> dict[str, Any]:
        """Return ``cpus``, ``memory`` and ``gpus``."""
        if self._facts is None:
            self._facts = self.sampler.facts()
        return self._facts

    @property
    def home(self) -> str:
        """Where jobs run."""
        return (self.config or {}).get("home") or os.path.expanduser("~")

    @property
    def rank(self) -> int:
        """Which node of the cluster this is."""
        return self.config["rank"] if self.config else 0

    def configured(self) -> dict[str, Any]:
        """Return the configuration; raises AgentError when there is none yet."""
        if self.config is None:
            raise AgentError("bad_request", "this node has not been configured: cluster.configure comes first")
        return self.config

    def head(self) -> dict[str, Any]:
        """Return the configuration of the head; raises AgentError on any other node."""
        config = self.configured()
        if config["rank"] != 0:
            raise AgentError("not_head", f"this is node {config['rank']} of the cluster; only node 0 keeps its jobs")
        return config

    def fence(self, epoch: int) -> None:
        """Accept requests of this epoch from now on, and of none before; raises AgentError ``stale_epoch``.

        Epoch 0 is that of clients by themselves, whom none binds.
        """
        if 0 < epoch < self.epoch:
            raise AgentError("stale_epoch", f"epoch {epoch} is over: this cluster is in epoch {self.epoch}")
        if epoch > self.epoch:
            self.table.set_fact("epoch", epoch)
            self.epoch = epoch

    def environment_of_jobs(self) -> dict[str, str]:
        """Return what every job on this node starts from."""
        env = self.environment()
        if "STYX_NODE" not in self.own:  # else it is somebody's own machine, with all that he has
            if self._tools is None:
                self._tools = tools.provide(self.state)
            env["PATH"] = f"{self._tools}:{env['PATH']}"
        return env

    def environment(self) -> dict[str, str]:
        """Return what every command on this node starts from."""
        return environment.of_node(self.own, {"home": "", "env": {}, **(self.config or {})})

    async def hello(self, params: dict[str, Any], _send: Send) -> dict[str, Any]:
        """Answer ``hello``."""
        wanted = check.integer(params, "protocol")
        if wanted not in {PROTOCOL, PROTOCOL - 1, PROTOCOL + 1}:
            raise AgentError("unsupported_protocol", f"this agent talks protocol {PROTOCOL}, not {wanted}")
        return {
            "protocol": min(wanted, PROTOCOL),
            "build": self.build,
            "python": platform.python_version(),
            "pid": os.getpid(),
            "boot_id": self.boot_id,
            "hostname": socket.gethostname(),
            "started_at": self.started_at,
            "cpus": self.facts["cpus"],
            "memory": self.facts["memory"],
            "gpus": self.facts["gpus"],
            "configured": self.config is not None,
            "cluster_key": self.config["cluster_key"] if self.config else None,
            "epoch": self.epoch,
            "containers": True,  # as jobs may ask for since they can
            "container": containers.image_for(os.path.join(self.state, "jobs")),
        }

    async def configure(self, params: dict[str, Any], _send: Send) -> dict[str, Any]:
        """Answer ``cluster.configure``."""
        config = read_config(params)
        if self.config is not None and self.config["cluster_key"] != config["cluster_key"]:
            raise check.bad(f"this state belongs to the cluster with key {self.config['cluster_key']}")
        self.fence(check.integer(params, "epoch", 0))
        if config != self.config:
            self.table.set_fact("config", config)
            self.config = config
        return {}

    async def sample(self, _params: dict[str, Any], _send: Send) -> dict[str, Any]:
        """Answer ``metrics.sample``."""
        return self.sampler.sample()


def _highest(jobs: str) -> int:
    """Return the highest number of a job that ever ran here."""
    names = os.listdir(jobs) if os.path.isdir(jobs) else []
    return max([int(name.partition("-")[0]) for name in names if name.partition("-")[0].isdigit()], default=0)


def read_config(params: dict[str, Any]) -> dict[str, Any]:
    """Return what ``cluster.configure`` stores; raises AgentError."""
    num_nodes = check.integer(params, "num_nodes", 1, low=1, high=MAX_NODES)
    ips = check.listing(params, "node_ips", str, MAX_NODES) or []
    peers = check.mapping(params, "peers")
    for number, address in peers.items():
        if not number.isdigit() or not isinstance(address, dict):
            raise check.bad("peers must map the numbers of nodes to their addresses")
        argv = check.listing(address, "argv", str)
        if not argv and not check.text(address, "socket", "", limit=100):
            raise check.bad(f"the address of peer {number} has neither a socket nor an argv")
    self_stop = check.mapping(params, "self_stop")
    return {
        "cluster_key": check.text(params, "cluster_key", limit=200),
        "cluster_name": check.text(params, "cluster_name", "", limit=200),
        "rank": check.integer(params, "rank", 0, high=num_nodes - 1),
        "num_nodes": num_nodes,
        "node_ips": ips,
        "peers": peers,
        "self_stop": {mode: check.text(self_stop, mode) for mode in ("stop", "down") if self_stop.get(mode)},
        "notice": check.text(params, "notice", "", limit=10_000),
        "home": check.text(params, "home", "", limit=4096),
        "env": check.variables(params, "env"),
    }
