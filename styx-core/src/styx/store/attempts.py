"""Launch attempts: each intent is here before the provider is called, and stays until nothing of it can be left."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, insert, select, update

from styx.api.errors import ClusterNotFound, StoreError, Wire
from styx.api.launch import Receipt
from styx.api.names import Owner
from styx.store import schema
from styx.store.claims import holds, require_claim
from styx.store.clusters import locked
from styx.store.database import Database
from styx.store.records import AttemptRecord, AttemptState, Holder
from styx.store.rows import all_columns, attempt_record, columns

_T = schema.attempts
_LOCK = select(_T).where(_T.c.token == bindparam("key")).with_for_update()
_CLUSTER_OF = select(_T.c.cluster).where(_T.c.token == bindparam("key"))
_UPDATE = update(_T).where(_T.c.token == bindparam("key"))
_INSERT = insert(_T)
_OLDEST_FIRST = select(_T).order_by(_T.c.id)
_OF_CLUSTER = _OLDEST_FIRST.where(_T.c.cluster == bindparam("key"))

_WANTED = frozenset({AttemptState.OPEN, AttemptState.SETTLED})


class Attempts:
    """Attempts by token. Every method may raise StoreError; those that take a token do so when it is unknown."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, record: AttemptRecord, *, holder: Holder | None = None) -> None:
        """Commit an intent, before the provider is called.

        With ``holder``: raises ClusterBusy unless that holder holds the cluster, ClusterNotFound when it is gone.
        Adding the token of an open attempt again changes nothing: it is being resumed. One that has ended is opened
        anew (starting the same stopped nodes twice is the same intent), unless it was given up: raises StoreError.
        So do a tombstone for what is in use, and taking up what was given up.
        """
        with self._database.write(lazily=record.state is AttemptState.OPEN) as connection:
            self._database.alone(connection, _decision(record))
            if holder is not None:
                require_claim(locked(connection, record.cluster), holder)
            row = connection.execute(_LOCK, {"key": record.token}).first()
            if row is None:
                against = _WANTED if record.state is AttemptState.TOMBSTONE else {AttemptState.TOMBSTONE}
                if record.state is not AttemptState.OPEN and _others(connection, record) & against:
                    raise StoreError(f"another client has decided otherwise about {record.owner.name} meanwhile")
                connection.execute(_INSERT, all_columns(record))
                return
            present = attempt_record(row)
            in_use = record.state is AttemptState.TOMBSTONE and present.state is not AttemptState.CLOSED
            if present.state is AttemptState.TOMBSTONE or in_use or present.cluster != record.cluster:
                raise StoreError(f"attempt {record.token} of cluster {present.cluster!r} cannot be opened again")
            if present.state is not AttemptState.OPEN:
                connection.execute(_UPDATE, {"key": record.token, **all_columns(record)})

    def called(self, token: str, at: datetime, *, holder: Holder | None = None) -> None:
        """Note, before each call, that the provider may have been called at this time.

        With ``holder``: raises ClusterBusy unless that holder holds the cluster, ClusterNotFound when it is gone.
        Raises StoreError when the attempt is not open any more: another client has taken the cluster over and given
        it up, so the call must not be made.
        """
        with self._database.write() as connection:
            row = _claimed(connection, token, holder)
            if row is None:
                raise _unknown(token)
            if row.state != AttemptState.OPEN:
                raise StoreError(f"attempt {token} of cluster {row.cluster!r} is {row.state}; nothing was asked for")
            _write(connection, token, called_at=at)

    def answered(self, record: AttemptRecord, receipt: Receipt | None, at: datetime, holder: Holder) -> bool:
        """Store what the provider answered, though another client may have been at the attempt meanwhile.

        Without a receipt no answer came, and something may have been made all the same at this time. False when it was
        given up: what was made came too late for whoever looked for it. The attempt is a tombstone again, so that it is
        not lost, also when its record had gone already; but not where the owner is in use, because the user has taken
        up what was found of it. Where it was settled without this answer, or ``holder`` has lost the cluster to another
        client, a launch is open again, so that somebody looks for what is too much; and where there was an answer to
        the same call, both count: the second is kept as an intent of its own.
        """
        with self._database.write() as connection:
            self._database.alone(connection, _decision(record))
            held = _held(connection, record.cluster, holder)
            row = connection.execute(_LOCK, {"key": record.token}).first()
            present = None if row is None else attempt_record(row)
            before = AttemptState.CLOSED if present is None else present.state
            if before is AttemptState.CLOSED:
                others = _others(connection, record)
                before = AttemptState.SETTLED if others and others <= _WANTED else AttemptState.TOMBSTONE
            late = record.kind == "launch" and (before is AttemptState.SETTLED or not held)
            state = AttemptState.OPEN if before in _WANTED and late else before
            answer = replace(record, state=state, receipt=receipt, called_at=at)
            if present is None:
                connection.execute(_INSERT, all_columns(answer))
                return state in _WANTED
            first = present.receipt
            if first is not None and receipt is not None and dict(first.node_ids) != dict(receipt.node_ids):
                connection.execute(_INSERT, all_columns(replace(answer, token=_second(record.token))))
                receipt = first
            _write(connection, record.token, state=state, called_at=at, receipt=receipt or first)
            return state in _WANTED

    def settle(
        self, token: str, state: AttemptState, error: Wire | None = None, *, holder: Holder | None = None
    ) -> None:
        """Note what became of the attempt. Idempotent. A tombstone can only be closed: raises StoreError.

        Closing what has gone together with its cluster changes nothing.

        With ``holder``: raises ClusterBusy unless that holder holds the cluster, ClusterNotFound when it is gone.
        """
        with self._database.write(lazily=state is not AttemptState.TOMBSTONE) as connection:
            row = _claimed(connection, token, holder)
            if row is None and state is AttemptState.CLOSED:
                return
            if row is None:
                raise _unknown(token)
            if row.state == AttemptState.TOMBSTONE and state not in {AttemptState.TOMBSTONE, AttemptState.CLOSED}:
                raise StoreError(f"attempt {token} of cluster {row.cluster!r} was given up and cannot become {state}")
            told = {} if error is None else {"error": error}
            _write(connection, token, state=state, **told)

    def give_up(
        self, cluster: str, owner: Owner | None = None, error: Wire | None = None, *, holder: Holder
    ) -> list[AttemptRecord]:
        """Give up whatever is not closed of this owner, or of all under this cluster name: what is there of it must go.

        All of it or nothing; the attempts as they are then, oldest first. Without ``error`` the errors on record stay.
        Idempotent. Raises ClusterBusy unless ``holder`` holds the cluster, ClusterNotFound when it is gone.
        """
        with self._database.write() as connection:
            require_claim(locked(connection, cluster), holder)
            given_up = [
                replace(each, state=AttemptState.TOMBSTONE, error=each.error if error is None else error)
                for each in map(attempt_record, connection.execute(_OF_CLUSTER.with_for_update(), {"key": cluster}))
                if each.state is not AttemptState.CLOSED and owner in (None, each.owner)
            ]
            for each in given_up:
                _write(connection, each.token, state=each.state, error=each.error)
        return given_up

    def close(self, record: AttemptRecord, *, holder: Holder | None = None) -> bool:
        """Close an attempt of which nothing is left, as far as was seen; False when it may have been called since.

        ``record`` is the attempt as it was read before that was looked for.

        With ``holder``: raises ClusterBusy unless that holder holds the cluster, ClusterNotFound when it is gone.
        """
        with self._database.write(lazily=True) as connection:
            row = _claimed(connection, record.token, holder)
            if row is None or row.state == AttemptState.CLOSED:
                return True
            present = attempt_record(row)  # an answer changes it, whatever time it is
            if any(getattr(present, name) != getattr(record, name) for name in ("state", "called_at", "receipt")):
                return False
            _write(connection, record.token, state=AttemptState.CLOSED)
            return True

    def of(self, cluster: str, owner: Owner | None = None) -> list[AttemptRecord]:
        """All attempts on record for this cluster name, or those of one owner under it, oldest first."""
        found = self._select(_OLDEST_FIRST.where(_T.c.cluster == cluster))
        return [each for each in found if owner in (None, each.owner)]

    def open(self) -> list[AttemptRecord]:
        """Every attempt whose outcome is not known yet, oldest first."""
        return self._select(_OLDEST_FIRST.where(_T.c.state == AttemptState.OPEN.value))

    def late(self) -> set[str]:
        """The clusters with an intent of which it is not known yet what came of it."""
        return {attempt.cluster for attempt in self.open()}

    def given_up(self, cluster: str, owner: Owner) -> bool:
        """Whether whatever is there of this owner must go."""
        return any(each.state is AttemptState.TOMBSTONE for each in self.of(cluster, owner))

    def unclosed(self) -> list[AttemptRecord]:
        """Every attempt of which something may be there, oldest first."""
        return self._select(_OLDEST_FIRST.where(_T.c.state != AttemptState.CLOSED.value))

    def tombstones(self, cloud: str | None = None, account: str | None = None) -> list[AttemptRecord]:
        """Every attempt that was given up, oldest first: whatever appears of it must be terminated."""
        query = _OLDEST_FIRST.where(_T.c.state == AttemptState.TOMBSTONE.value)
        if cloud is not None:
            query = query.where(_T.c.cloud == cloud)
        if account is not None:
            query = query.where(_T.c.account == account)
        return self._select(query)

    def _select(self, query: Select[Any]) -> list[AttemptRecord]:
        with self._database.read() as connection:
            return [attempt_record(row) for row in connection.execute(query)]


