"""How often somebody may ask: a bucket of tokens for each, which fills at a steady rate."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv4Address, ip_address, ip_network

from styx.client.refusals import TooManyRequests

_KNOWN = 10_000  # who asked last; whoever is forgotten begins with a full bucket


def neighbourhood(address: str) -> str:
    """Who is counted as one: an address of IPv4, or all 2^64 that whoever has one of IPv6 can have."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv4Address) or found.ipv4_mapped:
        return str(getattr(found, "ipv4_mapped", None) or found)
    return str(ip_network((int(found) >> 64 << 64, 64)))


class Rates:
    """So many a second, and ``burst`` of them at once. A rate of 0 is no limit."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is left, and since when

    def take(self, who: str) -> None:
        """Count one. Raises TooManyRequests, which says after how many seconds there is room again."""
        if not self._rate:
            return
        left = self._left(who)
        if left < 1:
            raise TooManyRequests(
                "too many requests", hint="Ask less often, or for more at once.", retry_after=(1 - left) / self._rate
            )
        self._keep(who, left - 1)

    def _left(self, who: str) -> float:
        now = self._clock()
        left, since = self._buckets.get(who, (float(self._burst), now))
        return min(float(self._burst), left + max(0.0, now - since) * self._rate)

    def _keep(self, who: str, left: float) -> None:
        self._buckets[who] = left, self._clock()
        self._buckets.move_to_end(who)
        if len(self._buckets) > _KNOWN:
            self._buckets.popitem(last=False)
