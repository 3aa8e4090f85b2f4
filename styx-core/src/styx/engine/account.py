"""One account of one cloud, and how core calls it: in threads, within deadlines, at its pace, with its own retries."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from styx.api.cloud import Cloud, Identity
from styx.api.errors import NotYet, OutcomeUnknown, ProviderError, RateLimited, Transient, WrongAccount
from styx.api.services import Clock
from styx.engine import answers
from styx.engine.pacing import Pacer, TooLate, Turn
from styx.engine.workers import Overdue, Workers
from styx.optimizer.blocks import seconds
from styx.optimizer.rank import label
from styx.plugins.isolation import failure, guard

if TYPE_CHECKING:
    from styx.store.turns import Turns  # the database is loaded by whoever has one

CALLS_AT_ONCE = 8  # per account
GLANCES_AT_ONCE = 6  # of them, so that who has something to do need not wait for those who only look
DEADLINE = 300.0  # seconds for a call with all its repetitions
GLANCE_SECONDS = 30.0  # the same, for somebody who only wants to see what there is
TRANSIENT_TRIES = 5
LEAST_SECONDS = 10.0  # that one try is given, however late in the deadline it begins
SHORTEST_PAUSE = 0.02  # seconds, for a provider that says "again, at once"
LAUNCH_PATIENCE = 3600.0  # seconds to wait for the turn to launch: the intent is on record, and giving it up asks more
ABSENCE_SECONDS = 10.0  # of real time, for which that is good enough to believe that nothing is there any more
IDENTITY_SECONDS = 300.0  # of real time, for which we are who we were: credentials may change under a long process

ResultT = TypeVar("ResultT")

# How the answer of each method of a cloud is checked; that of `offers` and `launch` where they are called.
_ANSWERS: Mapping[str, Callable[[object], object]] = {
    "check": answers.identity,
    "prepare": answers.prepared,
    "prepare_start": answers.prepared,
    "observe": answers.observation,
}
# What can be asked again whatever came of it. Any other call may have changed something.
_HARMLESS = frozenset({"check", "faults", "scopes", "offers", "observe", "prepare", "prepare_start", "console_log"})
_METHODS = (*sorted(_HARMLESS | _ANSWERS.keys()), "launch", "terminate", "discard", "stop", "set_shutdown", "admit")


def _pace(said: Mapping[str, float]) -> dict[str, float]:
    """The lengths of time among what a plugin says of its pace; the rest is no pace."""
    known = ((lane, pause) for lane, pause in said.items() if isinstance(pause, int | float))
    return {lane: float(pause) for lane, pause in known if 0 < pause < math.inf}


@dataclass(slots=True)
class _Glance:
    """How long a call may take, and who has let a call pass already."""

    seconds: float
    silent: set[CloudAccount] = field(default_factory=set)


_glance: ContextVar[_Glance | None] = ContextVar("styx_glance", default=None)


@contextmanager
def glance() -> Iterator[None]:
    """Let a call in the block, or in a task that begins there, take no longer; who has let one pass is not asked again.

    For who only wants to see what there is: what does not show soon is unknown.
    """
    token = _glance.set(_Glance(GLANCE_SECONDS))
    try:
        yield
    finally:
        _glance.reset(token)


def glancing() -> float | None:
    """How many seconds a call may take here; None where nobody is in a hurry."""
    looking = _glance.get()
    return None if looking is None else looking.seconds


def take_time() -> None:
    """Let the calls of the present task take as long as they need from here on, whoever it was begun for."""
    _glance.set(None)


class CloudAccount:
    """One account of one cloud. Calls go through :meth:`call`, which does the waiting the provider must not do."""

    def __init__(self, cloud: Cloud, account: str, clock: Clock, turns: Turns | None = None) -> None:
        self.cloud = cloud
        self.account = account
        self._clock = clock
        self._pacer = None if turns is None else Pacer(turns, cloud.name, account, _pace(cloud.traits.pace), clock)
        self._workers: Workers[Any] = Workers(CALLS_AT_ONCE, f"styx-{cloud.name}")
        self._glances = asyncio.Semaphore(GLANCES_AT_ONCE)
        self._identity: tuple[Identity, float] | None = None
        self._checking: asyncio.Task[Identity] | None = None

    @property
    def label(self) -> str:
        """The cloud, and the account where it has a name, for people."""
        return label(self.cloud.name, self.account)

    async def call(self, function: Callable[..., ResultT], *args: object, deadline: float | None = None) -> ResultT:
        """Call a method of the cloud until it answers, at most ``deadline`` seconds: DEADLINE, or those of a glance.

        Repeats on NotYet, RateLimited and (a few times) Transient; every other error is the caller's. One that hangs is
        cut off after ``deadline`` seconds of real time: Transient where it may be asked again whatever came of it, else
        OutcomeUnknown; should it come back after all, what its own thread does then still counts. A cancelled call that
        may change something is waited for as long, because its answer must not be lost; then the cancellation goes on.

        Waiting for a turn, as the provider's pace or its refusal of anybody asks for, does not count; one that is
        further away than the deadline (for a launch, an hour) raises RateLimited.
        """
        async with nullcontext() if _glance.get() is None else self._glances:
            return await self._call(function, *args, deadline=deadline)

    async def _call(self, function: Callable[..., ResultT], *args: object, deadline: float | None) -> ResultT:
        name, looking = self._name(function), _glance.get()
        if looking is not None and self in looking.silent:
            raise Transient(f"{self.label} has not answered within {looking.seconds:g} s")
        usual = DEADLINE if deadline is None else deadline
        deadline = usual if looking is None or deadline is not None else looking.seconds
        give_up_at, cut_off_at = self._clock.monotonic() + deadline, monotonic() + deadline
        patience = max(usual, LAUNCH_PATIENCE) if name == "launch" else usual
        tries = missed = 0
        last: ProviderError
        while True:
            turn = await self._turn(name, missed, patience)
            give_up_at, cut_off_at = give_up_at + turn.waited, cut_off_at + turn.really_waited
            try:
                work = partial(self._guarded, turn, name, function, *args)
                limit = max(cut_off_at - monotonic(), min(LEAST_SECONDS, deadline))
                result: ResultT = await self._workers.run(work, limit, harmless=name in _HARMLESS)
                return result
            except Overdue:
                if looking is not None:
                    looking.silent.add(self)
                raise self._cut_off(name, deadline) from None
            except TooLate:
                missed += 1
                continue
            except NotYet as answer:
                pause, last = (
                    max(seconds(answer.after), SHORTEST_PAUSE),
                    Transient(f"{self.label}: still waiting for {answer.waiting_for}"),
                )
            except RateLimited as error:
                pause, last = seconds(error.retry_after or 2.0**tries), error
                tries += 1
                if self._pacer is not None:
                    self._pacer.hold(name, pause)
            except Transient as error:
                tries += 1
                if tries >= TRANSIENT_TRIES:
                    raise
                pause, last = 0.1 * 2.0**tries, error
            if self._clock.monotonic() + pause > give_up_at:
                raise last
            await self._clock.sleep(pause)

    async def identity(self, *, known_for: float = math.inf) -> Identity:
        """Who the credentials say we are; asked once for all, and again after a while by a process that lives long.

        ``known_for`` is that while, in seconds of real time, where it matters more than usual.
        """
        longest = min(known_for, IDENTITY_SECONDS)
        if self._identity is not None and monotonic() - self._identity[1] <= longest:
            return self._identity[0]
        if self._checking is None:
            self._checking = asyncio.ensure_future(self.call(self.cloud.check))
            self._checking.add_done_callback(self._checked)
        return await asyncio.shield(self._checking)  # others may be waiting for it too

    def _checked(self, task: asyncio.Task[Identity]) -> None:
        self._checking = None
        if not task.cancelled() and task.exception() is None:
            self._identity = task.result(), monotonic()

    async def require_identity(self, expected: str, *, known_for: float = math.inf) -> None:
        """Raise WrongAccount unless the credentials are those ``expected`` was recorded with."""
        found = (await self.identity(known_for=known_for)).account
        if expected and found != expected:
            raise WrongAccount(
                f"cloud {self.label!r} is now used as {found!r}, but this was made as {expected!r}",
                hint="Switch back to the credentials it was made with; nothing was changed.",
                expected=expected,
                found=found,
            )

    def _name(self, function: Callable[..., object]) -> str:
        """Which method of the contract it is, whatever an author's decorators have made of its own name."""
        of_cloud = (name for name in _METHODS if getattr(self.cloud, name, None) == function)
        return next(of_cloud, getattr(function, "__name__", "a call"))

    async def _turn(self, method: str, missed: int, most: float) -> Turn:
        return Turn() if self._pacer is None else await self._pacer.turn(method, missed=missed, most=most)

    def _guarded(self, turn: Turn, name: str, function: Callable[..., ResultT], *args: object) -> ResultT:
        turn.use()
        with guard(self.cloud.name, f"in {name}"):
            try:
                answer = function(*args)
            except (KeyboardInterrupt, GeneratorExit, asyncio.CancelledError) as error:
                # Real ones come to the main thread and to the loop; one from here would take the loop down.
                raise failure(self.cloud.name, f"in {name}", error) from error
            check = _ANSWERS.get(name)
            if check is not None:
                check(answer)
            return answer

    def _cut_off(self, name: str, deadline: float) -> ProviderError:
        story = f"{self.label} has not answered {name} within {deadline:g} s"
        if name in _HARMLESS:
            return Transient(story, hint="Try again; the provider, or the way to it, may be down.")
        return OutcomeUnknown(f"{story}: it may have been done", hint="`styx status -r` looks at what came of it.")
