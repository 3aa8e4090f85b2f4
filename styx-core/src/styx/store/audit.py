"""What was done through the servers, and by whom. Entries are only ever added."""

from __future__ import annotations

from sqlalchemy import bindparam, insert, select

from styx.store import schema
from styx.store.access import AuditEntry
from styx.store.database import Database
from styx.store.rows import audit_entry, plain, write_time

_T = schema.audit
_INSERT = insert(_T)
_NEWEST = select(_T).order_by(_T.c.id.desc()).limit(bindparam("most"))


class Audit:
    """The audit log. Every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, *, user: str, token: str, address: str, method: str, path: str, status: int, request: str
    ) -> AuditEntry:
        """Note a request that changed something or was refused."""
        texts = {"user": user, "token": token, "address": address, "method": method, "path": path, "request": request}
        values = {name: plain(text) for name, text in texts.items()}
        with self._database.write() as connection:
            now = self._database.now(connection)
            key = connection.execute(_INSERT, {**values, "at": write_time(now), "status": status}).inserted_primary_key
        assert key is not None
        return AuditEntry(id=key[0], at=now, status=status, **values)

    def page(self, *, user: str | None = None, after: int | None = None, limit: int = 100) -> list[AuditEntry]:
        """Entries, of one user or of all, newest first; ``after`` is the id of the last one of the page before."""
        query = _NEWEST
        if user is not None:
            query = query.where(_T.c.user == user)
        if after is not None:
            query = query.where(_T.c.id < after)
        with self._database.read() as connection:
            return [audit_entry(row) for row in connection.execute(query, {"most": limit})]
