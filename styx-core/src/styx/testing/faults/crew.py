"""Several processes that each take the next piece of work as soon as they are done with one."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any, TypeVar

GivenT = TypeVar("GivenT")
MadeT = TypeVar("MadeT")

_work: Callable[[Any], Any] | None = None  # inherited by forking: what it closes over need not pickle


def shared_out(
    work: Callable[[GivenT], MadeT], pieces: Sequence[GivenT], processes: int
) -> Iterator[tuple[GivenT, MadeT]]:
    """What ``work`` makes of each piece, in the order in which they are done. Pieces and results must pickle.

    With one process it is this one. What was imported before is there in all of them: they are forked.
    """
    if processes <= 1 or len(pieces) <= 1:
        for piece in pieces:
            yield piece, work(piece)
        return
    global _work  # noqa: PLW0603 - how forked processes come by it
    _work = work
    gc.collect()
    gc.freeze()  # nothing that is here already needs to be looked at, and so copied, in any of them
    try:
        with ProcessPoolExecutor(min(processes, len(pieces)), get_context("fork")) as crew:
            asked = {crew.submit(_do, piece): piece for piece in pieces}
            try:
                for done in as_completed(asked):
                    yield asked[done], done.result()
            finally:
                crew.shutdown(cancel_futures=True)  # when nobody wants the rest any more
    finally:
        gc.unfreeze()
        _work = None


def _do(piece: Any) -> Any:
    assert _work is not None
    return _work(piece)


def processors() -> int:
    """How many processes can run at once here."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
