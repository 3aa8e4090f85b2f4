"""The money of one lane, on record before it is spent: what was launched, and the most that it can have cost."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from styx.api import Owner, QuotaExceeded, Scope

LEAST = 60.0  # seconds that a machine is billed for at least
LINGERING = 120.0  # seconds that it may be billed for after its removal was accepted
HINT = "Give the lane more with BUDGET, or less time, for which it has to be enough."


@dataclass(frozen=True, slots=True)
class Bought:
    """One launch: whose, where, USD per hour for all of it, and from when to when (seconds since the epoch)."""

    owner: Owner
    scope: Scope
    hourly: Decimal
    since: float
    until: float | None = None

    def cost(self, now: float) -> Decimal:
        """USD at most, up to now."""
        end = now if self.until is None else min(now, self.until + LINGERING)
        return self.hourly * Decimal(max(end - self.since, LEAST)) / 3600


class Purse:
    """``budget`` USD, to last until ``deadline``; the record is a file of JSON lines, one for each thing that happened.

    Whatever runs is counted as if it ran until the deadline, where it is removed at last. Thread-safe.
    """

    def __init__(self, record: Path, budget: Decimal, deadline: float, now: Callable[[], float]) -> None:
        self.budget = budget
        self.refused = 0  # launches
        self._record = record
        self._deadline = deadline
        self._now = now
        self._lock = threading.Lock()
        self._bought: dict[str, Bought] = {}  # by token

    def buy(self, token: str, owner: Owner, scope: Scope, hourly: Decimal | None) -> None:
        """Put a launch on record. Raises QuotaExceeded where it could come to more than is left, or costs nobody knows.

        The same token again is the same launch.
        """
        with self._lock:
            if token in self._bought:
                return
            now = self._now()
            left = Decimal(max(self._deadline - now, 0.0)) / 3600
            running = [one.hourly for one in self._bought.values() if one.until is None]
            if (
                hourly is None
                or self.spent(now) + sum(running, hourly) * max(left, Decimal(LEAST) / 3600) > self.budget
            ):
                self.refused += 1
                asked = "a launch at an unknown price" if hourly is None else f"a launch at ${hourly}/h"
                raise QuotaExceeded(
                    f"{asked} could come to more than the ${self.budget} of this lane, of which "
                    f"${self.spent(now):.4f} are spent",
                    hint=HINT, scope=scope.name, resource="budget",
                )  # fmt: skip
            self._bought[token] = Bought(owner, scope, hourly, now)
            self._write(event="launch", token=token, owner=owner.name, scope=scope.name, hourly=str(hourly), at=now)

    def removed(self, owner: Owner) -> None:
        """The removal of an attempt was accepted."""
        with self._lock:
            for token, one in self._bought.items():
                if one.owner == owner:
                    self._bought[token] = Bought(one.owner, one.scope, one.hourly, one.since, self._now())
            self._write(event="removed", owner=owner.name, at=self._now())

    def price(self, owner: Owner) -> Decimal | None:
        """USD per hour of what was launched for that attempt, for a start of the same machines."""
        with self._lock:
            known = [one.hourly for one in self._bought.values() if one.owner == owner]
        return max(known, default=None)

    def spent(self, now: float) -> Decimal:
        """USD at most, up to now."""
        return sum((one.cost(now) for one in self._bought.values()), Decimal(0))

    def _write(self, **what: Any) -> None:
        with self._record.open("a", encoding="utf-8") as file:
            file.write(json.dumps(what) + "\n")


def launched(record: Path) -> Iterator[tuple[str, Scope]]:
    """The installations that launched something since all was last found removed, each with every place of it."""
    seen: dict[tuple[str, Scope], None] = {}
    for line in record.read_text(encoding="utf-8").splitlines() if record.exists() else ():
        what = json.loads(line)
        if what["event"] == "clean":
            seen.clear()
        elif what["event"] == "launch":
            parsed = Owner.parse(what["owner"])
            assert parsed is not None, "it was written by a purse"
            seen[parsed[0].installation, Scope(what["scope"])] = None
    yield from seen


def clean(record: Path) -> None:
    """Note that all was found removed."""
    with record.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"event": "clean"}) + "\n")