def _claimed(connection: Connection, token: str, holder: Holder | None) -> Row[Any] | None:
    """The attempt, which nobody else can change until the transaction is over; None when it is unknown.

    With ``holder``: raises ClusterBusy unless that holder holds the cluster, ClusterNotFound when it is gone. The
    cluster is locked before its attempt, as everywhere: else two transactions could wait for each other.
    """
    cluster = None if holder is None else connection.scalar(_CLUSTER_OF, {"key": token})
    if cluster is not None:
        require_claim(locked(connection, cluster), holder)
    return connection.execute(_LOCK, {"key": token}).first()


def _others(connection: Connection, record: AttemptRecord) -> set[AttemptState]:
    """What has become of the owner's other intents.

    They are not locked: who has no cluster to lock before locks one attempt, lest two wait for each other.
    """
    attempts = [attempt_record(row) for row in connection.execute(_OF_CLUSTER, {"key": record.cluster})]
    return {each.state for each in attempts if each.owner == record.owner and each.token != record.token}


def _write(connection: Connection, token: str, **changes: Any) -> None:
    connection.execute(_UPDATE, {"key": token, **columns(changes)})


def _unknown(token: str) -> StoreError:
    return StoreError(f"no attempt {token} is on record")


def _decision(record: AttemptRecord) -> str:
    """What is decided by one client at a time, also where there is no cluster: whether the owner is wanted."""
    return f"owner/{record.owner.name}"


def _second(token: str) -> str:
    """A token that nothing is ever asked for with."""
    return f"{token}+{secrets.token_hex(4)}"


def _held(connection: Connection, cluster: str, holder: Holder) -> bool:
    try:
        return holds(locked(connection, cluster).operation, holder)
    except ClusterNotFound:
        return False
