"""What every part of the engine works with."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from styx.api.backend import Backend
from styx.api.errors import ClusterBusy, ClusterNotFound, Wire
from styx.api.names import Owner
from styx.api.services import Clock
from styx.config import Config
from styx.engine.clouds import CloudAccount, Clouds
from styx.engine.lookout import Lookout
from styx.engine.shared import Shared
from styx.engine.workers import Overdue, Workers
from styx.hookspecs import Event
from styx.plugins.manager import PluginManager
from styx.store import Store
from styx.store.claims import require_claim
from styx.store.holder import current
from styx.store.records import AttemptRecord, AttemptState, ClusterRecord, EventRecord, Holder
from styx.store.states import ClusterState
from styx.transports.process import user_name

EVENTS_AT_ONCE = 8
EVENT_SECONDS = 60.0  # for the plugins to take note of one

log = logging.getLogger("styx.engine")

# Called with a phase and a sentence as work goes on; see client.protocol.Progress.
Progress = Callable[[str, str], None]
_About = tuple[str, str, str]  # what events tell of: a kind, a name, and a managed job's number


def quietly(phase: str, sentence: str) -> None:
    """Progress of work that nobody waits for."""


@dataclass(slots=True)
class Context:
    """The engine's surroundings: state, plugins, time, and who we are."""

    store: Store
    plugins: PluginManager
    clouds: Clouds
    backend: Backend
    config: Config
    home: Path
    clock: Clock
    holder: Holder
    public_key: str
    user: str = field(default_factory=user_name)  # for whom clusters are made, and whose budgets count
    epoch: int = 0  # of the server's turn at a managed job, under which nodes are given orders; 0 elsewhere
    owners: frozenset[str] | None = None  # whose clusters alone are touched; None, but on a server: everybody's
    here: bool = True  # whether nodes may be made on this machine though allowed_clouds names no cloud
    looks: Shared = field(default_factory=Shared)  # at single clusters, and at all there is
    wanted: set[str] = field(default_factory=set)  # clusters that somebody waits to work on
    _telling: dict[_About, tuple[asyncio.Task[None], deque[Event]]] = field(default_factory=dict)
    _listeners: Workers[Any] = field(default_factory=lambda: Workers(EVENTS_AT_ONCE, "styx-event"))
    _lookouts: dict[CloudAccount, Lookout] = field(default_factory=dict)

    def fresh(self) -> Context:
        """The same surroundings for one operation, which holds clusters under an id of its own."""
        return replace(self, holder=current())

    def lookout(self, account: CloudAccount) -> Lookout:
        """What looks at that account for everybody."""
        if account not in self._lookouts:
            self._lookouts[account] = Lookout(account, self.store)
        return self._lookouts[account]

    def owner(self, cluster: ClusterRecord) -> Owner:
        """The owner of the cluster's present attempt."""
        return Owner(self.store.installation, cluster.slug, cluster.attempt)

    def move(
        self, cluster: str, to: ClusterState, reason: str = "", *, owned: bool = True, **changes: Any
    ) -> ClusterRecord:
        """Commit a change of state and tell the plugins that listen; with ``owned``, only while we hold the cluster."""
        holder = self.holder if owned else None
        record, event = self.store.clusters.transition(cluster, to, reason=reason, holder=holder, **changes)
        self.tell(event)
        return record

    def settle(self, intent: AttemptRecord, state: AttemptState, error: Wire | None = None) -> None:
        """Commit what became of an intent of a cluster that we hold. Raises ClusterBusy when it is ours no more."""
        try:
            self.store.attempts.settle(intent.token, state, error, holder=self.holder)
        except ClusterNotFound as gone:
            raise _removed(intent.cluster) from gone

    def give_up(self, cluster: str, owner: Owner | None = None, error: Wire | None = None) -> list[AttemptRecord]:
        """Commit that nothing of this owner, or of anyone under this name, is to be there; see the store.

        Raises ClusterBusy when the cluster is ours no more.
        """
        try:
            return self.store.attempts.give_up(cluster, owner, error, holder=self.holder)
        except ClusterNotFound as gone:
            raise _removed(cluster) from gone

    def require_hold(self, cluster: str) -> ClusterRecord:
        """The record of a cluster that we hold.

        Raises ClusterBusy when it is ours no more: this process was suspended, and another has taken it over.
        """
        record = self.store.clusters.get(cluster)
        if record is None:
            raise _removed(cluster)
        require_claim(record, self.holder)
        return record

    def kept(self, cluster: str) -> set[str]:
        """The ids of the nodes that the cluster has on record."""
        return {node.node_id for node in self.store.nodes.of(cluster)}

    def tell(self, event: EventRecord, data: Mapping[str, str] = MappingProxyType({})) -> None:
        """Let plugins take note of a committed event, and of this with it; in the background, best effort."""
        self.announce(
            Event(
                at=event.at,
                subject="cluster",
                name=event.cluster,
                kind=event.kind,
                from_state=event.from_state,
                to_state=event.to_state,
                reason=event.reason,
                data=data,
            )
        )

    def announce(self, event: Event) -> None:
        """Let plugins take note of what is committed; in the background, best effort."""
        if not self.plugins.implements("styx_event"):
            return
        about = (event.subject, event.name, event.data.get("job", ""))
        if about in self._telling:
            self._telling[about][1].append(event)
        else:
            events = deque([event])
            self._telling[about] = asyncio.ensure_future(self._tell(about, events)), events

    async def _tell(self, about: _About, events: deque[Event]) -> None:
        """One by one, so that they come in order; those about something else come meanwhile."""
        try:
            while events:
                call = partial(self.plugins.call, "styx_event", event=events.popleft())
                with suppress(Overdue):  # it may take note as long as this process lives, which does not wait for it
                    await self._listeners.run(call, EVENT_SECONDS)
        finally:
            del self._telling[about]

    async def told(self, patience: float = 5.0) -> None:
        """Wait until the plugins have taken note, at most ``patience`` seconds."""
        if self._telling:
            await asyncio.wait([task for task, _ in self._telling.values()], timeout=patience)


def _removed(cluster: str) -> ClusterBusy:
    return ClusterBusy(
        f"another client has removed cluster {cluster!r} meanwhile", hint="Launch it again.", cluster=cluster
    )
