"""What takes a while and goes on without the client that asked for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, insert, select, tuple_, update

from styx.api.errors import StoreError, Wire
from styx.store import schema
from styx.store.access import RequestNotFound, RequestRecord, RequestState
from styx.store.database import Database
from styx.store.managed import Superseded
from styx.store.rows import all_columns, brief_request, columns, plain, request_record
from styx.store.servers import require

_T = schema.requests
_BEGINNING = 1000  # characters of what one was asked with, which may be megabytes: the cluster is in them
_GET = select(_T).where(_T.c.id == bindparam("which"))
_LOCK = _GET.with_for_update()
_INSERT = insert(_T)
_UPDATE = update(_T).where(_T.c.id == bindparam("which"))
_BRIEF: list[ColumnElement[Any]] = [column for column in _T.c if column is not _T.c.arguments]
_BRIEF.append(func.substr(_T.c.arguments, 1, _BEGINNING).label("arguments"))
_NEWEST = select(*_BRIEF).order_by(_T.c.created_at.desc(), _T.c.id.desc()).limit(bindparam("most"))
_PLACE = select(_T.c.created_at).where(_T.c.id == bindparam("last"))
_OLDER = tuple_(_T.c.created_at, _T.c.id) < tuple_(bindparam("at"), bindparam("last"))
_MINE = (
    select(_T)
    .where(_T.c.server == bindparam("name"), _T.c.state == RequestState.RUNNING.value)
    .order_by(_T.c.created_at, _T.c.id)
)
_AT_WORK = _MINE.with_only_columns(_T.c.id, _T.c.cancelling)
_ENDED = select(_T.c.ended_at).where(_T.c.id == bindparam("which"))


class Requests:
    """Requests by id. Every method may raise StoreError; one that is given an unknown id, RequestNotFound."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, record: RequestRecord) -> RequestRecord:
        """Put a request on record, for ``record.server`` to work on. Raises Superseded when that was taken over.

        Idempotent: what has its id already is returned as it is.
        """
        with self._database.write() as connection:
            require(connection, record.server)
            if (there := connection.execute(_GET, {"which": plain(record.id)}).first()) is not None:
                return request_record(there)
            asked_with = {**_cluster(record.arguments), **record.arguments}
            connection.execute(_INSERT, all_columns(replace(record, arguments=asked_with)))
        return record

    def get(self, number: str) -> RequestRecord:
        """One request."""
        with self._database.read() as connection:
            return _found(connection.execute(_GET, {"which": plain(number)}).first(), number)

    def has_ended(self, number: str) -> bool:
        """Whether one request has ended; for who asks again and again."""
        with self._database.read() as connection:
            row = connection.execute(_ENDED, {"which": plain(number)}).first()
        if row is None:
            raise _unknown(number)
        return row.ended_at is not None

    def page(self, *, user: str | None = None, after: str | None = None, limit: int = 100) -> list[RequestRecord]:
        """Requests, of one user or of all, newest first; ``after`` is the id of the last one of the page before.

        Of what they were asked with only the cluster is there.
        """
        query, given = _NEWEST, {"most": limit, "last": plain(after or "")}
        if user is not None:
            query = query.where(_T.c.user == plain(user))
        with self._database.read() as connection:
            if after is not None:
                given["at"] = connection.scalar(_PLACE, given) or ""  # nothing is older than what is not on record
                query = query.where(_OLDER)
            return [brief_request(row) for row in connection.execute(query, given)]

    def own(self, number: str, server: str) -> RequestRecord:
        """Take up one of this server's requests: from now on only who names the new ``epoch`` may finish it.

        Raises Superseded when it is not this server's (any more). One that has ended is returned as it is.
        """
        with self._database.write() as connection:
            before = _locked(connection, number)
            if before.ended_at is not None:
                return before
            if before.server != server:
                raise Superseded(f"request {number} is not, or not any more, this server's")
            return self._write(connection, number, epoch=before.epoch + 1)

    def keep(self, number: str, epoch: int, result: Any) -> RequestRecord:
        """Keep what a request has come to, for whoever takes it up: it is its ``result`` until it ends.

        Raises Superseded when another has taken it up.
        """
        with self._database.write() as connection:
            before = _locked(connection, number)
            _require(before, epoch)
            return before if before.ended_at is not None else self._write(connection, number, result=result)

    def finish(
        self, number: str, epoch: int, state: RequestState, *, result: Any = None, error: Wire | None = None
    ) -> RequestRecord:
        """End a request, with what came of it. What it was asked with goes, its secrets too; the cluster stays.

        Raises Superseded when another has taken it up.

        Ending it again as the same changes nothing; as something else raises StoreError.
        """
        with self._database.write() as connection:
            before = _locked(connection, number)
            _require(before, epoch)
            if before.ended_at is not None and before.state is state:
                return before
            if before.ended_at is not None or state is RequestState.RUNNING:
                raise StoreError(f"request {number} cannot go from {before.state} to {state}")
            now, kept = self._database.now(connection), _cluster(before.arguments)
            return self._write(
                connection, number,
                state=state, result=result, error=error, arguments=kept, sealed=None, ended_at=now,
            )  # fmt: skip

    def cancel(self, number: str) -> RequestRecord:
        """Ask that a request ends, of the server that works on it. Idempotent; one that has ended stays as it is."""
        with self._database.write() as connection:
            before = _locked(connection, number)
            if before.ended_at is not None or before.cancelling:
                return before
            return self._write(connection, number, cancelling=True)

    def at_work(self, server: str) -> dict[str, bool]:
        """The ids of the requests that this server has to work on, oldest first, and whether each is to end."""
        with self._database.read() as connection:
            return {row.id: row.cancelling for row in connection.execute(_AT_WORK, {"name": server})}

    def under_way(self, server: str) -> list[RequestRecord]:
        """The requests that this server has to work on, oldest first, with what they were asked with."""
        with self._database.read() as connection:
            return [request_record(row) for row in connection.execute(_MINE, {"name": server})]

    def _write(self, connection: Connection, number: str, **changes: Any) -> RequestRecord:
        changes["updated_at"] = self._database.now(connection)
        connection.execute(_UPDATE, {"which": plain(number), **columns(changes)})
        return _locked(connection, number)


def _locked(connection: Connection, number: str) -> RequestRecord:
    return _found(connection.execute(_LOCK, {"which": plain(number)}).first(), number)


def _require(record: RequestRecord, epoch: int) -> None:
    if record.epoch != epoch:
        raise Superseded(f"request {record.id} was taken up anew: epoch {record.epoch}, and not {epoch}")


def _found(row: Any, number: str) -> RequestRecord:
    if row is None:
        raise _unknown(number)
    return request_record(row)


def _cluster(arguments: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in arguments.items() if name == "cluster"}


def _unknown(number: str) -> RequestNotFound:
    return RequestNotFound(f"no request {number!r}", hint="`GET /v1/requests` lists the requests there are.")
