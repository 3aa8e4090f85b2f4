"""Ending the processes of nodes, without waiting for it."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NoReturn

from styx.api import NotYet
from styx.builtin.local import processes
from styx.builtin.local.nodes import BY_USER, TERMINATING, LocalNode, NodeDirectory
from styx.builtin.local.processes import Process

GRACE = 2.0  # seconds that processes have to end before they are killed
_AGAIN = 0.02, 0.25  # seconds until another look at them, at first and when they take long


def end(
    alive: Mapping[str, Sequence[Process]],
    nodes: Sequence[LocalNode],
    state: str,
    directory: NodeDirectory,
    now: datetime,
) -> NoReturn:
    """Mark the nodes as being in ``state`` and ask ``alive`` to end; GRACE seconds later, kill them. Raises NotYet.

    When they were asked is what the marks say, so that it does not matter who calls again. A removal must not depend
    on writing them: on a full or read-only disk, or where there is no node to mark, it kills at once.
    """
    unasked = [node for node in nodes if node.state != state]
    waited = min(((now - node.since).total_seconds() for node in nodes if node.since is not None), default=GRACE)
    try:
        for node in unasked:
            directory.mark(node, state, BY_USER, now)
    except OSError:
        if state != TERMINATING:
            raise
        unasked, waited = [], GRACE
    targets = [process for group in alive.values() for process in group]
    if unasked:
        processes.send(targets, signal.SIGTERM)
        processes.send(targets, signal.SIGCONT)  # a stopped process would not see it
    elif waited >= GRACE:
        processes.send(targets, signal.SIGKILL)
    soonest, latest = _AGAIN
    again = soonest if unasked else min(max(waited / 2, soonest), latest)
    raise NotYet(again, f"{len(targets)} processes of {', '.join(sorted(alive))} to end")
