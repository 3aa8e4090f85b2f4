"""What a provider's refusal rules out, and for how long: the failover's memory, shared by all launches.

=======================  ==================================================  ==================
error                    what is not asked for meanwhile                     for how long
=======================  ==================================================  ==================
InsufficientCapacity     the type, bought this way, in the zone (or the      3 minutes
                         whole region, where the error names it)
Preempted                the type as spot, in the zone                       10 minutes
QuotaExceeded            the type, bought this way, in the region, for the   15 minutes
                         account
OfferGone                the type, in the zone                               6 hours
RateLimited              the region, for the account                         what it says, but
                                                                             5 minutes at most
AuthFailed,              the account                                         this launch
PermissionDenied
PluginError              the cloud                                           this launch
Unsupported              the type, bought this way, in the zone, for the     this launch
                         account; or the cloud, where no type would have it:
                         for the alternative that asks for it
any other                the type, bought this way, in the zone, for the     30 seconds
                         account
=======================  ==================================================  ==================

All launches share the first five. The others are kept by the launch that met them: whoever has mended credentials and
runs it again is not held to the past.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from styx.api.errors import (
    AuthFailed,
    InsufficientCapacity,
    OfferGone,
    PermissionDenied,
    PluginError,
    Preempted,
    QuotaExceeded,
    RateLimited,
    StyxError,
    Unsupported,
)
from styx.api.offers import Offer
from styx.optimizer.rank import Choice
from styx.spec.model import Alternative

CAPACITY = timedelta(minutes=3)
PREEMPTED = timedelta(minutes=10)
QUOTA = timedelta(minutes=15)
GONE = timedelta(hours=6)
OTHER = timedelta(seconds=30)
HOLD_MOST = 300.0  # seconds for which one refusal holds everybody back: a provider's word is good for that long
_OF_THE_CLOUD = frozenset({"image", "ports", "labels", "identity"})  # capabilities that all types have or none

_SHARED = (InsufficientCapacity, Preempted, QuotaExceeded, OfferGone, RateLimited)


@dataclass(frozen=True, slots=True)
class Block:
    """What is not asked for until a moment; a part that is None covers all. ``until`` None: while this launch lasts.

    ``code`` and ``reason`` are those of the error; ``shared`` says whether other launches should know. ``wish`` is the
    only alternative of the task that it is about.
    """

    cloud: str
    account: str | None
    region: str | None
    zone: str | None
    instance_type: str | None
    spot: bool | None
    code: str
    reason: str
    until: datetime | None = None
    shared: bool = True
    wish: Alternative | None = None

    def covers(self, choice: Choice) -> bool:
        """Whether asking for this choice would be asking for what was refused."""
        offer = choice.offer
        return (
            self.cloud == offer.cloud
            and self.account in (None, choice.account)
            and self.region in (None, _region(offer))
            and self.zone in (None, offer.zone)
            and self.instance_type in (None, offer.instance_type)
            and self.spot in (None, choice.alternative.use_spot)
            and self.wish in (None, choice.alternative)
        )

    def lasts(self, now: datetime) -> bool:
        """Whether it still counts."""
        return self.until is None or now < self.until


def seconds(said: object) -> float:
    """The pause that a provider asks for, or a second where that is no length of time."""
    known = isinstance(said, int | float) and 0 <= said <= sys.float_info.max
    return float(said) if known else 1.0  # type: ignore[arg-type]


def block_for(error: StyxError, choice: Choice, now: datetime) -> Block:
    """What this error, met when asking for this choice, rules out from now on."""
    offer = choice.offer
    block = Block(
        offer.cloud,
        choice.account,
        _region(offer),
        offer.zone,
        offer.instance_type,
        choice.alternative.use_spot,
        error.code,
        error.message,
        now + OTHER,
        shared=isinstance(error, _SHARED),
    )
    everywhere: dict[str, Any] = {"region": None, "zone": None, "instance_type": None, "spot": None}
    match error:
        case InsufficientCapacity():
            whole_region = offer.zone and error.scope and offer.zone not in str(error.scope)
            zone = None if whole_region else offer.zone
            block = replace(block, account=None, zone=zone, until=now + CAPACITY)
        case Preempted():
            block = replace(block, account=None, spot=True, until=now + PREEMPTED)
        case QuotaExceeded():
            block = replace(block, zone=None, until=now + QUOTA)
        case OfferGone():
            block = replace(block, account=None, spot=None, until=now + GONE)
        case RateLimited():
            wait = timedelta(seconds=min(seconds(error.retry_after or 0), HOLD_MOST))
            block = replace(block, **{**everywhere, "region": block.region}, until=now + wait)
        case AuthFailed() | PermissionDenied():
            block = replace(block, **everywhere, until=None)
        case PluginError():
            block = replace(block, **everywhere, account=None, until=None)
        case Unsupported():
            if error.capability in _OF_THE_CLOUD:
                block = replace(block, **everywhere, account=None)
            block = replace(block, until=None, wish=choice.alternative)
    return block


def blocking(choice: Choice, blocks: Iterable[Block], now: datetime) -> Block | None:
    """The block on this choice that lasts longest; None when it may be asked for."""
    on = [block for block in blocks if block.covers(choice) and block.lasts(now)]
    return max(on, key=_end) if on else None


def next_change(choices: Sequence[Choice], blocks: Sequence[Block], now: datetime) -> datetime | None:
    """When the first of these choices may be asked for; None where none ever may during this launch."""
    on = [blocking(choice, blocks, now) for choice in choices]
    ends = [now if block is None else block.until for block in on]
    return min((end for end in ends if end is not None), default=None)


def _region(offer: Offer) -> str:
    """Where the offer is; a cloud without regions is told apart by what it lists in one go."""
    return offer.region or offer.scope.name


def _end(block: Block) -> tuple[bool, datetime]:
    return (block.until is None, block.until or datetime.min)  # noqa: DTZ901 - only orders those without an end
