"""How much of something each user has, in all of a server."""

from __future__ import annotations

from collections import Counter

from styx.client.refusals import TooManyRequests

Tally = Counter[str]  # by user; who has none is not in it


def less(tally: Tally, user: str, count: int = 1) -> None:
    """Take so much off."""
    tally[user] -= count
    if not tally[user]:
        del tally[user]


class Seats:
    """For what is open for a while: ``each`` user may have so many, and all together ``most``."""

    def __init__(self, what: str, each: int, most: int) -> None:
        self._what = what
        self._each = each
        self._most = most
        self._taken: Tally = Counter()

    def enter(self, user: str) -> None:
        """Take one for this user. Raises TooManyRequests."""
        if self._taken[user] >= self._each or self._taken.total() >= self._most:
            raise TooManyRequests(f"too many {self._what} are open at once", hint="Close some.", retry_after=5)
        self._taken[user] += 1

    def leave(self, user: str) -> None:
        """Give it back."""
        less(self._taken, user)
