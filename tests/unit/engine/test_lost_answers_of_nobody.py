"""Where only a receipt tells whose a machine is, a lost answer may have left one: it is said where to look."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from styx.api import Idempotency, InsufficientCapacity, NoOffer, OutcomeUnknown
from support.world import HELLO, AnswerLost, Killed, World, quiet

SEARCH = "`styx status --orphans`"


@pytest.fixture
def anonymous(new_world: Callable[..., World]) -> World:
    """A world whose cloud keeps no names."""
    return new_world(Idempotency.NONE)


async def test_a_launch_that_was_asked_for_twice(anonymous: World) -> None:
    """The first machine bills as nobody's, also when the cluster is gone: nobody says that nothing came of it."""
    anonymous.account.fail_next("launch", OutcomeUnknown("no answer"), after=True)
    told: list[tuple[str, str]] = []
    await anonymous.engine().launch(HELLO, "c", lambda *each: told.append(each))
    assert len(anonymous.machines()) == 2
    assert not any("nothing came of" in sentence for _phase, sentence in told)
    notes = [sentence for phase, sentence in told if phase == "note" and SEARCH in sentence]
    assert [note.partition(":")[0] for note in notes] == ["1 call to memory had no answer"]
    told.clear()
    await anonymous.engine().down("c", lambda *each: told.append(each))
    assert len(anonymous.machines()) == 1
    assert any(phase == "note" and SEARCH in sentence for phase, sentence in told)


@pytest.mark.parametrize("last", [OutcomeUnknown("no answer"), InsufficientCapacity("none left")])
async def test_a_launch_that_fails_after_lost_answers(anonymous: World, last: Any) -> None:
    """What it has left is no tombstone's: the error says where to look, for each place."""
    for _ in range(100):
        anonymous.account.fail_next("launch", OutcomeUnknown("no answer"), after=True)
        anonymous.account.fail_next("launch", last, after=isinstance(last, OutcomeUnknown))
    told: list[tuple[str, str]] = []
    with pytest.raises(NoOffer) as error:
        await anonymous.engine().launch(HELLO, "c", lambda *each: told.append(each))
    assert anonymous.machines()
    assert error.value.reasons
    assert all(SEARCH in reason for reason in error.value.reasons.values())
    assert not any(phase == "note" and SEARCH in sentence for phase, sentence in told)  # the error says it


async def test_a_plugin_that_breaks_in_a_launch(anonymous: World) -> None:
    """It may have done anything before it did."""
    cloud, account = anonymous.clouds["memory"]

    def breaks(self: Any, prepared: Any) -> Any:
        cloud.launch(self, prepared)
        raise RuntimeError("oops")

    anonymous.clouds["memory"] = (type("Wrong", (cloud,), {"launch": breaks}), account)
    with pytest.raises(NoOffer, match="oops") as error:
        await anonymous.engine().launch(HELLO, "c", quiet)
    assert anonymous.machines()
    assert SEARCH in error.value.message


async def test_a_launch_that_is_refused(anonymous: World) -> None:
    """A refusal leaves nothing, and nobody is sent to look."""
    for _ in range(100):
        anonymous.account.fail_next("launch", InsufficientCapacity("none left"))
    with pytest.raises(NoOffer) as error:
        await anonymous.engine().launch(HELLO, "c", quiet)
    assert SEARCH not in error.value.message


async def test_the_removal_of_an_interrupted_launch(anonymous: World) -> None:
    """The cluster is gone; the machine of which no answer is stored is not, and that is said."""
    with suppress(Killed):
        await anonymous.engine(AnswerLost()).launch(HELLO, "c", quiet)
    told: list[tuple[str, str]] = []
    await anonymous.engine().down("c", lambda *each: told.append(each))
    assert len(anonymous.machines()) == 1
    assert anonymous.record() is None
    assert any(phase == "note" and SEARCH in sentence for phase, sentence in told)
