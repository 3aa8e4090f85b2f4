"""Keeping to a provider's pace, together with every other process that uses the account."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from styx.api.errors import RateLimited, StoreError
from styx.api.services import Clock
from styx.optimizer.blocks import HOLD_MOST

if TYPE_CHECKING:
    from styx.store.turns import Turns  # the database is loaded by whoever has one

SLACK = 0.05  # seconds of a turn in which the call must begin; twice as many after each that was missed
SLACK_MOST = 5.0  # a turn is time that all others wait
WORTH_TELLING = 10.0  # seconds of waiting that somebody at a terminal would wonder about

ALL = ""  # the lane of all methods together


class TooLate(Exception):
    """The turn was over before the call began: this machine had other things to do. Another one has to be taken."""


log = logging.getLogger("styx.engine")


@dataclass(frozen=True, slots=True)
class Turn:
    """Leave to call now. ``waited`` is how long it took to come, by the clock and in real seconds."""

    waited: float = 0.0
    really_waited: float = 0.0
    ends_at: float = math.inf  # on the machine's own clock

    def use(self) -> None:
        """To be called in the thread of the call, right before it. Raises TooLate."""
        if monotonic() > self.ends_at:
            raise TooLate


class Pacer:
    """The turns of one account. Waits by the given clock; whether a turn was missed is told by the real one."""

    def __init__(self, turns: Turns, cloud: str, account: str, pace: Mapping[str, float], clock: Clock) -> None:
        self._turns = turns
        self._key = (cloud, account)
        self._pace = pace
        self._clock = clock

    async def turn(self, method: str, *, missed: int, most: float) -> Turn:
        """Wait for the next turn to call this method, after so many that were missed.

        Raises RateLimited when it is more than ``most`` seconds away; then none is taken.
        """
        lanes = {lane: self._pace.get(lane, 0.0) for lane in (ALL, method)}
        slack, began = min(SLACK * 2**missed, SLACK_MOST), monotonic()
        wait = self._turns.take(*self._key, lanes, slack=slack, most=most)
        if wait > most:
            raise RateLimited(
                f"{self._key[0]} may not be called again for {wait:.0f} s: that many calls are waiting, or it said so",
                hint="Wait, or do fewer things at once with this account.",
                retry_after=wait,
            )
        if wait <= 0 and not any(lanes.values()):
            return Turn()
        if wait > 0:
            if wait >= WORTH_TELLING:
                log.warning("%s wants to be called less often: waiting %.0f s to %s", self._key[0], wait, method)
            await self._clock.sleep(wait)
        return Turn(wait, monotonic() - began, began + wait + slack)

    def hold(self, method: str, seconds: float) -> None:
        """Hold everybody back who would call this method: the provider wants to be left alone for so long."""
        lanes = {method, ALL} if self._pace.get(ALL) else {method}
        with suppress(StoreError):  # whoever was refused waits all the same
            self._turns.hold(*self._key, lanes, min(seconds, HOLD_MOST))
