"""What each refusal of a provider rules out, and until when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from styx.api.errors import (
    AuthFailed,
    Conflict,
    InsufficientCapacity,
    OfferGone,
    PluginError,
    Preempted,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    StyxError,
    Unsupported,
)
from styx.api.offers import Offer, Scope
from styx.optimizer.blocks import Block, block_for, blocking, next_change
from styx.optimizer.rank import Choice
from styx.spec.model import Alternative

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def choice(
    zone: str = "east-1a", kind: str = "gpu", *, cloud: str = "acme", spot: bool = False, account: str = "default"
) -> Choice:
    """A way to have one machine."""
    region = zone.rstrip("abc")
    offer = Offer(cloud, Scope(region), kind, 8, 32, region=region, zone=zone, hourly_price=Decimal(1))
    return Choice(offer, Alternative(use_spot=spot), Decimal(1), account)


def unblocked(choices: Sequence[Choice], blocks: Sequence[Block], now: datetime) -> list[Choice]:
    """The choices that may be asked for, in the same order."""
    return [each for each in choices if blocking(each, blocks, now) is None]


FIRST = choice()
OTHERS = {
    "zone": choice("east-1b"),
    "region": choice("west-1a"),
    "type": choice(kind="big"),
    "spot": choice(spot=True),
    "account": choice(account="dev"),
    "cloud": choice(cloud="other"),
}


@pytest.mark.parametrize(
    ("error", "also"),
    [
        (InsufficientCapacity("none left", scope="east-1a"), {"account"}),
        (InsufficientCapacity("none left", scope="east-1"), {"account", "zone"}),
        (InsufficientCapacity("none left"), {"account"}),
        (QuotaExceeded("limit", scope="east-1", resource="gpus", limit=0, used=0), {"zone"}),
        (OfferGone("not sold"), {"account", "spot"}),
        (RateLimited("slow down", retry_after=7), {"zone", "type", "spot"}),
        (AuthFailed("expired"), {"zone", "region", "type", "spot"}),
        (PluginError("broken", plugin="acme"), {"zone", "region", "type", "spot", "account"}),
        (Unsupported("one image", capability="image"), {"zone", "region", "type", "account"}),
        (Unsupported("20 GiB", capability="disk_size"), set()),
        (Conflict("taken"), set()),
    ],
)
def test_a_refusal_rules_out_what_it_is_about_and_nothing_else(error: StyxError, also: set[str]) -> None:
    """Beside the choice that was asked for, exactly these differ from it in what the error is not about."""
    block = block_for(error, FIRST, NOW)
    assert block.covers(FIRST)
    assert {name for name, other in OTHERS.items() if block.covers(other)} == also


def test_what_a_cloud_lacks_is_about_who_asks_for_it() -> None:
    """Another alternative of the task may do without, and gets the same machine."""
    block = block_for(Unsupported("one image", capability="image"), FIRST, NOW)
    assert not block.covers(replace(FIRST, alternative=Alternative(labels={"do": "without"})))
    assert block.until is None
    assert not block.shared


def test_a_preemption_rules_out_spot_alone() -> None:
    """What was taken back may be bought on demand in the same place."""
    block = block_for(Preempted("taken back"), OTHERS["spot"], NOW)
    assert block.covers(OTHERS["spot"])
    assert not block.covers(FIRST)
    assert block.until == NOW + timedelta(minutes=10)


@pytest.mark.parametrize(
    ("error", "lasting"),
    [
        (InsufficientCapacity("none"), timedelta(minutes=3)),
        (QuotaExceeded("limit"), timedelta(minutes=15)),
        (OfferGone("gone"), timedelta(hours=6)),
        (RateLimited("slow", retry_after=7), timedelta(seconds=7)),
        (RateLimited("slow"), timedelta(0)),
        (RateLimited("a moment, not a length", retry_after=1_900_000_000.0), timedelta(minutes=5)),
        (RateLimited("for ever", retry_after=10**400), timedelta(seconds=1)),
        (RateLimited("for ever", retry_after=float("inf")), timedelta(seconds=1)),
        (RateLimited("no number", retry_after=float("nan")), timedelta(seconds=1)),
        (RateLimited("in words", retry_after="soon"), timedelta(seconds=1)),
        (Conflict("taken"), timedelta(seconds=30)),
    ],
)
def test_a_block_lasts_as_long_as_its_meaning_says(error: ProviderError, lasting: timedelta) -> None:
    """At its end the choice may be asked for again, and not a moment before."""
    blocks = [block_for(error, FIRST, NOW)]
    just_before = NOW + lasting - timedelta(microseconds=1)
    assert blocking(FIRST, blocks, just_before) is blocks[0]
    assert next_change([FIRST], blocks, NOW) == NOW + lasting
    assert unblocked([FIRST], blocks, NOW + lasting) == [FIRST]


def test_what_ends_with_the_launch_has_no_moment() -> None:
    """Credentials that fail are not asked again in this launch, and no waiting helps."""
    blocks = [block_for(AuthFailed("expired"), FIRST, NOW)]
    assert blocks[0].until is None
    assert next_change([FIRST], blocks, NOW) is None
    assert unblocked([FIRST], blocks, NOW + timedelta(days=9)) == []
    assert next_change([FIRST, OTHERS["cloud"]], blocks, NOW) == NOW


def test_what_says_nothing_of_others_is_kept_to_oneself() -> None:
    """Capacity is everybody's business, a conflict or credentials are not."""
    assert block_for(InsufficientCapacity("none"), FIRST, NOW).shared
    assert not block_for(AuthFailed("expired"), FIRST, NOW).shared
    assert not block_for(Conflict("taken"), FIRST, NOW).shared


def test_the_longest_block_counts() -> None:
    """Of two blocks on one choice the later end is the one that is told."""
    short, long = (
        Block("acme", None, None, None, None, None, "x", why, NOW + timedelta(minutes=minutes))
        for why, minutes in (("short", 1), ("long", 2))
    )
    assert blocking(FIRST, [short, long], NOW) is long
