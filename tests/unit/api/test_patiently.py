"""A page that is refused for a while is asked for again."""

from __future__ import annotations

import pytest

from styx.api import AuthFailed, ProviderError, RateLimited, Transient, patiently
from styx.api.catalog import WAITS
from styx.testing import pauses

__all__ = ["pauses"]


class Listing:
    """Refuses with these errors, one a request, and then answers."""

    def __init__(self, *refusals: ProviderError) -> None:
        self.refusals = list(refusals)

    def page(self) -> str:
        """The page."""
        if self.refusals:
            raise self.refusals.pop(0)
        return "rows"


def test_it_waits_longer_each_time_and_as_long_as_it_is_told(pauses: list[float]) -> None:
    """The answer counts, whatever there was before it."""
    listing = Listing(Transient("no answer"), RateLimited("slow down", retry_after=7.0), Transient("no answer"))
    assert patiently(listing.page) == "rows"
    assert pauses == [1.0, 7.0, 4.0]


def test_patience_has_an_end(pauses: list[float]) -> None:
    """The last refusal is raised."""
    listing = Listing(*(Transient(f"no answer {number}") for number in range(9)))
    with pytest.raises(Transient, match="no answer 5"):
        patiently(listing.page)
    assert pauses == list(WAITS)


def test_what_time_does_not_mend_is_raised_at_once(pauses: list[float]) -> None:
    """Nobody waits for credentials to become right."""
    with pytest.raises(AuthFailed):
        patiently(Listing(AuthFailed("who are you")).page)
    assert pauses == []
