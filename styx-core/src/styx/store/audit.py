"""What was done through the servers, and by whom. Entries never change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, insert, select

from styx.store import schema
from styx.store.access import AuditEntry
from styx.store.database import Database
from styx.store.rows import audit_entry, bounded, plain, write_time

_T = schema.audit
_INSERT = insert(_T)
_REFUSED = 400  # the HTTP status, or more
_TEXTS = ("user", "token", "address", "method", "path", "request")
_NEWEST = select(_T).order_by(_T.c.id.desc()).limit(bindparam("most"))


class Audit:
    """The audit log. Every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, entry: AuditEntry) -> AuditEntry:
        """Note a request that changed something or was refused. Its id and time are given here.

        Nobody waits for the disk to have one that was refused: else whoever is refused often would hold up all others.
        """
        values: dict[str, Any] = {name: plain(getattr(entry, name)) for name in _TEXTS}
        with self._database.write(lazily=entry.status >= _REFUSED) as connection:
            now = self._database.now(connection)
            row = {**values, "at": write_time(now), "status": entry.status}
            key = connection.execute(_INSERT, row).inserted_primary_key
        assert key is not None
        return replace(entry, id=key[0], at=now, **values)

    def page(self, *, user: str | None = None, after: int | None = None, limit: int = 100) -> list[AuditEntry]:
        """Entries, of one user or of all, newest first; ``after`` is the id of the last one of the page before."""
        query = _NEWEST
        if user is not None:
            query = query.where(_T.c.user == plain(user))
        if after is not None:
            query = query.where(_T.c.id < bounded(after))
        with self._database.read() as connection:
            return [audit_entry(row) for row in connection.execute(query, {"most": limit})]
