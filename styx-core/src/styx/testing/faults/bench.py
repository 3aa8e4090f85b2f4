"""What the fault harness needs of a provider: its cloud object, its clock, and the truth about what it bills."""

from __future__ import annotations

import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from styx.api import (
    AuthFailed,
    Clock,
    Cloud,
    InsufficientCapacity,
    InvalidRequest,
    Node,
    OfferGone,
    OutcomeUnknown,
    Owner,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    Services,
    Transient,
)
from styx.testing.faults.clock import FileClock
from styx.testing.faults.kinds import Fault
from styx.testing.faults.line import Call, Tap, tap_methods
from styx.testing.surroundings import services


@dataclass(frozen=True, slots=True)
class Thing:
    """Something the provider has, as it knows itself and whatever its interface tells. ``id`` is what Styx calls it."""

    id: str
    owner: Owner | None = None  # whose it is, as far as the provider could ever tell
    bills: bool = True
    runs: bool = True


@dataclass(frozen=True, slots=True)
class Request:
    """A call that is under way: an installation's, ``due`` on the clock's seconds."""

    installation: str
    method: str
    arguments: tuple[Any, ...]
    due: float


class FaultBench(ABC):
    """One provider, new and empty, in a directory of its own. Everything of it that lasts is below ``directory``.

    The harness opens one for each point and forks clients from there, so an object holds no thread and no connection.
    ``variant`` is another way in which the same provider can behave: one of ``variants``, all of which are tried
    unless others are asked for, of ``others``, or whatever else the constructor knows.
    """

    name: ClassVar[str]  # the cloud's
    variants: ClassVar[Sequence[str]] = ("",)
    others: ClassVar[Sequence[str]] = ()
    # Whether a copy of `directory` is another provider in the same state. Laying the ground of a point is then a copy.
    portable: ClassVar[bool] = False
    # Whether two installations can share the provider: then another one's machines must outlive everything.
    shared: ClassVar[bool] = True
    # Faults that this provider cannot have, each with the reason, which is printed.
    impossible: ClassVar[Mapping[Fault, str]] = {}

    @classmethod  # noqa: B027 - optional
    def warm(cls) -> None:
        """Called once before any is made: load what takes its time, for all processes that are forked from here.

        By default nothing. It may leave neither a thread nor a connection.
        """

    @classmethod
    def differs(cls, variant: str, operation: str) -> bool:
        """Whether this operation is another in this variant than in the first; one that is the same is left out."""
        del variant, operation
        return True

    def __init__(self, directory: Path, variant: str = "") -> None:
        self.directory = directory
        self.variant = variant
        self.clock: Clock = FileClock(directory / "clock")

    def open(self) -> None:  # noqa: B027 - optional
        """Begin: start what has to run, or find what a copied directory holds. By default nothing."""

    def ready(self) -> None:  # noqa: B027 - optional
        """Called once everything that an operation finds is there, and nothing else is. By default nothing happens."""

    @abstractmethod
    def cloud(self, services: Services) -> Cloud:
        """The cloud object of one client, as core would make it."""

    @abstractmethod
    def things(self) -> Iterable[Thing]:
        """Everything the provider has right now, whoever asked for it. The truth, not what its interface says."""

    def taken(self) -> Collection[str]:
        """The ids of what the provider took away of its own accord. None by default."""
        return ()

    def occupy(self, nodes: Sequence[Node]) -> None:  # noqa: B027 - optional
        """Let something run on these nodes, where the provider has to deal with that. By default nothing."""

    def pass_time(self, seconds: float) -> None:
        """Let time pass on the provider's clock. By default this is :attr:`clock`, which must then be virtual."""
        assert isinstance(self.clock, FileClock), "a bench with a clock of its own says how time passes"
        self.clock.advance(seconds)

    def tap(self, cloud: Cloud, tap: Tap) -> None:
        """Have every call that this object makes of its provider go through ``tap``.

        By default a call is a method of the contract, or of a :class:`~styx.api.SimpleCloud` what its author wrote. A
        provider that makes several requests for one method shows each of them by tapping its HTTP or SDK client
        instead; then :meth:`refusal` raises what that client would, and :meth:`carry_out` knows those requests.
        """

        def in_turn(call: Call) -> Any:
            self._deliver()
            return tap(call)

        tap_methods(cloud, in_turn)

    def refusal(self, fault: Fault, call: Call) -> BaseException:
        """The exception by which this call fails. By default that of the contract."""
        return _REFUSALS[fault](f"{fault}: {call.name}")

    def later(self, call: Call) -> None:
        """Have the call take effect later, and not now: halfway through the time in which an absence may be a delay."""
        due = self.clock.monotonic() + self.lateness(call)
        self._post.write_bytes(pickle.dumps(Request(call.installation, call.name, call.arguments, due)))

    def lateness(self, call: Call) -> float:
        """How much later, in seconds; together with any lag of the listings it must stay below ``settle_after``."""
        return call.settle_after / 2

    def carry_out(self, request: Request) -> None:
        """Do what was asked for some time ago. By default this is done now, which is no earlier than it was due."""
        cloud = self.cloud(services(self.directory, installation=request.installation, clock=self.clock))
        getattr(cloud, request.method)(*request.arguments)

    def truth(self) -> Sequence[Thing]:
        """:meth:`things`, once what was due has arrived."""
        self._deliver()
        return tuple(self.things())

    def _deliver(self) -> None:
        if not self._post.exists():
            return
        request: Request = pickle.loads(self._post.read_bytes())  # our own
        if self.clock.monotonic() >= request.due:
            self._post.unlink()
            with suppress(Exception):  # it is refused like any other request, and nobody hears of it
                self.carry_out(request)

    @property
    def _post(self) -> Path:
        return self.directory / "post.pickle"

    def close(self) -> None:  # noqa: B027 - optional
        """End whatever still runs; ``directory`` is removed by the harness."""


_REFUSALS: Mapping[Fault, Callable[[str], BaseException]] = {
    Fault.CUT: Transient,
    Fault.UNANSWERED: OutcomeUnknown,
    Fault.LATE: OutcomeUnknown,
    Fault.THROTTLED: lambda text: RateLimited(text, retry_after=2.0),
    Fault.EXPIRED: AuthFailed,
    Fault.DENIED: lambda text: PermissionDenied(text, action="a call"),
    Fault.NO_CAPACITY: InsufficientCapacity,
    Fault.OVER_QUOTA: lambda text: QuotaExceeded(text, resource="machines"),
    Fault.GONE: OfferGone,
    Fault.INVALID: lambda text: InvalidRequest(text, field="payload"),
}
