"""Rules about talking to the provider's API: with timeouts, once, and with every answer understood.

Sockets are watched by themselves. The rest needs the fixture ``pointed_at``, which makes a cloud whose API is at an
address of the kit's: there everything is refused, or nothing is answered.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from styx.api import (
    AuthFailed,
    Cloud,
    OutcomeUnknown,
    PermissionDenied,
    Prepared,
    ProviderError,
    RateLimited,
    Transient,
)
from styx.testing.cloud.base import CloudRules
from styx.testing.cloud.lab import RUNNING_TEST, Lab
from styx.testing.cloud.refusals import Refusals, refusing
from styx.testing.driver import Driver
from styx.testing.verdict import ContractBroken, GaveUp, expect
from styx.testing.watch import endless_connections

UNAVAILABLE, GATEWAY_TIMEOUT = 503, 504
# What an answer of HTTP means: the errors of which one is to be raised.
MEANINGS: dict[int, tuple[type[ProviderError], ...]] = {
    401: (AuthFailed,),
    403: (PermissionDenied, AuthFailed),
    429: (RateLimited,),
    500: (Transient, OutcomeUnknown),
    503: (Transient, OutcomeUnknown, RateLimited),
}


class AskingRules(CloudRules):
    """How the provider's API is asked."""

    @pytest.fixture
    def pointed_at(self) -> Callable[[str], Cloud] | None:
        """Makes an object of this cloud whose API is at the URL given (plain HTTP); None where that cannot be.

        Override it: with most SDKs the URL is a setting of the client.
        """
        return None

    @pytest.fixture
    def pointed(self, pointed_at: Callable[[str], Cloud] | None) -> Callable[[str], Cloud]:
        """The same, or the test is skipped."""
        return pointed_at or pytest.skip("the fixture `pointed_at` says how an object is pointed at another address")

    def test_sockets_have_timeouts(self, cloud: Cloud, lab: Lab, driver: Driver) -> None:
        """No connection is made that could wait for ever. Sees Python's sockets, not C libraries'."""
        with endless_connections() as seen, contextlib.suppress(ProviderError, ContractBroken, GaveUp):
            driver.call(cloud.check, what="check()")
            lab.look(None)
        expect(
            not seen,
            did=f"it connected without a timeout: {', '.join(seen)}",
            contract="each call has a deadline and finite socket timeouts",
            change="give the client a timeout for connecting and for reading, of seconds",
        )

    def test_a_refused_call_is_made_once(self, pointed: Callable[[str], Cloud]) -> None:
        """The SDK does not try again by itself: core does that, once for all providers."""
        with refusing(UNAVAILABLE) as refusals:
            one = pointed(refusals.url)
            with contextlib.suppress(Exception):  # test_refusals_are_understood says what is wrong
                one.check()
        expect(
            len(refusals.requests) == 1,
            did=f"one check(), refused with {UNAVAILABLE}, asked {len(refusals.requests)} times: {refusals.requests}",
            contract="a provider never retries; SDK retries are off",
            change="configure the client with no retries (max_attempts=1, total=0, ...)",
        )

    @pytest.mark.parametrize("status", MEANINGS)
    def test_refusals_are_understood(self, pointed: Callable[[str], Cloud], status: int) -> None:
        """What the API's refusals mean is told by the class of the error: failover is driven by it alone."""
        with refusing(status) as refusals:
            one = pointed(refusals.url)
            try:
                one.check()
                said = "succeeded"
            except MEANINGS[status]:
                return
            except Exception as error:  # noqa: BLE001 - whatever it is, the author should read it as a broken rule
                said = f"raised {type(error).__name__}: {error}"
        expect(
            False,
            did=f"check(), refused with {status}, {said}",
            contract=f"{status} is {' or '.join(meaning.__name__ for meaning in MEANINGS[status])}",
            change="map the SDK's errors in one table, by status and code",
        )

    @pytest.mark.parametrize("answer", [None, GATEWAY_TIMEOUT], ids=["none", "gateway-timeout"])
    def test_no_answer_is_an_unknown_outcome(
        self, pointed: Callable[[str], Cloud], lab: Lab, answer: int | None
    ) -> None:
        """A launch that was sent, and not answered by who would know, may have been done."""
        prepared = self._prepared(lab)
        with refusing(answer) as refusals:
            one = pointed(refusals.url)
            try:
                one.launch(prepared)
                said = "succeeded"
            except OutcomeUnknown:
                said = ""
            except Exception as error:  # noqa: BLE001 - likewise
                said = f"raised {type(error).__name__}: {error}" if _sent(refusals) else ""
        expect(
            not said,
            did=f"launch() sent {refusals.requests}, had {answer or 'no'} for an answer, and {said}",
            contract="sent, and no answer came: OutcomeUnknown, which leads to an observation, never to a repetition",
            change="raise OutcomeUnknown for a connection that broke after a POST, Transient only before",
        )

    @staticmethod
    def _prepared(lab: Lab) -> Prepared:
        try:
            return lab.prepare(lab.request())
        except (ProviderError, ContractBroken, GaveUp) as error:
            pytest.skip(f"needs prepare() to work; {RUNNING_TEST} shows what is wrong ({error})")


def _sent(refusals: Refusals) -> bool:
    return any(request.split()[0] not in {"GET", "HEAD"} for request in refusals.requests)
