"""Does around a provider what core does: calls under a deadline, repeats what may be repeated, waits, gives up."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from styx.api import Clock, NotYet, ProviderError
from styx.testing.pace import Pace
from styx.testing.verdict import ContractBroken, GaveUp
from styx.testing.workers import Late, called

T = TypeVar("T")

SLOWING = 1.5  # each pause between two looks is so much longer than the last one
LONGEST_PAUSE = 1.0  # seconds


class Driver:
    """Calls a provider as core would.

    Waiting goes by ``clock``: on a :class:`~styx.testing.FakeClock` it takes no time. ``patience`` is how many seconds
    a provider may go on asking to be called again, ``interval`` the shortest pause between two looks, and
    ``call_timeout`` how many real seconds one call may take; with None it is made in the caller's thread, and may hang.
    ``pace`` is how fast the provider may be called (``Traits.pace``); the driver keeps to it, as core does.
    """

    def __init__(
        self, clock: Clock, *, patience: float = 600.0, interval: float = 0.05, call_timeout: float | None = 60.0,
        pace: Mapping[str, float] | None = None,
    ) -> None:  # fmt: skip
        self.clock = clock
        self.patience = patience
        self.interval = interval
        self.call_timeout = call_timeout
        self._pace = Pace(clock, pace or {})
        self._sent: dict[str, float] = {}  # when each method was last called
        self._advance: Callable[[float], None] = getattr(clock, "advance", time.sleep)

    def pause(self, seconds: float) -> None:
        """Let this many seconds pass, by the clock."""
        self._advance(seconds)

    def pause_after(self, methods: Collection[str], seconds: float) -> None:
        """Let time pass until the last call of any of these methods was sent this many seconds ago."""
        sent = [at for method, at in self._sent.items() if method in methods]
        left = max(sent) + seconds - self.clock.monotonic() if sent else 0.0
        if left > 0:
            self.pause(left)

    def call(self, function: Callable[[], T], *, what: str = "a call", patience: float | None = None) -> T:
        """Call once, and again after NotYet, RateLimited and Transient, until ``patience`` runs out (or the driver's).

        ``what`` names the call and begins with the method, like ``observe()``: by that the pace is kept.
        Other provider errors come through as they are. Raises ContractBroken when something else was raised or the
        call did not come back, and GaveUp when the provider never had enough.
        """
        patience = self.patience if patience is None else patience
        deadline = self.clock.monotonic() + patience
        while True:
            try:
                return self._once(function, what)
            except NotYet as wait:
                reason, after = str(wait), wait.after
            except ProviderError as error:
                if not error.retryable:
                    raise
                reason, after = f"{type(error).__name__}: {error}", getattr(error, "retry_after", None) or 0.0
            if self.clock.monotonic() >= deadline:
                raise GaveUp(f"{what} still asks to be called again after {patience:g} s ({reason})")
            self.pause(max(after, self.interval))

    def until(self, look: Callable[[], T], done: Callable[[T], bool], *, within: float, what: str) -> T:
        """Look again and again, ever more seldom, until ``done`` likes what it sees.

        Raises GaveUp after ``within`` seconds. ``look`` makes its calls by :meth:`call`.
        """
        deadline, pause = self.clock.monotonic() + within, self.interval
        while not done(seen := look()):
            if self.clock.monotonic() >= deadline:
                raise GaveUp(f"{what} did not come about within {within:g} s; last seen: {seen}")
            self.pause(pause)
            pause = max(pause, min(SLOWING * pause, LONGEST_PAUSE))
        return seen

    def _once(self, function: Callable[[], T], what: str) -> T:
        """One call, when the pace allows it, in another thread, so that one that hangs does not hang the kit."""
        method = what.partition("(")[0]
        early = self._pace.take(method)
        if early > 0:
            self.pause(early)
        self._sent[method] = self.clock.monotonic()
        try:
            answer, error = called(function, self.call_timeout)
        except Late:
            raise ContractBroken(
                f"{what} did not come back within {self.call_timeout:g} s; use finite socket timeouts and never sleep"
            ) from None
        if error is None:
            return answer  # type: ignore[return-value]
        judged = self._judged(error, what)
        raise judged from (error.__cause__ if judged is error else error)

    @staticmethod
    def _judged(error: BaseException, what: str) -> BaseException:
        if isinstance(error, NotYet | AssertionError) or (
            isinstance(error, ProviderError) and type(error) is not ProviderError
        ):
            return error
        return ContractBroken(
            f"{what} raised {type(error).__name__}: {error}\n"
            "  the contract: a provider raises the leaves of ProviderError, and NotYet; nothing else\n"
            "  to change:    translate your SDK's errors in one place, and let none of them through"
        )
