"""What an installation remembers: clusters, their nodes, every launch attempt, and what happened.

One SQLite file by default, PostgreSQL by URL. This package alone knows SQL; the rest of Styx sees the plain values of
``records.py``. It is synchronous: a write takes a fraction of a millisecond, and callers with an event loop may call it
from there. ``peek.py`` reads names with ``sqlite3`` alone, for shell completion.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from styx.store.store import Store

__all__ = ["Store"]


def __getattr__(name: str) -> object:
    """Import the store on first use, so that ``styx.store.peek`` and the records cost no SQLAlchemy."""
    if name != "Store":
        raise AttributeError(f"module 'styx.store' has no attribute {name!r}")
    from styx.store.store import Store

    globals()[name] = Store
    return Store
