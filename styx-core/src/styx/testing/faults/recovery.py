"""A database that is lost, and what a user does then: ``styx recover``, for all that carries our name."""

from __future__ import annotations

from pathlib import Path

from styx.api import ClusterBusy
from styx.engine.engine import Engine
from styx.store.peek import DATABASE_NAME
from styx.testing.faults.client import quiet


def lose_database(home: Path) -> None:
    """Delete the database of an installation, and whatever SQLite keeps beside it; the rest of its home stays."""
    for path in home.glob(f"{DATABASE_NAME}*"):
        path.unlink()


async def recover(engine: Engine) -> str:
    """Take up what can be a cluster, and remove the rest; what it came to, in a sentence.

    Of two attempts of one cluster the second cannot have its name: it is removed. What nobody can attribute is shown,
    and left alone.
    """
    taken, removed = [], []
    for orphan in (await engine.orphans()).orphans:
        if orphan.owner is None or orphan.given_up:
            continue
        try:
            if orphan.nodes:
                taken.append((await engine.adopt(orphan)).name)
                continue
        except ClusterBusy:
            pass
        await engine.discard(orphan, quiet)
        removed.append(orphan.name)
    return f"took up {', '.join(taken) or 'nothing'}" + (f", removed {', '.join(removed)}" if removed else "")
