"""What the fault harness needs of a provider: its cloud object, its clock, and the truth about what it bills."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol

from styx.api import (
    AuthFailed,
    Clock,
    Cloud,
    InsufficientCapacity,
    InvalidRequest,
    Node,
    Observation,
    OfferGone,
    OutcomeUnknown,
    Owner,
    PermissionDenied,
    QuotaExceeded,
    RateLimited,
    Scope,
    Services,
    Transient,
)
from styx.testing.faults.clock import FileClock
from styx.testing.faults.kinds import ROLES, Fault, Role


@dataclass(frozen=True, slots=True)
class Thing:
    """Something the provider has, as it knows itself and whatever its interface tells. ``id`` is what Styx calls it."""

    id: str
    owner: Owner | None = None  # whose it is, as far as the provider could ever tell
    bills: bool = True
    runs: bool = True


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the provider that is about to be made; ``make`` makes it.

    Where it changes something, ``before`` looks at what is there now; where it lists, ``aged`` makes its answer of
    what an earlier ``before`` saw.
    """

    name: str
    role: Role
    make: Callable[[], Any]
    arguments: tuple[Any, ...] = ()
    before: Callable[[], Any] | None = None
    aged: Callable[[Any], Any] | None = None
    installation: str = ""  # whose client makes it


class Tap(Protocol):
    """Stands between a cloud and its provider: makes the call, or lets something go wrong with it."""

    def __call__(self, call: Call) -> Any:
        """What the call answers; raises what it raises."""


class FaultBench(ABC):
    """One provider, new and empty, in a directory of its own. Everything of it that lasts is below ``directory``.

    The harness opens one for each point and forks clients from there, so an object holds no thread and no connection.
    ``variant`` is one of ``variants``: another way in which the same provider can behave.
    """

    name: ClassVar[str]  # the cloud's
    variants: ClassVar[Sequence[str]] = ("",)
    # Whether a copy of `directory` is another provider in the same state. Laying the ground of a point is then a copy.
    portable: ClassVar[bool] = False
    # Whether two installations can share the provider: then another one's machines must outlive everything.
    shared: ClassVar[bool] = True
    # Faults that this provider cannot have, each with the reason, which is printed.
    impossible: ClassVar[Mapping[Fault, str]] = {Fault.LATE: "the bench does not say how a call takes effect later"}

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

        By default a call is a method of the contract. A provider that makes several requests for one method shows each
        of them by tapping its HTTP or SDK client instead; then :meth:`refusal` raises what that client would.
        """
        for method, role in ROLES.items():
            if hasattr(cloud, method):
                setattr(cloud, method, _tapped(cloud, getattr(cloud, method), role, tap))

    def refusal(self, fault: Fault, call: Call) -> BaseException:
        """The exception by which this call fails. By default that of the contract."""
        return _REFUSALS[fault](f"{fault}: {call.name}")

    def later(self, call: Call) -> None:
        """Have the call take effect later, within ``settle_after``, and not now."""
        raise NotImplementedError

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


def _tapped(cloud: Cloud, method: Callable[..., Any], role: Role, tap: Tap) -> Callable[..., Any]:
    observe = cloud.observe
    if getattr(observe, "__wrapped__", None) is not None:  # already tapped: looking ahead is no call
        observe = observe.__wrapped__  # type: ignore[attr-defined]

    @functools.wraps(method)
    def tapped(*arguments: Any) -> Any:
        def make() -> Any:
            answer = method(*arguments)
            return list(answer) if method.__name__ in {"offers", "scopes"} else answer

        before = aged = None
        if role in {Role.BUY, Role.CHANGE}:
            scope = arguments[0] if isinstance(arguments[0], Scope) else arguments[0].scope
            before = functools.partial(observe, scope, None)
        if role is Role.LIST:
            aged = functools.partial(_as_asked, arguments[0], arguments[1])
        return tap(Call(method.__name__, role, make, arguments, before, aged, cloud.services.installation))

    return tapped


def _as_asked(scope: Scope, owners: Collection[Owner] | None, seen: Observation) -> Observation:
    """What an observation of everybody would have shown whoever asks for these owners."""
    assert seen.scope == scope
    if owners is None:
        return seen
    return replace(
        seen,
        nodes=tuple(node for node in seen.nodes if node.owner is None or node.owner in owners),
        leftovers=tuple(each for each in seen.leftovers if each.owner in owners),
        launches=tuple(each for each in seen.launches if each.owner in owners),
    )
