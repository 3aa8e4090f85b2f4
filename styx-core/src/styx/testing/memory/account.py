"""The far side of the cloud in memory: what the provider's own computers would know. It outlives any Cloud object."""

from __future__ import annotations

import contextlib
import itertools
import shutil
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from styx.api import Clock, NodeState, Offer, ProviderError, SelfStop
from styx.testing.memory.catalog import default_offers
from styx.testing.processes import kill_marked

SHUTDOWN_FILE = ".shutdown"  # a guest writes "stop" or "terminate" here to end itself, or OFF
OFF = "off"  # what its machine was told to make of that


@dataclass(frozen=True, slots=True)
class Call:
    """One call that a Cloud object received: the method and its arguments."""

    method: str
    arguments: tuple[Any, ...]


@dataclass(slots=True)
class Machine:
    """One machine, as the provider sees it. ``ready_at`` is when its boot is over, on the clock of the last launch."""

    id: str
    place: str
    kind: str
    name: str
    tags: Mapping[str, str]
    token: str
    number: int
    spot: bool = False
    state: NodeState = NodeState.PENDING
    created_at: datetime | None = None
    ready_at: float = 0.0
    ports: set[int] = field(default_factory=set)
    home: Path | None = None
    shutdown: SelfStop = SelfStop.TERMINATE  # what becomes of it when its guest switches it off


class MemoryAccount:
    """One account: its machines, what it sells, how long machines take to boot.

    With ``homes`` every machine is a directory below it, reached as a ``process`` endpoint, so that real jobs can run.
    ``calls`` records what Cloud objects were asked; :meth:`fail_next` makes the next call of a method fail.
    """

    def __init__(
        self, name: str = "memory-account", *, offers: Sequence[Offer] | None = None, boot_seconds: float = 1.0,
        homes: Path | None = None,
    ) -> None:  # fmt: skip
        self.name = name
        self.offers = tuple(default_offers() if offers is None else offers)
        self.boot_seconds = boot_seconds
        self.homes = homes
        self.calls: list[Call] = []
        self.lock = threading.RLock()
        self._machines: dict[str, Machine] = {}
        self._launches: dict[str, list[str]] = {}
        self._numbers = itertools.count(1)
        self._failures: dict[str, deque[tuple[ProviderError, bool]]] = defaultdict(deque)

    # -- what tests use

    def fail_next(self, method: str, error: ProviderError, *, after: bool = False) -> None:
        """Let the next call of ``method`` raise: before anything was done, or with ``after`` once all of it was.

        Repeated, the failures queue up.
        """
        self._failures[method].append((error, after))

    @contextlib.contextmanager
    def call(self, method: str, *arguments: Any) -> Iterator[None]:
        """Record one call, and fail it where a test asked for that."""
        with self.lock:
            self.calls.append(Call(method, arguments))
            error, after = self._failures[method].popleft() if self._failures[method] else (None, False)
        if error is not None and not after:
            raise error
        yield
        if error is not None:
            raise error

    # -- what the provider's API would offer

    def create(self, make: Callable[[int, str], Machine], ranks: Sequence[int], token: str, clock: Clock) -> list[str]:
        """Make one machine per rank; with a ``token`` seen before, return those it made then."""
        with self.lock:
            if token and token in self._launches:
                return self._launches[token]
            ids = []
            for rank in ranks:
                machine = make(rank, f"m-{next(self._numbers):06d}")
                machine.created_at = clock.now()
                machine.ready_at = clock.monotonic() + self.boot_seconds
                if self.homes is not None:
                    machine.home = self.homes / machine.id
                    machine.home.mkdir(parents=True)
                self._machines[machine.id] = machine
                ids.append(machine.id)
            if token:
                self._launches[token] = ids
            return ids

    def machines(self, place: str, clock: Clock) -> list[Machine]:
        """Everything there, oldest first, brought up to date."""
        with self.lock:
            for machine in list(self._machines.values()):
                self._age(machine, clock)
            return [machine for machine in self._machines.values() if machine.place == place]

    def delete(self, id_: str) -> None:
        """Remove a machine with all it holds; one that is not there is fine."""
        with self.lock:
            machine = self._machines.pop(id_, None)
            if machine is not None and machine.home is not None:
                kill_marked([f"STYX_NODE={machine.id}"])
                shutil.rmtree(machine.home, ignore_errors=True)

    def stop(self, id_: str) -> None:
        """Switch a machine off; its home stays."""
        with self.lock:
            machine = self._machines[id_]
            machine.state = NodeState.STOPPED
            if machine.home is not None:
                kill_marked([f"STYX_NODE={machine.id}"])

    def start(self, id_: str, clock: Clock) -> None:
        """Switch a stopped machine on again; one that runs is left alone."""
        with self.lock:
            machine = self._machines[id_]
            if machine.state is NodeState.STOPPED:
                machine.shutdown = SelfStop.STOP
                machine.state = NodeState.PENDING
                machine.ready_at = clock.monotonic() + self.boot_seconds

    def _age(self, machine: Machine, clock: Clock) -> None:
        if machine.state is NodeState.PENDING and clock.monotonic() >= machine.ready_at:
            machine.state = NodeState.RUNNING
        wish = machine.home / SHUTDOWN_FILE if machine.home else None
        if wish is not None and wish.exists():
            said = wish.read_text().strip()
            wish.unlink()
            mode = machine.shutdown if said == OFF else SelfStop(said)
            (self.stop if mode is SelfStop.STOP else self.delete)(machine.id)
