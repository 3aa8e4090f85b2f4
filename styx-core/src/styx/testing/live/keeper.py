"""The process that outlives a lane: ``python -m styx.testing.live.keeper HOME CLOUD ACCOUNT DEADLINE LANE``.

It waits until its standard input ends, which it does when the lane has ended, however that came about, or until the
deadline (seconds since the epoch), by which it kills the lane (a process id). Then it removes what is on record.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from contextlib import suppress
from pathlib import Path

from styx.testing.live.lane import Place, epoch
from styx.testing.live.sweep import sweep


def main(home: str, cloud: str, account: str, deadline: str, lane: str) -> int:
    """Wait, then remove; 0 when nothing is left."""
    for ending in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(ending, signal.SIG_IGN)  # it ends by itself, when there is nothing left to keep
    ready, _, _ = select.select([sys.stdin], [], [], max(float(deadline) - epoch(), 0.0))
    if not ready:
        with suppress(ProcessLookupError):
            os.kill(int(lane), signal.SIGKILL)
    log = Path(home) / "keeper.log"

    def tell(sentence: str) -> None:
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{sentence}\n")

    swept = sweep(Place(Path(home), cloud, account), tell)
    for sentence in swept.left:
        tell(f"LEFT: {sentence}")
    return 1 if swept.left else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
