"""What every part of the engine works with."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from styx.api.backend import Backend
from styx.api.names import Owner
from styx.api.services import Clock
from styx.config import Config
from styx.engine.clouds import CloudAccount, Clouds
from styx.engine.lookout import Lookout
from styx.hookspecs import Event
from styx.plugins.manager import PluginManager
from styx.store import Store
from styx.store.holder import current
from styx.store.records import ClusterRecord, EventRecord, Holder
from styx.store.states import ClusterState

log = logging.getLogger("styx.engine")

# Called with a phase and a sentence as work goes on; see client.protocol.Progress.
Progress = Callable[[str, str], None]


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
    _telling: set[asyncio.Task[None]] = field(default_factory=set)
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

    def tell(self, event: EventRecord) -> None:
        """Let plugins take note of a committed event; in the background, best effort."""
        if not self.plugins.implements("styx_event"):
            return
        public = Event(
            at=event.at,
            subject="cluster",
            name=event.cluster,
            kind=event.kind,
            from_state=event.from_state,
            to_state=event.to_state,
            reason=event.reason,
        )
        task = asyncio.ensure_future(self._tell(public))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell(self, event: Event) -> None:
        await asyncio.to_thread(self.plugins.call, "styx_event", event=event)

    async def told(self, patience: float = 5.0) -> None:
        """Wait until the plugins have taken note, at most ``patience`` seconds."""
        if self._telling:
            await asyncio.wait(self._telling, timeout=patience)
