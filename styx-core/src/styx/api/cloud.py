"""The cloud contract: a provider says what it has, asks its API for things, and reports what is there.

A provider never sleeps, retries or remembers: core does that once, for all of them. Where a step needs an earlier one
to finish it raises :class:`~styx.api.NotYet` and core calls the same method again with the same argument. Each call
has a deadline; use finite socket timeouts and switch your SDK's own retries off.

Methods are synchronous and are called from threads, several at a time: keep objects thread-safe. The life of a launch::

    prepare(request)   resolve image, zone, network, boot data     core commits the Prepared
    launch(prepared)   ask for the machines                        core commits the Receipt
    observe(scope)     what is there now                           again until every rank runs
    terminate(...)     remove all of an attempt                    again until observe shows nothing
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Protocol, TypeVar, runtime_checkable

from styx.api.errors import Unsupported
from styx.api.launch import LaunchRequest, Prepared, Receipt, StartRequest
from styx.api.names import Owner
from styx.api.nodes import Node, Observation
from styx.api.offers import Offer, OfferQuery, Scope
from styx.api.services import Services
from styx.api.transport import Transport


class Idempotency(StrEnum):
    """How a launch whose answer was lost is found again."""

    TOKEN = "token"  # noqa: S105 - replaying the same token returns the same machines
    NAME = "name"  # names are unique: a replay finds the machine that has it
    SEARCH = "search"  # no protection, but machines carry our name or tags and can be listed
    NONE = "none"  # machines cannot be told apart except by the id in the receipt


class SelfStop(StrEnum):
    """What becomes of a machine that shuts itself down, and so how autostop can be enforced without a server."""

    STOP = "stop"
    TERMINATE = "terminate"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the credentials say we are. ``account`` never changes for an account and is stored with every cluster."""

    account: str
    user: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something of an account that cannot be used though the account can. ``serious``: somebody has to see to it."""

    message: str
    serious: bool = False


@dataclass(frozen=True, slots=True)
class Traits:
    """How the provider behaves, so that core can act accordingly. Times are seconds."""

    idempotency: Idempotency
    token_lifetime: float = 0.0  # a token or name may be replayed this long after the first call
    # An absence in observe() counts only this long after the last call was sent: the longest that a launch takes at the
    # provider, also when nobody waits for its answer any more, and the longest that a listing lags behind it.
    settle_after: float = 0.0
    atomic_gang: bool = False  # one launch call makes all ranks or none
    boot_script: bool = False  # Boot.script is run at first boot
    private_network: bool = False  # nodes of one attempt reach each other by private_ip
    confined: bool = False  # several nodes share a machine, so that each has its home and no other path of its own
    self_stop: frozenset[SelfStop] = field(default_factory=frozenset)
    boot_deadline: float = 600.0  # a node that has not come up by then never will
    # Least seconds between two calls of one account, by method (launch, observe, ...); "" is for all of them together.
    # Core keeps to it, whatever number of processes uses the account. Since 1.1.
    pace: Mapping[str, float] = field(default_factory=dict)
    spot_stop: bool = True  # machines bought at spot prices can be stopped as others can. Since 1.1


class Cloud(ABC):
    """One object per account: a credential plus a project, subscription, context or pool set.

    Every method may raise any :class:`~styx.api.ProviderError`; who repeats what is decided by the class of the error:
    ``RateLimited`` and ``Transient`` are repeated by core, ``OutcomeUnknown`` leads to an observation, the rest ends
    the attempt. Unless said otherwise a method that raised has left nothing behind.
    """

    name: ClassVar[str]
    traits: ClassVar[Traits]

    def __init__(self, services: Services) -> None:
        """Keep ``services``. No network here: a cloud that is not reachable must still be constructible."""
        self.services = services

    @abstractmethod
    def check(self) -> Identity:
        """Who am I. One cheap call; raises AuthFailed when the credentials do not work. Safe to repeat."""

    def faults(self) -> Sequence[Fault]:
        """What cannot be used though :meth:`check` succeeds, worst first; asked for by ``styx check`` alone.

        May take longer than a check. Optional; by default nothing. Safe to repeat.
        """
        return ()

    @abstractmethod
    def scopes(self) -> Iterable[Scope]:
        """Every place where this account may hold resources, so that nothing is overlooked. Safe to repeat."""

    @abstractmethod
    def offers(self, query: OfferQuery) -> Iterable[Offer]:
        """What can be rented that fits ``query``, in any order, from a catalog or live. Safe to repeat."""

    @abstractmethod
    def prepare(self, request: LaunchRequest) -> Prepared:
        """Resolve everything the launch needs into a stored, replayable text.

        May create shared things that cost nothing and are found again by name (networks, key pairs, firewall rules);
        must be idempotent in doing so. Creates nothing that is billed. May raise NotYet.
        """

    @abstractmethod
    def launch(self, prepared: Prepared) -> Receipt:
        """Ask for the machines. Called again with the same argument only as ``traits.idempotency`` allows.

        Returns when the provider has accepted, not when machines run. If it accepted only some ranks, the receipt names
        those; where neither token nor name protects a launch (``SEARCH``, ``NONE``) core then asks for the others.
        After ``OutcomeUnknown`` anything may exist; after any other error of this call, nothing does.
        """

    @abstractmethod
    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:
        """What is there: of these owners, or with None of this whole installation.

        Lists; does not ask machine by machine. What cannot be looked at goes into ``unreachable`` rather than being
        left out, and only if nothing can be looked at does the call raise. Machines and leftovers of which the
        provider cannot tell whose they are (``Idempotency.NONE``) are listed whoever is asked for, with no owner. Safe
        to repeat.
        """

    @abstractmethod
    def terminate(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        """Remove everything of this attempt: nodes and leftovers, found by receipt, name and tag.

        Called again until :meth:`observe` shows neither. Idempotent; nothing being there is success. Never touches what
        another installation owns. May raise NotYet where one removal has to wait for another.
        """


@runtime_checkable
class SupportsStop(Protocol):
    """Machines can be stopped, keep their disks, and be started again."""

    def stop(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        """Stop all nodes of the attempt. Idempotent; core observes until they are stopped."""

    def prepare_start(self, request: StartRequest) -> Prepared:
        """Like ``prepare``, for bringing stopped nodes back; the result goes to ``launch``, under the same rules."""


@runtime_checkable
class SupportsSelfStop(Protocol):
    """A node can stop or remove itself without any credential, so autostop needs nobody else."""

    def self_stop_command(self, node: Node, mode: SelfStop) -> str:
        """The shell command that, run on the node, makes it stop (or remove) itself for good."""


@runtime_checkable
class SupportsShutdown(Protocol):
    """What a machine's own shutdown means can be changed while it runs. Since 1.1."""

    def set_shutdown(self, scope: Scope, owner: Owner, mode: SelfStop) -> None:
        """Have a shutdown stop (or remove) the nodes of the attempt from now on. Idempotent.

        Core asks for it before a policy that needs the mode is given to the nodes. Those of a launch are removed by a
        shutdown until then, for that is what the watchdog counts on; those of a start are stopped by it.
        """


