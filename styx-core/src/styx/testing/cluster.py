"""A cluster of nodes that are processes on this machine, for testing backends: real jobs, no cloud."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from styx.api import Endpoint, Node, NodeState, Owner, Transport, TransportError, new_attempt_id, new_installation_id
from styx.testing.processes import kill_marked, marked
from styx.transports import open_transport

NOTICE_FILE = ".notice"  # a node that has this is about to be taken back
SELF_STOP_FILE = ".self-stop"  # a node that stopped itself left "stop" or "down" here


class ProcessCluster:
    """Implements :class:`styx.api.Cluster`: each node is a home below ``root``, reached as a ``process`` endpoint.

    A node that stops itself leaves a note, see :meth:`self_stops`; its processes go on, so that a test can look.
    With ``self_stop`` off the nodes cannot stop themselves. With ``spot`` they can be given notice, see
    :meth:`give_notice`; what the backend tells of it is in ``noticed``. Works on Linux, where /proc tells whose a
    process is.
    """

    def __init__(
        self, root: Path, size: int = 1, *, name: str = "conformance", self_stop: bool = True, spot: bool = False
    ) -> None:
        owner = Owner(new_installation_id(), name, new_attempt_id())
        self.name = name
        self.key = owner.name
        self.epoch = 0
        self.root = root
        self.nodes: Sequence[Node] = [_node(owner, root, rank) for rank in range(size)]
        self.noticed: dict[int, datetime] = {}
        self._self_stop = self_stop
        self._spot = spot
        self._homes = [f"HOME={self.home(rank)}" for rank in range(size)]
        self._transports: dict[int, Transport] = {}

    def home(self, rank: int) -> Path:
        """The home directory of the node with this rank."""
        return self.root / str(rank)

    def transport(self, rank: int) -> Transport:
        """The (kept) transport to the node with this rank."""
        if rank not in self._transports:
            endpoint = self.nodes[rank].endpoint if 0 <= rank < len(self.nodes) else None
            if endpoint is None:
                raise TransportError(f"cluster {self.name!r} has no node {rank}")
            self._transports[rank] = open_transport(endpoint)
        return self._transports[rank]

    def self_stop_command(self, rank: int, *, down: bool) -> str | None:
        """The shell command by which this node stops or removes itself; None with ``self_stop`` off."""
        del rank
        return f'printf {"down" if down else "stop"} > "$HOME/{SELF_STOP_FILE}"' if self._self_stop else None

    def preemption_notice_command(self) -> str | None:
        """The shell command that succeeds on a node that was given notice; None with ``spot`` off."""
        return f'test -e "$HOME/{NOTICE_FILE}"' if self._spot else None

    def preemption_noticed(self, rank: int, at: datetime) -> None:
        """Keep what the backend tells."""
        self.noticed[rank] = at

    def give_notice(self, rank: int) -> None:
        """Have this node learn that it is about to be taken back; it goes on."""
        (self.home(rank) / NOTICE_FILE).touch()

    def self_stops(self) -> dict[int, str]:
        """Which nodes have stopped themselves, and how: rank -> ``stop`` or ``down``."""
        found: dict[int, str] = {}
        for rank in range(len(self.nodes)):
            with contextlib.suppress(FileNotFoundError):
                found[rank] = (self.home(rank) / SELF_STOP_FILE).read_text()
        return {rank: how for rank, how in found.items() if how}

    def processes(self) -> dict[int, str]:
        """What runs on any of the nodes: pid -> command line. A process belongs to a node by its ``HOME``."""
        return marked(self._homes)

    async def close(self) -> None:
        """Close the transports, kill whatever still runs on the nodes, and remove their homes. Safe to repeat."""
        for transport in self._transports.values():
            await transport.close()
        self._transports.clear()
        deadline = time.monotonic() + 10
        while kill_marked(self._homes) and time.monotonic() < deadline:  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(0.01)
        shutil.rmtree(self.root, ignore_errors=True)


@asynccontextmanager
async def process_cluster(
    size: int = 1, *, name: str = "conformance", self_stop: bool = True, spot: bool = False
) -> AsyncIterator[ProcessCluster]:
    """A :class:`ProcessCluster` for the length of a ``with`` block, in a directory of its own with a short path.

    Nothing is installed on the nodes: that is the backend's ``prepare``.
    """
    root = Path(tempfile.mkdtemp(prefix="styx-nodes-"))
    cluster = ProcessCluster(root, size, name=name, self_stop=self_stop, spot=spot)
    try:
        yield cluster
    finally:
        await cluster.close()


def _node(owner: Owner, root: Path, rank: int) -> Node:
    home = root / str(rank)
    home.mkdir(mode=0o700, parents=True)
    name = owner.node_name(rank)
    address = f"127.0.0.{rank + 1}"  # all of 127/8 is this machine, so each node can have an address of its own
    return Node(
        id=name, owner=owner, state=NodeState.RUNNING, rank=rank, name=name, private_ip=address,
        endpoint=Endpoint("process", {"home": str(home), "node": name}),
    )  # fmt: skip
