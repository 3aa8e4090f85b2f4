"""What stands behind the interface: moto's backends, and beside them what moto does not keep."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import RLock
from typing import TYPE_CHECKING, Any, Protocol

from styx_aws.testbed.habits import ACCOUNTS, Habits
from styx_aws.testbed.history import History
from styx_aws.testbed.life import Life
from styx_aws.testbed.tokens import Tokens

if TYPE_CHECKING:
    from styx_aws.testbed.machines import Machines


@dataclass(frozen=True, slots=True)
class Call:
    """One request that came in."""

    account: str
    region: str
    action: str  # ec2:RunInstances


class Time(Protocol):
    """The clock of a testbed: as that of ``styx.api``, without its sleep."""

    def now(self) -> datetime:
        """Timezone-aware UTC."""

    def monotonic(self) -> float:
        """Seconds."""


class RealTime:
    """That of this machine."""

    def now(self) -> datetime:
        """Timezone-aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds."""
        return time.monotonic()


class Bed:
    """One AWS: its accounts, what they have, and how it behaves. Hold ``lock`` while you look at or change it."""

    def __init__(self, clock: Time | None = None) -> None:
        self.clock = clock or RealTime()
        self.habits = Habits()
        self.tokens = Tokens()
        self.history = History()
        self.life = Life(self)
        self.lock = RLock()
        self.machines: Machines | None = None
        self.calls: list[Call] = []
        self.handed_out: dict[str, str] = {}  # keys of sessions, each with its account
        self.groups: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}  # placement groups, by account and region
        self.spot_requests: dict[str, dict[str, Any]] = {}
        self.at: float | None = None  # when the request under way counts as made, if not now
        self.until: int | None = None  # the change up to which it is answered, for an answer that is stale

    def seconds(self) -> float:
        """The testbed's clock."""
        return self.clock.monotonic() if self.at is None else self.at

    def now(self, later: float = 0.0) -> datetime:
        """The time of day on it, so many seconds from now."""
        ago = self.clock.monotonic() - self.seconds()
        return self.clock.now() + timedelta(seconds=later - ago)

    @contextmanager
    def as_if(self, at: float | None, until: int | None) -> Iterator[None]:
        """Let something happen at that time, or be answered as if what came after that change were not known."""
        before = self.at, self.until
        self.at, self.until = at, until
        try:
            yield
        finally:
            self.at, self.until = before

    def instances(self, account: str | None = None, region: str | None = None) -> Iterator[Any]:
        """Those of an account in a region, or all: moto's own, as they are now."""
        for backend in self.backends(account, region):
            for reservation in backend.reservations.values():
                yield from reservation.instances

    def backends(self, account: str | None = None, region: str | None = None) -> list[Any]:
        """What EC2 has in each region that anybody has used."""
        from moto.ec2.models import ec2_backends

        return [
            backend
            for owner in ([account] if account else ACCOUNTS.values()) if owner in ec2_backends
            for name, backend in list(ec2_backends[owner].items()) if region in (None, name)
        ]  # fmt: skip

    def instance(self, instance_id: str) -> Any:
        """The one of that id. Raises KeyError."""
        for instance in self.instances():
            if instance.id == instance_id:
                return instance
        raise KeyError(instance_id)
