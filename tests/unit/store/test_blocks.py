"""Blocks: what was refused is known to all launches until it ends, and then forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from styx.store import Store
from styx.store.records import BlockRecord


def block(clock: Any, minutes: float, **changes: Any) -> BlockRecord:
    """A block that ends in so many minutes."""
    until = clock() + timedelta(minutes=minutes)
    return replace(
        BlockRecord("acme", None, "east-1", "east-1a", "gpu", True, "insufficient_capacity", "none left", until),
        **changes,
    )


def test_a_block_stands_until_it_ends(store: Store, clock: Any) -> None:
    """Those that end first come first; at its end a block is not told any more."""
    long, short = block(clock, 2, account="dev"), block(clock, 1, spot=None, zone=None)
    for each in (long, short):
        store.blocks.add(each)
    assert store.blocks.standing() == [short, long]
    clock.advance(60)
    assert store.blocks.standing() == [long]


def test_what_has_ended_is_forgotten(store: Store, clock: Any) -> None:
    """Adding a block leaves none behind that has ended: the table stays small."""
    store.blocks.add(block(clock, 1))
    clock.advance(61)
    store.blocks.add(block(clock, 1))
    clock.advance(-61)
    assert len(store.blocks.standing()) == 1


def test_a_reason_may_be_anything(store: Store, clock: Any) -> None:
    """What a provider says is kept as text, whatever is in it."""
    store.blocks.add(block(clock, 1, reason="no\0 left \ud800"))
    assert "left" in store.blocks.standing()[0].reason
