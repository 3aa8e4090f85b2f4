"""Whoever writes about an attempt waits for whoever has its cluster, and keeps nothing from them meanwhile."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text

from styx.api.errors import StoreError
from styx.store import Store, database, schema
from styx.store.clusters import locked
from styx.store.records import AttemptState, Operation
from styx.store.rows import all_columns
from support import postgres
from support.records import HOLDER, NOW, attempt, cluster

WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
WRITES: dict[str, Callable[[Store], object]] = {
    "called": lambda store: store.attempts.called("t", NOW, holder=HOLDER),
    "answered": lambda store: store.attempts.answered(attempt("t"), None, NOW, HOLDER),
    "settle": lambda store: store.attempts.settle("t", AttemptState.SETTLED, holder=HOLDER),
    "give_up": lambda store: store.attempts.give_up("c", holder=HOLDER),
    "add": lambda store: store.attempts.add(attempt("t"), holder=HOLDER),
}


@pytest.fixture
def store(postgres_server: str) -> Iterator[Store]:
    """A store on PostgreSQL, which locks rows, with a cluster in the hands of HOLDER."""
    with Store.open(postgres.new_database(postgres_server, f"styx_{secrets.token_hex(4)}")) as opened:
        hour = timedelta(hours=1)
        opened.clusters.create(cluster("c", operation=Operation("launch", HOLDER, opened.now() + hour)))
        opened.attempts.add(attempt("t"))
        yield opened


@pytest.mark.parametrize("write", WRITES)
def test_a_cluster_is_locked_before_its_attempts(store: Store, write: str) -> None:
    """So no two clients ever wait for each other, of which the database would end one."""
    with ThreadPoolExecutor(1) as thread:
        with store._database.write() as connection:
            locked(connection, "c")
            writing = thread.submit(WRITES[write], store)
            _until_waiting(store, writing)
            connection.execute(text("SET LOCAL lock_timeout = '2s'"))
            connection.execute(text("SELECT * FROM attempts WHERE token = 't' FOR UPDATE")).one()
        assert writing.exception(10) is None


def test_a_late_answer_waits_for_who_takes_its_owner_up(store: Store) -> None:
    """Of two that decide about an owner at the same moment the second knows of the first, cluster or not."""
    store.clusters.remove("c", "")
    store.attempts.settle("t", AttemptState.CLOSED)
    found = attempt("found", kind="recovered", state=AttemptState.SETTLED)
    with ThreadPoolExecutor(1) as thread:
        with store._database.write() as connection:
            store._database.alone(connection, f"owner/{found.owner.name}")
            connection.execute(insert(schema.attempts), all_columns(found))
            answering = thread.submit(store.attempts.answered, attempt("t"), None, NOW, HOLDER)
            _until_waiting(store, answering)
        assert answering.result(10) is True


def _until_waiting(store: Store, work: Future[Any]) -> None:
    """Until a client waits for a lock, or does not have to."""
    waiting = False
    while not (waiting or work.done()):
        time.sleep(0.01)
        with store._database.read() as connection:  # each time another: within a transaction the answer stays
            waiting = bool(connection.scalar(WAITING))


@pytest.fixture
def impatient(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Another client of the same database, which waits for nobody longer than a second."""
    monkeypatch.setattr(database, "LOCK_WAIT", 1)
    with Store.open(store._database.url.render_as_string(hide_password=False)) as opened:
        yield opened


def test_an_answer_waits_for_no_other_attempt(store: Store, impatient: Store) -> None:
    """Answers for one owner that come at the same moment do not stop each other."""
    with store._database.write() as connection:
        connection.execute(text("SELECT * FROM attempts WHERE token = 't' FOR UPDATE")).one()
        assert impatient.attempts.answered(attempt("u"), None, NOW, HOLDER)


def test_a_lock_that_is_never_let_go(store: Store, impatient: Store) -> None:
    """Whoever waits for another client's transaction is told so after a while, and not to look at the password."""
    with store._database.write() as connection:
        locked(connection, "c")
        with pytest.raises(StoreError, match="stayed locked by another client"):
            impatient.clusters.renew("c", HOLDER, 60)


def test_a_client_that_stands_still_is_waited_for_no_longer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was suspended in the middle of a write loses what it had written, and others go on."""
    monkeypatch.setattr(database, "IDLE_WAIT", 1)

    def suspended(other: Store) -> None:
        with other._database.write() as connection:
            locked(connection, "c")
            assert store.clusters.renew("c", HOLDER, 60)

    with Store.open(store._database.url.render_as_string(hide_password=False)) as other:
        with pytest.raises(StoreError):
            suspended(other)
        assert other.clusters.get("c")
