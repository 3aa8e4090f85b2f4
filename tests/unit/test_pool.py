"""Pools of threads: a process that was forked has its own."""

from __future__ import annotations

import asyncio
import os
import warnings

from styx.threads import Pool


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
