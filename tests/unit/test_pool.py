"""Pools of threads: a process that was forked has its own."""

from __future__ import annotations

import asyncio
import os
import threading
import warnings

import pytest

from styx import threads
from styx.api.errors import StoreError
from styx.threads import OffLoop, Pool


def test_a_fork_has_threads_of_its_own() -> None:
    """Those of its parent do not come along, and what is handed to them there is done nevertheless."""
    pool = Pool(1, "test")
    assert asyncio.run(pool(int, "7")) == 7
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads, which is what is tried
        child = os.fork()
    if child == 0:
        os._exit(asyncio.run(pool(int, "7")))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_a_store_that_does_not_answer_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while that is an error of the store, and others are asked meanwhile."""
    monkeypatch.setattr(threads, "_PATIENCE", 0.05)
    answer = threading.Event()

    async def ask() -> int:
        off_loop = OffLoop(inline=False)
        with pytest.raises(StoreError, match="has not answered"):
            await off_loop(answer.wait)
        return await off_loop(int, "7")

    try:
        assert asyncio.run(ask()) == 7
    finally:
        answer.set()
