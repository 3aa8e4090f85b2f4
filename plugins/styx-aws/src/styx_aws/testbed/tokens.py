"""Client tokens, as EC2 keeps them: see "Ensuring idempotency in Amazon EC2 API requests" in its documentation.

A token stands for one request of an account in a region, or in a zone where the request names one. Asked again in the
same words it is answered with the same reservation; in others it is refused. One whose instances are gone stays spent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_NOT_ASKED = frozenset({"Action", "Version", "ClientToken", "DryRun"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a token is known."""

    account: str
    region: str
    zone: str | None
    token: str


class Tokens:
    """Which request each token stands for, and the reservation that came of it."""

    def __init__(self) -> None:
        self._known: dict[Place, tuple[frozenset[tuple[str, str]], str]] = {}

    def look_up(self, place: Place, asked: Mapping[str, str]) -> str | None:
        """The reservation of a request made before; None for a new token. Raises ValueError for other words."""
        if place not in self._known:
            return None
        words, reservation = self._known[place]
        if words != _words(asked):
            raise ValueError(place.token)
        return reservation

    def spend(self, place: Place, asked: Mapping[str, str], reservation: str) -> None:
        """Note what came of a request."""
        self._known[place] = _words(asked), reservation


def _words(asked: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in asked.items() if name not in _NOT_ASKED)
