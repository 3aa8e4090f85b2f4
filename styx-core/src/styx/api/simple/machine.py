"""What the author of a simple cloud and the part that is derived tell each other: sold, ordered, there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from styx.api.errors import ProviderError
from styx.api.nodes import Billing, Cause, Endpoint, NodeState
from styx.api.offers import Accelerator


@dataclass(frozen=True, slots=True)
class MachineType:
    """One type of machine that is sold in one region. Prices are USD per hour, None where it is not sold so."""

    name: str
    vcpus: float
    memory_gib: float
    hourly_price: Decimal | None
    region: str = ""
    zone: str | None = None
    accelerators: tuple[Accelerator, ...] = ()
    spot_hourly_price: Decimal | None = None
    disk_gib: int | None = None
    available: int | None = None  # how many can be had right now, when the provider can tell
    arch: str = "x86_64"
    capabilities: frozenset[str] = frozenset()
    data: Mapping[str, str] = field(default_factory=dict)  # what create() needs beyond the name and the region


@dataclass(frozen=True, slots=True)
class Order:
    """One machine to create. The same order is given again when a launch is repeated.

    ``name`` is unique to the machine, at most 40 characters of ``[a-z0-9-]``; ``tags`` say the same in pairs. Write
    one of them where :meth:`SimpleCloud.machines` can read it back. ``public_key`` is an OpenSSH line that the machine
    must let in, and ``key_name`` the name under which :meth:`SimpleCloud.upload_key` was given it. What follows
    ``script`` is set only where the user asked for it and :attr:`SimpleCloud.takes` names it.
    """

    name: str
    tags: Mapping[str, str]
    machine_type: str
    region: str
    public_key: str
    key_name: str
    zone: str | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    script: str = ""  # to be run as root at first boot; empty unless the traits have boot_script
    spot: bool = False
    disk_gib: int | None = None
    image: str | None = None
    ports: tuple[int, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine as the provider lists it. What is gone for good is not listed.

    ``endpoint`` is how it is reached (see :func:`ssh_endpoint`), None while that is not known: until then a running
    machine counts as pending. ``error`` is set for a machine that was accepted and then not made; it stays listed until
    it is deleted. ``hourly_cost`` is USD per hour in the present state, None to have it taken from the price list.
    """

    id: str
    state: NodeState
    name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    machine_type: str = ""
    region: str = ""
    endpoint: Endpoint | None = None
    private_ip: str | None = None
    public_ip: str | None = None
    created_at: datetime | None = None
    hourly_cost: Decimal | None = None
    billing: Billing | None = None
    cause: Cause = Cause.UNKNOWN
    evidence: str = ""
    error: ProviderError | None = None
    ports: Mapping[int, str] = field(default_factory=dict)  # port of the machine -> host:port it is reached under
    zone: str | None = None

    @property
    def leaving(self) -> bool:
        """Whether it goes without being asked (again). What failed or was taken back is often listed until asked."""
        gone_wrong = self.error is not None or self.cause is Cause.PREEMPTED
        return self.state is NodeState.TERMINATING and not gone_wrong


@dataclass(frozen=True, slots=True)
class Rest:
    """Something that a machine needed and that stays, and may bill, when it is gone: a disk, an address."""

    id: str
    kind: str
    name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    hourly_cost: Decimal | None = None


def ssh_endpoint(host: str | None, port: int | str = 22, user: str = "root", host_key: str = "") -> Endpoint | None:
    """How core reaches a machine over SSH; None while its address is not known.

    ``host_key`` is an OpenSSH public key line, where the provider tells it. Without, core trusts the key that the
    machine shows first, says so, and accepts no other after that.
    """
    if not host:
        return None
    known = {"host": host, "port": str(port), "user": user, "host_key": host_key}
    return Endpoint("ssh", {name: value for name, value in known.items() if value})
