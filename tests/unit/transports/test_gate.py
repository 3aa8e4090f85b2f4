"""The number of sessions on one connection."""

from __future__ import annotations

import asyncio

from styx.transports.gate import SessionGate


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_gate_admits_its_limit_and_queues_the_rest():
    """The third of two has to wait until one of them leaves."""
    gate = SessionGate(2)
    await gate.enter()
    await gate.enter()
    third = asyncio.create_task(gate.enter())
    await settle()
    assert not third.done()
    gate.leave()
    await third
    assert gate.open == 2


async def test_a_forfeited_place_is_gone_for_good():
    """After a refusal by the server the gate is one place narrower."""
    gate = SessionGate(2)
    await gate.enter()
    await gate.enter()
    assert gate.forfeit()
    waiting = asyncio.create_task(gate.enter())
    await settle()
    assert not waiting.done()
    gate.leave()
    await waiting
    another = asyncio.create_task(gate.enter())
    await settle()
    assert not another.done()
    another.cancel()


async def test_the_last_place_is_never_forfeited():
    """A server that refuses a single session has no room to wait for."""
    gate = SessionGate(2)
    await gate.enter()
    assert not gate.forfeit()
    assert gate.open == 1
