"""A client dies at any step of a launch under habits that hide what came of it; whoever removes it leaves nothing.

What becomes of clients that really are killed, at every call and under every habit, is the fault harness's business.
Here time passes while a call is under way.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import count

import pytest

from styx.api import ClusterNotFound, Idempotency
from support.bazaar_world import NewBazaar
from support.world import HELLO, Killed, Life, quiet

PAIR = HELLO.nodes(2)
HIDING = (
    ("slow-launches", "late-births"),
    ("slow-launches", "flickers"),
    ("slow-launches", "late-refusals"),
    ("search", "slow-launches"),
    ("late-births", "lost-answers"),
    ("none", "leftovers"),
)


@pytest.mark.parametrize("names", HIDING, ids="+".join)
async def test_whoever_removes_it_leaves_nothing(new_bazaar: NewBazaar, names: tuple[str, ...]) -> None:
    """After a death at any step, a `down` at once by somebody else is the end of everything that bills."""
    for step in count():
        world = new_bazaar(*names)
        life = Life(step)
        with suppress(Killed):
            await world.engine(life).launch(PAIR, "c", quiet)
        with suppress(ClusterNotFound):  # it died before there was any
            await world.engine().down("c", quiet)
        assert world.record() is None, life.steps
        await world.settle_down()
        assert world.unclosed() == [], life.steps
        if world.market.habits.idempotency is Idempotency.NONE:
            await world.only_strangers_besides(set())
        else:
            assert world.market.billing() == [], life.steps
        if not life.over:
            break
    assert step > 10
