"""What the store keeps, as plain values. Nothing here knows SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from styx.api.backend import Autostop
from styx.api.errors import Wire
from styx.api.launch import Prepared, Receipt
from styx.api.names import Owner
from styx.api.nodes import Endpoint
from styx.api.offers import Scope
from styx.store.states import ClusterState

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who works on a cluster: a random id, and the process, so that a dead one on this machine is noticed at once."""

    id: str
    pid: int
    started: str  # the process's start time as the kernel tells it, against reuse of the pid
    boot_id: str  # the machine's, for this boot
    host: str


@dataclass(frozen=True, slots=True)
class Operation:
    """What is being done to a cluster right now (launch, stop, ...), by whom, and until when that is believed."""

    kind: str
    holder: Holder
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ClusterRecord:
    """One cluster. Costs are USD per hour for all its nodes; times are UTC."""

    name: str
    slug: str
    state: ClusterState
    created_at: datetime
    updated_at: datetime
    num_nodes: int = 1
    cloud: str = ""
    account: str = ""
    identity: str = ""
    scope: str = ""
    region: str = ""
    zone: str = ""
    instance_type: str = ""
    resources: str = ""  # for people: "1x A100, 8+ cpus"
    request: Mapping[str, object] = field(default_factory=dict)  # the resources asked for, canonical; never secrets
    offer: Mapping[str, object] = field(default_factory=dict)  # the offer taken, as engine.codec writes it
    spot: bool = False
    hourly_cost: Decimal | None = None
    disk_hourly_cost: Decimal | None = None  # what it costs while it is stopped, if the provider said so
    backend: str = ""
    attempt: str = ""
    task_name: str = ""
    user: str = ""
    launched_at: datetime | None = None
    autostop: Autostop | None = None
    autostop_set: bool = False  # whether the runtime on the nodes has confirmed it
    error: Wire | None = None
    operation: Operation | None = None


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """One node of a cluster as last seen."""

    cluster: str
    rank: int
    node_id: str
    state: str
    endpoint: Endpoint | None = None
    private_ip: str = ""
    public_ip: str = ""
    host_key: str = ""  # OpenSSH public key, pinned to (installation, node)
    seen_at: datetime | None = None
    noticed_at: datetime | None = None  # when the provider told it that it takes it back


class AttemptState(StrEnum):
    """``open`` until it is known what became of it; ``tombstone`` when given up: whatever appears later must die."""

    OPEN = "open"
    SETTLED = "settled"
    TOMBSTONE = "tombstone"
    CLOSED = "closed"  # a complete observation showed nothing left


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One intent (launch or start) of one cluster, committed before the provider was called."""

    token: str
    cluster: str
    kind: str  # "launch" or "start"
    cloud: str
    account: str
    identity: str
    owner: Owner
    prepared: Prepared
    state: AttemptState
    created_at: datetime
    called_at: datetime | None = None  # the last time the provider may have been called
    receipt: Receipt | None = None
    error: Wire | None = None

    @property
    def place(self) -> tuple[str, str, Scope]:
        """Where all of it is, whatever the account is called: an id, or nothing, means something there alone."""
        return self.cloud, self.identity, self.prepared.scope


@dataclass(frozen=True, slots=True)
class EventRecord:
    """One thing that happened to a cluster. Kept after the cluster is gone."""

    id: int
    at: datetime
    cluster: str
    kind: str
    from_state: str = ""
    to_state: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A time during which a cluster was billed at one price; without an end it still is.

    ``billing`` is ``full``, or ``disk_only`` while it is stopped. ``hourly_cost`` is USD per hour for all nodes, None
    when it is not known. ``born`` tells clusters of one name apart: when this one was created.
    """

    cluster: str
    born: datetime
    cloud: str
    account: str
    region: str
    instance_type: str
    resources: str
    num_nodes: int
    spot: bool
    task_name: str
    user: str
    billing: str
    hourly_cost: Decimal | None
    began_at: datetime
    ended_at: datetime | None = None

    def seconds(self, since: datetime | None, until: datetime) -> Decimal:
        """How much of it lies in that time (None: ever); nothing where a clock was set back in between."""
        began = self.began_at if since is None else max(self.began_at, since)
        ended = until if self.ended_at is None else min(self.ended_at, until)
        return max(Decimal(0), Decimal((ended - began) // _MICROSECOND) / 1_000_000)


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """What a provider refused, and until when it is not asked for again; a part that is None covers all of them."""

    cloud: str
    account: str | None
    region: str | None
    zone: str | None
    instance_type: str | None
    spot: bool | None
    code: str  # of the error
    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class MountRecord:
    """A place in a store that is mounted on every node of a cluster; ``target`` as a command in the home has it."""

    cluster: str
    target: str
    uri: str
    cached: bool = False
    read_only: bool = False
