"""The tap that counts the calls of a provider and lets something go wrong with one of them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from styx.store import Store
from styx.testing.faults.bench import FaultBench
from styx.testing.faults.kinds import Fault, Role
from styx.testing.faults.line import Call


@dataclass(frozen=True, slots=True)
class Counted:
    """A call that was made; ``age`` is how long ago the last change had been, None when this client made none."""

    name: str
    role: Role
    age: float | None


class FaultTap:
    """Counts calls; at the one numbered ``strike_at`` (from 0), or None: at the first change, ``fault`` happens.

    ``refusals`` are given to the first calls that buy something, so that the next best is tried.
    """

    def __init__(
        self,
        bench: FaultBench,
        fault: Fault | None = None,
        strike_at: int | None = -1,
        refusals: Iterable[Fault] = (),
        dies: Any = None,
        suspends: Any = None,
    ) -> None:
        self.bench = bench
        self.calls: list[Counted] = []
        self._fault, self._strike_at = fault, strike_at
        self._refusals = list(refusals)
        self._die, self._suspend = dies or _die, suspends or _suspend
        self._dying = self._cut_off = False
        self._changed_at: float | None = None
        self._before: Any = None
        self._lock = threading.Lock()

    @property
    def struck(self) -> bool:
        """Whether the call was reached."""
        return self._fault is not None and self._strike_at is not None and len(self.calls) > self._strike_at

    def __call__(self, call: Call) -> Any:
        """Make the call, or let it go wrong."""
        with self._lock:
            number = len(self.calls)
            age = None if self._changed_at is None else self.bench.clock.monotonic() - self._changed_at
            self.calls.append(Counted(call.name, call.role, age))
        if self._dying:
            self._die()
        if self._cut_off:
            raise self.bench.refusal(Fault.CUT, call)
        if self._strike_at is None and call.role in {Role.BUY, Role.CHANGE}:
            self._strike_at = number
        if number == self._strike_at and self._fault is not None:
            return self._strike(self._fault, call)
        if call.role is Role.BUY and self._refusals:
            raise self.bench.refusal(self._refusals.pop(0), call)
        return self._make(call)

    def mark_commits(self, store: Store) -> None:
        """Have the process die inside the first write transaction after the answer that must not be committed."""
        database: Any = store._database  # noqa: SLF001 - the kit looks where no client does
        write = database.write

        @contextmanager
        def mortal(**how: Any) -> Iterator[Any]:
            with write(**how) as connection:
                yield connection
                if self._dying:
                    self._die()

        database.write = mortal

    def _make(self, call: Call) -> Any:
        if call.role not in {Role.BUY, Role.CHANGE}:
            return call.make()
        if self._fault is Fault.STALE and call.before is not None:
            self._before = call.before()
        try:
            return call.make()
        finally:
            self._changed_at = self.bench.clock.monotonic()

    def _unheard(self, call: Call) -> None:
        """Make the call, whatever it says: nobody hears it."""
        with suppress(Exception):
            self._make(call)

    def _strike(self, fault: Fault, call: Call) -> Any:
        match fault:
            case Fault.UNSENT:
                self._die()
            case Fault.UNREAD:
                self._unheard(call)
                self._die()
            case Fault.UNCOMMITTED:
                self._dying = True
                return self._make(call)
            case Fault.SUSPENDED:
                self._suspend()
                return self._make(call)
            case Fault.SUSPENDED_DONE:
                try:
                    return self._make(call)
                finally:
                    self._suspend()
            case Fault.UNANSWERED | Fault.OUTAGE:
                self._cut_off = fault is Fault.OUTAGE
                self._unheard(call)
                raise self.bench.refusal(Fault.UNANSWERED, call)
            case Fault.LATE:
                self.bench.later(call)
                self._changed_at = self.bench.clock.monotonic()
                raise self.bench.refusal(fault, call)
            case Fault.TWICE:
                self._unheard(call)
                return self._make(call)
            case Fault.STALE:
                assert call.aged is not None
                return call.aged(self._before)
        raise self.bench.refusal(fault, call)


def _suspend() -> None:
    """Stop here, as a laptop that is closed does, until somebody sends SIGCONT.

    No thread may hold a lock of the provider's, who is elsewhere: others get the time to come to the end of a call, and
    this one sleeps until the signal, which is not there at once, has stopped it.
    """
    time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(0.05)


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("nobody outlives SIGKILL")
