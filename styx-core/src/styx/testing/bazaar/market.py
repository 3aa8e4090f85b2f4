"""The far side: one account of the bazaar, as the provider's own computers know it. It outlives every client."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from styx.api import Offer, OutcomeUnknown, ProviderError, RateLimited, from_wire
from styx.clock import SystemClock
from styx.testing.bazaar import life
from styx.testing.bazaar.habits import Blindness, Habits
from styx.testing.bazaar.ledger import FileClock, FileLedger, Ledger, MemoryLedger, locked, replace_bytes
from styx.testing.bazaar.state import DISK_PRICE, Machine, Part, State
from styx.testing.clock import FakeClock
from styx.testing.memory.catalog import default_offers
from styx.testing.processes import kill_marked

CLOUD = "bazaar"
ABOUT = "market.json"
BLIND_SECONDS = 15.0  # of every minute


@dataclass(frozen=True, slots=True)
class Bill:
    """Something that costs money: a machine or a part, and USD per hour."""

    id: str
    kind: str
    hourly_cost: Decimal
    name: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """One call, while it is served: nobody else's is."""

    state: State
    now: float


class Market:
    """One account. Made with :meth:`in_memory`, or with :meth:`at` in a directory that processes share.

    ``clock`` is where it takes its time from; give it to the engine too. With ``homes`` every machine is a directory
    below it, reached as a ``process`` endpoint, so that real jobs can run. Thread-safe.
    """

    def __init__(
        self,
        ledger: Ledger,
        habits: Habits,
        clock: FakeClock | FileClock | SystemClock,
        *,
        name: str = "bazaar-account",
        offers: Sequence[Offer] | None = None,
        boot_seconds: float = 2.0,
        homes: Path | None = None,
    ) -> None:
        self.ledger = ledger
        self.habits = habits
        self.clock = clock
        self.name = name
        self.offers = tuple(replace(o, cloud=CLOUD) for o in (default_offers() if offers is None else offers))
        self.boot_seconds = boot_seconds
        self.homes = homes

    @classmethod
    def in_memory(cls, habits: Habits | None = None, *, clock: FakeClock | None = None, homes: Path | None = None,
                  boot_seconds: float = 2.0, offers: Sequence[Offer] | None = None) -> Market:  # fmt: skip
        """A market that ends with this process, on virtual time."""
        return cls(
            MemoryLedger(), habits or Habits(), clock or FakeClock(), homes=homes, boot_seconds=boot_seconds,
            offers=offers,
        )  # fmt: skip

    @classmethod
    def make(cls, directory: Path, habits: Habits | None = None, *, real_time: bool = False, homes: Path | None = None,
             boot_seconds: float = 2.0) -> Market:  # fmt: skip
        """Found a market in a directory, for other processes to open with :meth:`at`, virtual time included."""
        directory.mkdir(parents=True, exist_ok=True)
        about = {
            "habits": (habits or Habits()).to_data(), "real_time": real_time, "boot_seconds": boot_seconds,
            "homes": None if homes is None else str(homes),
        }  # fmt: skip
        with locked(directory / "about.lock"):
            replace_bytes(directory / ABOUT, json.dumps(about).encode())
        return cls.at(directory)

    @classmethod
    def at(cls, directory: Path) -> Market:
        """The market in that directory. Raises FileNotFoundError where there is none."""
        about = json.loads((directory / ABOUT).read_bytes())
        homes = about["homes"]
        return cls(
            FileLedger(directory), Habits.from_data(about["habits"]),
            SystemClock() if about["real_time"] else FileClock(directory),
            homes=None if homes is None else Path(homes), boot_seconds=about["boot_seconds"],
        )  # fmt: skip

    # -- what the provider's API does around every call

    @contextlib.contextmanager
    def call(self, method: str, who: str) -> Iterator[Turn]:
        """Serve one call: log it, refuse it where it comes too soon or a test said so, else let the caller do it."""
        after: ProviderError | None = None
        with self._turn() as turn:
            try:
                after = self._gate(turn, method)
            except ProviderError as error:
                self._log(turn, method, who, error.code)
                raise
            self._log(turn, method, who, "")
            yield turn
        if after is not None:
            raise after

    def _gate(self, turn: Turn, method: str) -> ProviderError | None:
        """Raise what keeps the call from being served; what is to be raised once it was is returned."""
        waited, pace = turn.now - turn.state.last_call, self.habits.pace
        if 0 <= waited < pace - 1e-6:
            raise RateLimited(f"one call in {pace:g} s", retry_after=pace - waited)
        turn.state.last_call = turn.now
        queued = turn.state.failures.get(method)
        if not queued:
            return None
        wire, after = queued.pop(0)
        error = from_wire(wire)
        assert isinstance(error, ProviderError)
        if not after:
            raise error
        return error

    def _log(self, turn: Turn, method: str, who: str, refused: str) -> None:
        self.ledger.log({"method": method, "who": who, "pid": os.getpid(), "at": turn.now, "refused": refused})

    @contextlib.contextmanager
    def _turn(self) -> Iterator[Turn]:
        with self.ledger.turn() as state:
            self._do_chores(state)  # what a client that was killed has left
            now = self.clock.now().timestamp()
            life.age(state, self.habits, now)
            yield Turn(state, now)
            self._furnish(state, now)
        if state.chores:  # once what they belong to is on record
            with self.ledger.turn() as state:
                self._do_chores(state)

    def _furnish(self, state: State, now: float) -> None:
        """Give new machines their directories."""
        for machine in life.existing(state, now) if self.homes is not None else ():
            if not machine.home and machine.refused is None:
                machine.home = f"{self.homes}/{machine.id}"
                state.chores.append(("build", machine.home))

    def _do_chores(self, state: State) -> None:
        for what, which in state.chores:
            if what == "build":
                Path(which).mkdir(parents=True, exist_ok=True)
                continue
            kill_marked([f"STYX_NODE={Path(which).name}"])
            if what == "erase":
                shutil.rmtree(which, ignore_errors=True)
        state.chores.clear()

    def linger(self, seconds: float) -> None:
        """Let a call be under way this long: on virtual time alone, for a provider never sleeps."""
        advance = getattr(self.clock, "advance", None)
        if seconds and advance is not None:
            advance(seconds)

    def blind(self, now: float) -> Blindness:
        """What of a listing is out of reach right now."""
        return self.habits.blindness if now % 60.0 < BLIND_SECONDS else Blindness.NONE

    def answer_is_lost(self, turn: Turn) -> ProviderError | None:
        """What to raise instead of answering a launch that was served."""
        if self.habits.lost_answers and turn.state.launches % 2 == 1:
            return OutcomeUnknown("the connection was closed before an answer came")
        return None

    # -- the truth, for tests to compare with

    def machines(self) -> list[Machine]:
        """Every machine that exists, oldest first, whatever a listing would show."""
        with self._turn() as turn:
            return [replace(machine) for machine in life.existing(turn.state, turn.now)]

    def parts(self) -> list[Part]:
        """Every disk and NIC on record, oldest first."""
        with self._turn() as turn:
            return [replace(part) for part in turn.state.parts.values()]

    def made(self) -> int:
        """How many machines were ever made."""
        with self._turn() as turn:
            return turn.state.made

    def billing(self) -> list[Bill]:
        """All that costs money right now."""
        with self._turn() as turn:
            bills = [
                Bill(m.id, m.state(turn.now).value, cost, m.name) for m in life.existing(turn.state, turn.now)
                if m.refused is None
                and (cost := m.costs(turn.now, billed_when_off=self.habits.billed_when_off))
            ]  # fmt: skip
            alone = [
                part for part in turn.state.parts.values()
                if (m := turn.state.machines.get(part.machine)) is None or not m.exists(turn.now)
            ]  # fmt: skip
            return bills + [Bill(part.id, part.kind, DISK_PRICE, part.name) for part in alone if part.kind == "disk"]

    def calls(self, *methods: str) -> Counter[str]:
        """How often each method was called, refused calls included; of these methods, or of all."""
        made = Counter(str(entry["method"]) for entry in self.ledger.calls())
        return Counter({method: n for method, n in made.items() if not methods or method in methods})

    # -- what tests do to it

    def fail_next(self, method: str, error: ProviderError, *, after: bool = False, times: int = 1) -> None:
        """Let the next calls of ``method`` raise: before anything was done, or with ``after`` once all of it was."""
        with self._turn() as turn:
            turn.state.failures.setdefault(method, []).extend([(error.to_wire(), after)] * times)

    def allow(self, room: Mapping[str, int] | None = None, quota: Mapping[str, int] | None = None) -> None:
        """Limit how many machines there may be: ``room`` by ``"place/kind"``, ``quota`` by place."""
        with self._turn() as turn:
            turn.state.room.update(room or {})
            turn.state.quota.update(quota or {})

    def doom(self, count: int) -> None:
        """Let the hosts of the next ``count`` machines fail while they boot."""
        with self._turn() as turn:
            turn.state.doomed += count

    def fail_host(self, id_: str) -> None:
        """Let the host of a machine fail now."""
        with self._turn() as turn:
            life.fail(turn.state.machines[id_], self.habits, turn.now)

    def interrupt(self, id_: str) -> None:
        """Take a machine back, as the market's habit is."""
        with self._turn() as turn:
            life.interrupt(turn.state.machines[id_], self.habits, turn.now)

    def shut_down(self, id_: str) -> None:
        """Let the guest shut itself down."""
        with self._turn() as turn:
            life.switch_off(turn.state, turn.state.machines[id_], turn.now, "self")
