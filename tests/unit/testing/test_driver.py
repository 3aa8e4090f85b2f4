"""How the kit calls a provider: as core would, under a deadline, and never for ever."""

from __future__ import annotations

import os
import threading

import pytest

from styx.api import Conflict, NotYet, ProviderError, RateLimited, Transient
from styx.testing import Driver, FakeClock
from styx.testing.verdict import ContractBroken, GaveUp


class Answers:
    """A provider's method that raises each of these in turn, and then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        """Raise the next error, or answer."""
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def test_what_may_be_repeated_is_repeated() -> None:
    """NotYet, RateLimited and Transient lead to another call, after as long as the provider asked for."""
    clock = FakeClock()
    answers = Answers(NotYet(7, "a disk"), RateLimited("slow down", retry_after=5), Transient("refused"))
    assert Driver(clock).call(answers) == "answer"
    assert answers.calls == 4
    assert clock.monotonic() == pytest.approx(12.05)


def test_other_errors_come_through() -> None:
    """An error that core would not repeat is the caller's."""
    answers = Answers(Conflict("taken"))
    with pytest.raises(Conflict):
        Driver(FakeClock()).call(answers)
    assert answers.calls == 1


def test_a_provider_that_never_has_enough_is_given_up() -> None:
    """NotYet without end is ended by patience, and the message says what it was waiting for."""
    with pytest.raises(GaveUp, match=r"prepare.* still asks to be called again after 10 s .*a disk"):
        Driver(FakeClock(), patience=10).call(Answers(*[NotYet(1, "a disk")] * 99), what="prepare()")


@pytest.mark.parametrize("error", [KeyError("zone"), ProviderError("some"), SystemExit(3)])
def test_foreign_errors_break_the_contract(error: BaseException) -> None:
    """Whatever is not a leaf of ProviderError is a broken rule, told with the call it came from."""

    def call() -> None:
        raise error

    with pytest.raises(ContractBroken, match=r"check\(\) raised " + type(error).__name__):
        Driver(FakeClock()).call(call, what="check()")


def test_a_call_that_hangs_does_not_hang_the_kit() -> None:
    """A call that does not come back is a broken rule."""
    over = threading.Event()
    with pytest.raises(ContractBroken, match=r"did not come back within 0.05 s"):
        Driver(FakeClock(), call_timeout=0.05).call(lambda: over.wait(30))
    over.set()


def test_until_tells_what_it_saw_last() -> None:
    """What does not come about is given up with the last thing seen."""
    with pytest.raises(GaveUp, match="a running node did not come about within 3 s; last seen: pending"):
        Driver(FakeClock()).until(lambda: "pending", lambda seen: seen == "running", within=3, what="a running node")


def test_the_pace_is_kept() -> None:
    """Calls of a method, and all calls together, are as far apart as the provider's traits say."""
    clock, seen = FakeClock(), []
    driver = Driver(clock, pace={"": 1.0, "launch": 12.0})
    for method in ("launch", "observe", "observe", "launch", "check"):
        driver.call(lambda m=method: seen.append((m, clock.monotonic())), what=f"{method}()")
    assert seen == [("launch", 0), ("observe", 1), ("observe", 2), ("launch", 12), ("check", 13)]


def test_what_is_no_pace_is_none() -> None:
    """A pace that is no length of time is the business of a rule, and keeps nobody waiting."""
    clock = FakeClock()
    driver = Driver(clock, pace={"": float("inf"), "launch": -3.0, "observe": "soon"})  # type: ignore[dict-item]
    for method in ("launch", "observe") * 2:
        driver.call(lambda: None, what=f"{method}()")
    assert clock.monotonic() == 0


def test_threads_are_kept_for_the_next_call() -> None:
    """One call after the other is made in the same thread, which is never the caller's."""
    driver = Driver(FakeClock())
    used = {driver.call(threading.get_ident) for _ in range(5)}
    assert len(used) == 1
    assert threading.get_ident() not in used


def test_without_a_deadline_a_call_is_made_in_place() -> None:
    """With ``call_timeout=None`` nothing changes but the thread."""
    driver = Driver(FakeClock(), call_timeout=None)
    assert driver.call(threading.get_ident) == threading.get_ident()
    with pytest.raises(ContractBroken):
        driver.call(lambda: {}["zone"])


def test_a_forked_process_has_threads_of_its_own() -> None:
    """Kept threads do not go with a fork, and are not waited for there."""
    driver = Driver(FakeClock(), call_timeout=5)
    driver.call(lambda: None)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if driver.call(lambda: 7) == 7 else 1)
    assert os.waitpid(pid, 0)[1] == 0
