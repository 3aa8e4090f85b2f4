"""What is there: nodes, what they left behind, and what became of each launch, as a provider reports it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from styx.api.errors import ProviderError
from styx.api.names import Owner
from styx.api.offers import Scope


class NodeState(StrEnum):
    """Where a machine is in its life. A machine that no longer exists is not reported at all."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    TERMINATING = "terminating"


class Cause(StrEnum):
    """Who brought a node into the state it is in, as far as there is evidence."""

    USER = "user"
    SELF = "self"  # the machine stopped itself: autostop
    PREEMPTED = "preempted"
    PROVIDER = "provider"
    UNKNOWN = "unknown"


class Billing(StrEnum):
    """What the node costs in its present state. One that is TERMINATING and costs NONE is gone, and only listed yet."""

    FULL = "full"
    DISK_ONLY = "disk_only"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How to reach a node: which transport, and the options that transport takes.

    ``kind`` is ``"process"`` (this machine; options: ``home``), ``"ssh"`` (options: ``host``, ``port``, ``user``,
    ``identity_file``, ``host_key``, ``boot_key``, ``known_hosts``, ``proxy_jump``) or the name of a transport that the
    plugin brings.

    A machine that lets ``Boot.authorized_key`` in needs no ``identity_file``: core has the other half (an empty one
    means the user's own keys). Where the provider cannot tell a ``host_key``, core pins the one that is shown first. A
    ``boot_key`` is a host key that boot data brought (into ``/etc/ssh/ssh_host_*_key``), for the first contact alone:
    over that connection core asks for a key that the machine has made itself, pins it, and has the other removed (since
    1.1).
    """

    kind: str
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Node:
    """One machine. ``id`` is the provider's, unique within its scope and never used again.

    ``owner`` is None when the provider cannot tell whose it is (``Idempotency.NONE``); core then looks for the receipt
    that names it (since 1.1). ``rank`` is None when the provider cannot tell; core then assigns one. ``hourly_cost`` is
    USD per hour in the present state, None when unknown.
    """

    id: str
    owner: Owner | None
    state: NodeState
    rank: int | None = None
    name: str = ""
    cause: Cause = Cause.UNKNOWN
    evidence: str = ""
    endpoint: Endpoint | None = None
    private_ip: str | None = None
    public_ip: str | None = None
    billing: Billing = Billing.UNKNOWN
    hourly_cost: Decimal | None = None
    token: str | None = None
    instance_type: str = ""  # since 1.1: what a lost record is rebuilt from
    created_at: datetime | None = None  # since 1.1
    region: str = ""  # since 1.1, likewise: that of the offer, empty when the provider cannot tell
    zone: str | None = None  # since 1.1


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something a node needed that outlived it: a disk, an address, a NIC, a spot request, a deployment.

    ``owner`` is None when the provider cannot tell whose it is (``Idempotency.NONE``); core shows it then, and never
    asks for its removal (since 1.1).
    """

    id: str
    kind: str
    owner: Owner | None
    hourly_cost: Decimal | None = None


class LaunchState(StrEnum):
    """What the provider knows of one launch token."""

    ACCEPTED = "accepted"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LaunchOutcome:
    """What became of the launch with this token; ``error`` is set when it failed after it had been accepted.

    ``token`` is empty where the provider can tell whose a launch was and not which of the owner's (since 1.1).
    """

    token: str
    owner: Owner
    state: LaunchState
    error: ProviderError | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything this installation holds in one scope, as of one moment.

    ``unreachable`` names what could not be looked at; unless it is empty the observation proves no absence.
    """

    scope: Scope
    as_of: datetime
    nodes: tuple[Node, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    launches: tuple[LaunchOutcome, ...] = ()
    unreachable: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether absence from this observation is proof of absence."""
        return not self.unreachable