@runtime_checkable
class SupportsSpot(Protocol):
    """Machines can be bought at spot prices and may be taken back."""

    def preemption_notice_command(self, offer: Offer) -> str | None:
        """A shell command that succeeds on the node once a notice has been given; None where there are no notices."""


@runtime_checkable
class SupportsPorts(Protocol):
    """Ports can be opened to the outside."""

    def open_ports(self, scope: Scope, owner: Owner, ports: Collection[int]) -> None:
        """Make the ports reachable on every node of the attempt. Idempotent."""

    def port_address(self, node: Node, port: int) -> str:
        """``host:port`` under which the port of this node is reached from outside (providers may map ports)."""


@runtime_checkable
class SupportsAdmit(Protocol):
    """SSH is let in only from given networks, which can be changed when the user moves."""

    def admit(self, scope: Scope, owner: Owner, cidr: str) -> None:
        """Let SSH in from ``cidr`` as well. Idempotent.

        An empty one is wherever this client is seen from, which the provider finds out (since 1.1). Core asks for that
        when a running node does not answer: the user may have moved.
        """


@runtime_checkable
class SupportsConsoleLog(Protocol):
    """The machine's console can be read through the provider: the safest way to learn a host key."""

    def console_log(self, scope: Scope, node: Node) -> str:
        """What the console has shown so far; empty when nothing yet."""


@runtime_checkable
class SupportsDiscard(Protocol):
    """Single machines can be removed, so that one too many costs nobody the others. Since 1.1."""

    def discard(self, scope: Scope, owner: Owner, node_ids: Collection[str]) -> None:
        """Remove these nodes of the attempt and leave its others alone. Idempotent; raises as ``terminate`` does.

        Core asks for it where a launch without tokens and unique names (``SEARCH``, ``NONE``) gave a rank two machines;
        with an ``owner`` whose nodes they are not, nothing is removed.
        """


@runtime_checkable
class SupportsPolicy(Protocol):
    """What the credentials must be allowed to do can be told exactly. Since 1.1."""

    def policy(self) -> str:
        """The policy to give to these credentials, in the provider's own language; no call is made without it."""


@runtime_checkable
class SupportsTransport(Protocol):
    """The plugin brings its own way to reach nodes (pod exec, a proprietary tunnel)."""

    def transport(self, node: Node) -> Transport:
        """A transport to this node, not yet connected."""


CapabilityT = TypeVar("CapabilityT")


def require(cloud: Cloud, capability: type[CapabilityT], *, others: Sequence[str] = ()) -> CapabilityT:
    """The cloud, seen as having ``capability``; raises Unsupported naming ``others`` that do have it."""
    if isinstance(cloud, capability):
        return cloud
    what = capability.__name__.removeprefix("Supports").lower()
    hint = f"These installed clouds can: {', '.join(others)}." if others else "No installed cloud can."
    raise Unsupported(f"cloud {cloud.name!r} does not support {what}", hint=hint, capability=what)
