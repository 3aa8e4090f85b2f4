"""A provider that cannot be asked is told once, at once, and is no reason to try every rule."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from styx.api import AuthFailed, Identity, ProviderError, RateLimited, Transient
from styx.testing import Driver, FakeClock, services
from styx.testing.cloud.reach import PATIENCE, Reach
from styx.testing.memory import MemoryAccount, MemoryCloud

REFUSED = Transient("127.0.0.1 cannot be reached: Connection refused")
WRONG_TOKEN = AuthFailed("the token is missing or wrong")
SUITE = f"""
import pytest
from styx.api import Transient
from styx.testing import CloudConformance, FakeClock, services
from styx.testing.memory import MemoryAccount, MemoryCloud

class Gone(MemoryCloud):
    def check(self):
        raise Transient({REFUSED.message!r})
    offers = observe = scopes = check

class TestGone(CloudConformance):
    @pytest.fixture
    def cloud(self, tmp_path):
        return Gone(services(tmp_path, MemoryAccount(), clock=FakeClock()))
"""


class Answers(MemoryCloud):
    """check() raises these, one after the other, and then answers."""

    errors: list[ProviderError]

    def check(self) -> Identity:
        """Say so."""
        if self.errors:
            raise self.errors.pop(0)
        return super().check()


def cloud(tmp_path: Path, *errors: ProviderError) -> Answers:
    """A cloud that answers so."""
    made = Answers(services(tmp_path, MemoryAccount(), clock=FakeClock()))
    made.errors = [*errors]
    return made


@pytest.mark.parametrize(
    ("errors", "did", "change"),
    [
        ([REFUSED] * 1000, str(REFUSED), "see that what the fixture `cloud` points at is running"),
        ([WRONG_TOKEN], f"check() raised AuthFailed: {WRONG_TOKEN}", "give the fixture `cloud` credentials"),
    ],
    ids=["unreachable", "not let in"],
)
def test_the_first_rule_fails_and_the_others_are_skipped(
    tmp_path: Path, errors: list[ProviderError], did: str, change: str
) -> None:
    """The failure says what was done, what the contract wants and what to change; nothing is called for the rest."""
    one, reach = cloud(tmp_path, *errors), Reach()
    clock = one.services.clock
    driver = Driver(clock, call_timeout=None)
    started = clock.monotonic()
    with pytest.raises(pytest.fail.Exception) as failed:
        reach.require(one, driver)
    message = str(failed.value)
    assert did in message
    assert f"to change:    {change}" in message
    assert "the contract: " in message
    assert not failed.value.pytrace
    assert clock.monotonic() - started < PATIENCE + 2.0
    left = len(one.errors)
    with pytest.raises(pytest.skip.Exception) as skipped:
        reach.require(one, driver)
    assert did in str(skipped.value)
    assert len(one.errors) == left


@pytest.mark.parametrize("errors", [[], [REFUSED], [RateLimited("slower", retry_after=30.0)]])
def test_a_provider_that_answers_is_asked_once(tmp_path: Path, errors: list[ProviderError]) -> None:
    """One that is merely busy at first is there, and is not asked for each rule."""
    one, reach = cloud(tmp_path, *errors), Reach()
    driver = Driver(one.services.clock, call_timeout=None)
    reach.require(one, driver)
    one.errors = [WRONG_TOKEN]
    reach.require(one, driver)


def test_a_suite_ends_at_once_with_one_failure(tmp_path: Path) -> None:
    """What needs no provider is still tried; the rest is one failure and skips, whatever fixtures lead to a call."""
    (tmp_path / "test_gone.py").write_text(SUITE)
    options = ("-q", "-p", "no:cacheprovider", "-rs", "--rootdir", ".", "-c", "/dev/null")
    command = [sys.executable, "-m", "pytest", *options, "test_gone.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1, done.stdout
    assert done.stdout.count("  it did:       ") == 1
    summary = done.stdout.splitlines()[-1]
    assert "1 error" in summary
    assert "failed" not in summary
    assert "Traceback" not in done.stdout
    assert f"the provider cannot be asked: check() still asks to be called again after {PATIENCE:g} s" in done.stdout
