"""How core gets into machines that were made for it: by its own key, trusting what it met first.

A provider says where a machine is and, if it can, which host key it has, or which one its boot data brought for the
first contact. The private half of ``Boot.authorized_key`` is core's, and so is the pin of a key that nobody has told:
it is bound to the node, not to its address.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from styx.api.nodes import Endpoint, Node
from styx.api.transport import Transport
from styx.engine.admission import Admission
from styx.engine.context import Context, Progress, log
from styx.engine.keys import private_key
from styx.engine.staying import Doubt
from styx.store.records import ClusterRecord
from styx.transports import open_transport
from styx.transports.firstcontact import PATIENCE, Acquaintance, FirstContact
from styx.transports.ssh import SshTransport
from styx.words import count


def with_key(home: Path, node: Node) -> Node:
    """The node, to be logged into with the installation's key unless its endpoint says otherwise."""
    endpoint = node.endpoint
    if endpoint is None or endpoint.kind != "ssh" or "identity_file" in endpoint.options:
        return node
    return replace(node, endpoint=Endpoint("ssh", {**endpoint.options, "identity_file": str(private_key(home))}))


class Newcomers:
    """The ways to nodes that may show their host key for the first time. Called with a node, gives its transport.

    ``wait`` is how many seconds one that does not answer yet may take: long for those that were just made or started,
    and none for those of a cluster that was up. Of these a pin is missing only where the database was lost; and when
    one does not answer, the provider is asked what became of it. Without ``remember`` a key is trusted this once, for
    nodes that are not on record yet.
    """

    def __init__(
        self,
        context: Context,
        cluster: ClusterRecord,
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
        self._admission = Admission.to(context, cluster) if remember else None
        self._doubt = Doubt(context, cluster.name) if remember and not wait else None
        self._awaited = 0  # of which it is told when all have let us in
        self._nodes = ""

    def __call__(self, node: Node) -> Transport:
        """A transport that makes sure of the key, and of the way where the provider may bar it."""
        endpoint = node.endpoint
        assert endpoint is not None
        if endpoint.kind != "ssh" or endpoint.options.get("identity_file") != self._key:
            return open_transport(endpoint)  # it was there before
        way: SshTransport
        if not self._wait and self._admission is None and (pinned := self._pinned(node)):
            way = SshTransport(Endpoint("ssh", {**endpoint.options, "host_key": pinned}))
        else:
            way = FirstContact(endpoint, self._acquaintance(node, endpoint), self._context.clock, wait=self._wait)
        way.doubt = self._doubt
        return way

    def wait_for(self, ways: Sequence[Transport]) -> None:
        """Tell that the machines on these ways are waited for; and that the runtime is started, once all let us in."""
        self._awaited = sum(isinstance(way, FirstContact) for way in ways)
        self._nodes = count(len(ways), "node")
        if self._awaited:
            self._say("connect", f"waiting for SSH on {count(self._awaited, 'node')}")
        else:
            self._say("agent", f"starting the runtime on {self._nodes}")

    def _met(self) -> None:
        self._awaited -= 1
        if self._awaited == 0:
            self._say("agent", f"starting the runtime on {self._nodes}")

    def _acquaintance(self, node: Node, endpoint: Endpoint) -> Acquaintance:
        name, rank = self._cluster.name, node.rank or 0
        where = f"node {rank} at {endpoint.options.get('host')}:{endpoint.options.get('port', '22')}"
        admission = self._admission

        async def admit() -> bool:
            assert admission is not None
            refused = await admission.ask()
            self._tell(
                f"{where} does not answer: {refused or 'SSH is let in from where you are now, should you have moved'}"
            )
            return not refused

        return Acquaintance(
            pinned=lambda: self._pinned(node),
            pin=(lambda key: self._context.store.nodes.pin(name, rank, key)) if self._remember else None,
            tell=lambda sentence: self._tell(f"first contact with {where}: {sentence}"),
            met=self._met,
            admit=admit if admission is not None else None,
            lost=self._cluster.launched_at is not None,
        )

    def _pinned(self, node: Node) -> str:
        """The key that is on record now: another client may have met the node meanwhile."""
        if node.endpoint is not None and (told := node.endpoint.options.get("host_key")):
            return told
        known = self._context.store.nodes.of(self._cluster.name)
        return next((each.host_key for each in known if (each.rank, each.node_id) == (node.rank or 0, node.id)), "")

    def _tell(self, sentence: str) -> None:
        if self._progress is None:
            log.warning("%s: %s", self._cluster.name, sentence)
        self._say("note", sentence)

    def _say(self, phase: str, sentence: str) -> None:
        if self._progress is not None:
            self._progress(phase, sentence)
