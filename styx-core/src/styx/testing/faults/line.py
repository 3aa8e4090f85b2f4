"""The line between a cloud and its provider, on which every call can be tapped."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from styx.api import Cloud, Observation, Owner, Scope, SimpleCloud
from styx.testing.faults.kinds import ROLES, SIMPLE_ROLES, Role


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the provider that is about to be made; ``make`` makes it.

    Where it changes something, ``before`` looks at what is there now; where it lists, ``aged`` makes its answer of
    what an earlier ``before`` saw. ``installation`` is whose client makes it.
    """

    name: str
    role: Role
    make: Callable[[], Any]
    arguments: tuple[Any, ...] = ()
    before: Callable[[], Any] | None = None
    aged: Callable[[Any], Any] | None = None
    installation: str = ""
    settle_after: float = 0.0


class Tap(Protocol):
    """Stands between a cloud and its provider: makes the call, or lets something go wrong with it."""

    def __call__(self, call: Call) -> Any:
        """What the call answers; raises what it raises."""


def tap_methods(cloud: Cloud, tap: Tap) -> None:
    """Tap every method of the contract, or of a simple cloud what its author wrote."""
    simple = isinstance(cloud, SimpleCloud)
    roles: Mapping[str, Role] = SIMPLE_ROLES if simple else ROLES
    look = getattr(cloud, "machines" if simple else "observe")  # untapped: looking ahead is no call
    for name, role in roles.items():
        if hasattr(cloud, name):
            tapped = _tapped(cloud, name, role, look, tap)
            setattr(cloud, name, tapped)


def _tapped(cloud: Cloud, name: str, role: Role, look: Callable[..., Any], tap: Tap) -> Any:
    simple, method = isinstance(cloud, SimpleCloud), getattr(cloud, name)

    @functools.wraps(method)
    def tapped(*arguments: Any) -> Any:
        def make() -> Any:
            answer = method(*arguments)
            return list(answer) if name in _LAZY else answer

        before: Callable[[], Any] | None = None
        aged: Callable[[Any], Any] | None = None
        if role in {Role.BUY, Role.CHANGE}:
            before = (lambda: list(look())) if simple else functools.partial(look, _scope(arguments[0]), None)
        if role is Role.LIST:
            aged = list if simple else functools.partial(_as_asked, *arguments)
        services, traits = cloud.services, cloud.traits
        return tap(
            Call(
                name, role, make, arguments, before, aged, services.installation, traits.settle_after
            )
        )  # fmt: skip

    tapped.__name__ = name  # core tells methods by it
    return tapped


_LAZY = frozenset({"offers", "scopes", "machines", "price_list"})  # may be generators


def _scope(argument: Any) -> Scope:
    return argument if isinstance(argument, Scope) else argument.scope


def _as_asked(scope: Scope, owners: Collection[Owner] | None, seen: Observation) -> Observation:
    """What an observation of everybody would have shown whoever asks for these owners."""
    assert seen.scope == scope
    if owners is None:
        return seen
    return replace(
        seen,
        nodes=tuple(node for node in seen.nodes if node.owner is None or node.owner in owners),
        leftovers=tuple(each for each in seen.leftovers if each.owner is None or each.owner in owners),
        launches=tuple(each for each in seen.launches if each.owner in owners),
    )
