"""A cluster as a backend sees it: its nodes and the ways to them, which stay open while an engine does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime

from styx.api.cloud import Cloud, SelfStop, SupportsSelfStop, SupportsTransport
from styx.api.errors import BadInput, TransportError
from styx.api.names import Owner
from styx.api.nodes import Node
from styx.api.transport import Transport
from styx.engine.notices import Notices
from styx.transports import open_transport


class Handle:
    """Implements :class:`styx.api.Cluster`. Transports are opened when first asked for and kept until :meth:`close`."""

    def __init__(
        self,
        name: str,
        owner: Owner,
        nodes: Sequence[Node],
        cloud: Cloud,
        way: Callable[[Node], Transport] | None = None,
        notices: Notices | None = None,
        epoch: int = 0,
    ) -> None:
        self.name = name
        self.key = owner.name
        self.nodes: Sequence[Node] = sorted(nodes, key=lambda node: node.rank or 0)
        self._cloud = cloud
        self._way = way  # other than by the endpoint alone
        self._notices = notices
        self.epoch = epoch
        self._transports: dict[int, Transport] = {}

    @property
    def places(self) -> list[tuple[int | None, str, object]]:
        """Which nodes these are and where: handles that agree in this can stand for each other."""
        return [(node.rank, node.id, _place(node)) for node in self.nodes]

    def transport(self, rank: int) -> Transport:
        """The transport to the node with this rank. Raises BadInput, and TransportError without a way there."""
        if rank not in self._transports:
            self._transports[rank] = self._open(rank)
        return self._transports[rank]

    def _open(self, rank: int) -> Transport:
        node = next((node for node in self.nodes if node.rank == rank), None)
        if node is None:
            raise BadInput(f"cluster {self.name!r} has no node {rank}", hint=f"{ranks(len(self.nodes))}.")
        if isinstance(self._cloud, SupportsTransport):
            return self._cloud.transport(node)
        if node.endpoint is None:
            raise TransportError(
                f"node {rank} of cluster {self.name!r} has no address",
                hint=f"`styx status -r {self.name}` asks the provider for it.",
                node=str(rank),
            )
        return self._way(node) if self._way is not None else open_transport(node.endpoint)

    def self_stop_command(self, rank: int, *, down: bool) -> str | None:
        """The command by which this node stops or removes itself; None when it cannot."""
        mode = SelfStop.TERMINATE if down else SelfStop.STOP
        if mode not in self._cloud.traits.self_stop or not isinstance(self._cloud, SupportsSelfStop):
            return None
        return self._cloud.self_stop_command(self.nodes[rank], mode)

    def preemption_notice_command(self) -> str | None:
        """The command that succeeds on a node that is about to be taken back; None where there is no notice."""
        return None if self._notices is None else self._notices.command()

    def preemption_noticed(self, rank: int, at: datetime) -> None:
        """Record that this node was given notice. Idempotent; does nothing for a node that there is not."""
        node = next((node for node in self.nodes if node.rank == rank), None)
        if self._notices is not None and node is not None:
            self._notices.heard(rank, node.id, at)

    @asynccontextmanager
    async def closed_on_error(self) -> AsyncIterator[None]:
        """Close it when the block ends with an error, or is cancelled."""
        async with AsyncExitStack() as failing:
            failing.push_async_callback(self.close)
            yield
            failing.pop_all()

    async def close(self) -> None:
        """Close all transports."""
        for transport in self._transports.values():
            await transport.close()
        self._transports.clear()


class Handles:
    """The handles in use, with their open connections: one for each cluster, as it was made."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], Handle] = {}

    async def keep(self, handle: Handle) -> Handle:
        """The handle in use for the same nodes, or else this one from now on; the other of the two is closed."""
        key = (handle.name, handle.key)
        present = self.kept.get(key)
        if present is not None and present.places == handle.places:
            present.epoch = max(present.epoch, handle.epoch)
            await handle.close()
            return present
        self.kept[key] = handle
        if present is not None:  # another client has stopped and started it: the addresses are new
            await present.close()
        return handle

    async def drop(self, name: str) -> None:
        """Close those of a cluster. Idempotent."""
        for key in [key for key in self.kept if key[0] == name]:
            await self.kept.pop(key).close()

    async def close(self) -> None:
        """Close all. Idempotent."""
        for handle in self.kept.values():
            await handle.close()
        self.kept.clear()


def ranks(number: int) -> str:
    """What ranks there are among this many nodes, as a sentence without its full stop."""
    return f"Its {number} nodes are 0 to {number - 1}" if number > 1 else "Its only node is 0"


def _place(node: Node) -> object:
    """Where the node is; which key it showed there is a matter of trust and no other place."""
    if node.endpoint is None:
        return None
    return node.endpoint.kind, {k: v for k, v in node.endpoint.options.items() if k != "host_key"}
