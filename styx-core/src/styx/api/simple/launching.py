"""Creating one machine after the other for a gang, and what is true when one of them fails.

What core is told decides what it does next, so it must be neither too little nor too much:

- *Nothing was made yet*: the error itself. It is repeated or leads elsewhere, by its class.
- *Later, not taken* (a rate limit, a connection that did not stand): ``NotYet``, and core calls again. The machines
  that are there are remembered by this object; after a crash their names tell.
- *Refused* (no stock, no quota): a receipt of the ranks that were taken, so that none of them is forgotten.
- *No answer*: ``OutcomeUnknown``; the names tell what came of it.

Where there are no names the id in the answer is a machine's only handle, and a crash loses what is not in a stored
receipt. So there a receipt names one machine, and core stores it and asks for the other ranks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from styx.api.cloud import Idempotency
from styx.api.errors import Conflict, NotYet, OutcomeUnknown, ProviderError, StyxError
from styx.api.launch import Prepared
from styx.api.simple.errors import translated
from styx.api.simple.machine import Order
from styx.api.simple.turn import Memory, Turn

if TYPE_CHECKING:
    from styx.api.simple.cloud import SimpleCloud

LATER = 1.0  # seconds until a request that was not taken is tried again, where nobody says how long
LAG = 5.0  # seconds at most between two looks for a machine whose name is taken and that is not listed


def launch(
    cloud: SimpleCloud, memory: Memory, turn: Turn, prepared: Prepared, order: Callable[[int], Order]
) -> dict[int, str]:
    """The ids of the machines by rank: of all, or of those that were taken first."""
    ids = memory.ordered(prepared.token)
    if ids is None:
        ids = _found(cloud, turn, prepared)
    try:
        for rank in prepared.ranks:
            if rank not in ids:
                if ids and cloud.traits.idempotency is Idempotency.NONE:
                    return ids
                turn.take(_progress(cloud, ids, prepared))
                ids[rank] = _create(cloud, prepared, rank, order(rank))
    except (NotYet, StyxError) as error:
        if isinstance(error, NotYet) or (isinstance(error, ProviderError) and error.retryable):
            memory.keep_ordered(prepared.token, ids)
            if isinstance(error, NotYet) or not ids:
                raise
            after = getattr(error, "retry_after", None) or LATER
            raise NotYet(after, f"{_progress(cloud, ids, prepared)}: {error.message}") from error
        memory.forget_ordered(prepared.token)
        if isinstance(error, OutcomeUnknown) or not ids:
            raise
        return ids
    memory.forget_ordered(prepared.token)
    return ids


def _found(cloud: SimpleCloud, turn: Turn, prepared: Prepared) -> dict[int, str]:
    """Where names are unique, the machines that an earlier call with these papers has made."""
    if cloud.traits.idempotency is not Idempotency.NAME:
        return {}
    turn.take("the next request")
    mine = cloud.owned(prepared.owner, cloud.listing())
    return {rank: machine.id for machine, rank in mine if rank in prepared.ranks and rank is not None}


def _create(cloud: SimpleCloud, prepared: Prepared, rank: int, order: Order) -> str:
    """Create one machine. Where its name is taken, by an earlier call or a slow one, it is that machine."""
    try:
        with translated(cloud.errors, f"creating {order.name}", writing=True):
            answer: object = cloud.create(order)
    except Conflict:
        if cloud.traits.idempotency is not Idempotency.NAME:
            raise
        for machine, its_rank in cloud.owned(prepared.owner, cloud.listing()):
            if its_rank == rank:
                return machine.id
        if cloud.traits.settle_after > 0:
            raise NotYet(min(cloud.traits.settle_after, LAG), f"{order.name} to be listed; its name is taken") from None
        raise
    if isinstance(answer, str | int) and not isinstance(answer, bool) and str(answer):
        return str(answer)
    raise OutcomeUnknown(
        f"creating {order.name}: create() returned {answer!r} instead of the machine's id",
        hint="Return the id that the provider's answer names, as text.",
    )


def _progress(cloud: SimpleCloud, ids: dict[int, str], prepared: Prepared) -> str:
    return f"{cloud.name} to take another order ({len(ids)} of {len(prepared.ranks)} are placed)"
