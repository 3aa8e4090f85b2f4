"""Does around a provider what core does: calls under a deadline, repeats what may be repeated, waits, gives up."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from styx.api import Clock, NotYet, ProviderError
from styx.testing.verdict import ContractBroken, GaveUp

T = TypeVar("T")

THREAD_PREFIX = "styx-conformance"


class Driver:
    """Calls a provider as core would.

    Waiting goes by ``clock``: on a :class:`~styx.testing.FakeClock` it takes no time. ``patience`` is how many seconds
    a provider may go on asking to be called again, ``interval`` the shortest pause between two looks, and
    ``call_timeout`` how many real seconds one call may take.
    """

    def __init__(
        self, clock: Clock, *, patience: float = 600.0, interval: float = 0.05, call_timeout: float = 60.0
    ) -> None:
        self.clock = clock
        self.patience = patience
        self.interval = interval
        self.call_timeout = call_timeout
        self._advance: Callable[[float], None] = getattr(clock, "advance", time.sleep)

    def pause(self, seconds: float) -> None:
        """Let this many seconds pass, by the clock."""
        self._advance(seconds)

    def call(self, function: Callable[[], T], *, what: str = "a call") -> T:
        """Call once, and again after NotYet, RateLimited and Transient, until ``patience`` runs out.

        Other provider errors come through as they are. Raises ContractBroken when something else was raised or the
        call did not come back, and GaveUp when the provider never had enough.
        """
        deadline = self.clock.monotonic() + self.patience
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
                raise GaveUp(f"{what} still asks to be called again after {self.patience:g} s ({reason})")
            self.pause(max(after, self.interval))

    def until(self, look: Callable[[], T], done: Callable[[T], bool], *, within: float, what: str) -> T:
        """Look again and again until ``done`` likes what it sees. Raises GaveUp after ``within`` seconds."""
        deadline = self.clock.monotonic() + within
        while not done(seen := self.call(look, what=f"looking for {what}")):
            if self.clock.monotonic() >= deadline:
                raise GaveUp(f"{what} did not come about within {within:g} s; last seen: {seen}")
            self.pause(self.interval)
        return seen

    def _once(self, function: Callable[[], T], what: str) -> T:
        """One call in a thread of its own, as core makes it, so that one that hangs does not hang the kit."""
        answers: queue.SimpleQueue[tuple[bool, T | BaseException]] = queue.SimpleQueue()

        def work() -> None:
            try:
                answers.put((True, function()))
            except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to the caller's thread
                answers.put((False, error))

        threading.Thread(target=work, name=f"{THREAD_PREFIX}-{what}", daemon=True).start()
        try:
            good, answer = answers.get(timeout=self.call_timeout)
        except queue.Empty:
            raise ContractBroken(
                f"{what} did not come back within {self.call_timeout:g} s; use finite socket timeouts and never sleep"
            ) from None
        if good:
            return answer  # type: ignore[return-value]
        assert isinstance(answer, BaseException)
        raise self._judged(answer, what)

    @staticmethod
    def _judged(error: BaseException, what: str) -> BaseException:
        if isinstance(error, NotYet | AssertionError) or (
            isinstance(error, ProviderError) and type(error) is not ProviderError
        ):
            return error
        broken = ContractBroken(
            f"{what} raised {type(error).__name__}: {error}\n"
            "  the contract: a provider raises the leaves of ProviderError, and NotYet; nothing else\n"
            "  to change:    translate your SDK's errors in one place, and let none of them through"
        )
        broken.__cause__ = error
        return broken
