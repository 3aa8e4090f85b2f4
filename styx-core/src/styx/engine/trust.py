"""How core gets into machines that were made for it: by its own key, trusting what it met first.

A provider says where a machine is and, if it can, which host key it has. The private half of ``Boot.authorized_key`` is
core's, and so is the pin of a key that nobody has told: it is bound to the node, not to its address.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from styx.api.nodes import Endpoint, Node
from styx.api.transport import Transport
from styx.engine.context import Context, Progress, log
from styx.engine.keys import private_key
from styx.transports import open_transport
from styx.transports.firstcontact import PATIENCE, FirstContact


def with_key(home: Path, node: Node) -> Node:
    """The node, to be logged into with the installation's key unless its endpoint says otherwise."""
    endpoint = node.endpoint
    if endpoint is None or endpoint.kind != "ssh" or "identity_file" in endpoint.options:
        return node
    return replace(node, endpoint=Endpoint("ssh", {**endpoint.options, "identity_file": str(private_key(home))}))


class Newcomers:
    """The ways to nodes that may show their host key for the first time. Called with a node, gives its transport.

    ``wait`` is how many seconds one that does not answer yet may take: long for those that were just made or started,
    and none for those of a cluster that was up. Of these a pin is missing only where the database was lost. Without
    ``remember`` a key is trusted this once, for nodes that are not on record yet.
    """

    def __init__(
        self,
        context: Context,
        cluster: str,
        progress: Progress | None = None,
        wait: float = PATIENCE,
        *,
        remember: bool = True,
    ) -> None:
        self._context = context
        self._cluster = cluster
        self._progress = progress
        self._wait = wait
        self._remember = remember
        self._key = str(private_key(context.home))
        known = context.store.nodes.of(cluster)
        self._pinned = {(record.rank, record.node_id): record.host_key for record in known}

    def __call__(self, node: Node) -> Transport:
        """A transport that makes sure of the key."""
        endpoint, rank = node.endpoint, node.rank or 0
        assert endpoint is not None
        if endpoint.kind != "ssh" or endpoint.options.get("identity_file") != self._key:
            return open_transport(endpoint)  # it was there before
        pinned = endpoint.options.get("host_key") or self._pinned.get((rank, node.id), "")
        if pinned and not self._wait:
            return open_transport(endpoint)

        def pin(key: str) -> None:
            if not self._remember:
                return
            self._context.store.nodes.pin(self._cluster, rank, key)
            where = f"{endpoint.options.get('host')}:{endpoint.options.get('port', '22')}"
            self._tell(f"first contact with node {rank} at {where}: the key it shows is trusted from now on")

        return FirstContact(endpoint, pin, pinned=pinned, sleep=self._context.clock.sleep, wait=self._wait)

    def _tell(self, sentence: str) -> None:
        if self._progress is not None:
            self._progress("note", sentence)
        else:
            log.warning("%s: %s", self._cluster, sentence)
