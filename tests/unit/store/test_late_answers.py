"""Attempts that several clients have to do with: what one has decided meanwhile counts for who comes late."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from styx.api.errors import ClusterBusy, StoreError
from styx.api.launch import Receipt
from styx.store import Store
from styx.store.records import AttemptRecord, AttemptState, Operation
from support.records import HOLDER, NOW, attempt, cluster

OPEN, SETTLED, TOMBSTONE, CLOSED = AttemptState
ANSWER = Receipt("t", {0: "m-1"})


def states(store: Store) -> dict[str, AttemptState]:
    """What has become of each attempt of ``c``, by token."""
    return {each.token: each.state for each in store.attempts.of("c")}


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize(
    ("kind", "other", "becomes"),
    [
        ("launch", SETTLED, OPEN),
        ("launch", OPEN, OPEN),
        ("launch", TOMBSTONE, TOMBSTONE),
        ("launch", CLOSED, TOMBSTONE),
        ("start", SETTLED, SETTLED),
    ],
)
def test_an_answer_for_an_owner_that_was_taken_up(
    store: Store, kind: str, other: AttemptState, becomes: AttemptState, closed: bool
) -> None:
    """It joins what the user has taken up, and only what is not in use is given up; whether its record went or not."""
    store.attempts.add(attempt("taken-up", kind="recovered", state=other))
    late = attempt("t", kind=kind)
    if closed:
        store.attempts.add(late)
        store.attempts.settle("t", CLOSED)
    ours = store.attempts.answered(late, ANSWER, NOW, HOLDER)
    assert ours == (becomes is not TOMBSTONE)
    assert states(store) == {"taken-up": other, "t": becomes}
    (found,) = (each for each in store.attempts.of("c") if each.token == "t")
    assert (found.receipt, found.called_at) == (ANSWER, NOW)


def test_another_owner_in_use_saves_nothing(store: Store) -> None:
    """A cluster of the same name that was launched anew has nothing to do with what came late."""
    mine = attempt("t")
    store.attempts.add(attempt("u", state=SETTLED, owner=replace(mine.owner, attempt="b456")))
    assert not store.attempts.answered(mine, ANSWER, NOW, HOLDER)
    assert states(store) == {"u": SETTLED, "t": TOMBSTONE}


@pytest.mark.parametrize(("present", "wanted"), [(TOMBSTONE, SETTLED), (SETTLED, TOMBSTONE), (OPEN, TOMBSTONE)])
def test_one_owner_is_not_wanted_and_given_up_at_once(
    store: Store, present: AttemptState, wanted: AttemptState
) -> None:
    """Whoever takes up or removes an orphan is refused when another client has decided otherwise a moment ago."""
    store.attempts.add(attempt("t", state=present))
    with pytest.raises(StoreError, match="decided otherwise"):
        store.attempts.add(attempt("found", kind="recovered", state=wanted))
    assert states(store) == {"t": present}


def held(store: Store, *attempts: AttemptRecord) -> None:
    """Cluster ``c``, in the hands of HOLDER, with these attempts."""
    store.clusters.create(cluster("c", operation=Operation("down", HOLDER, NOW + timedelta(hours=1))))
    for each in attempts:
        store.attempts.add(each)


def test_an_owner_is_given_up_as_a_whole(store: Store) -> None:
    """All that is not closed of it, with the error; or with no owner, all under the name, with the errors there are."""
    mine, error = attempt("t"), {"code": "transient", "message": "no"}
    other = attempt("u", owner=replace(mine.owner, attempt="b456"), error=error)
    held(store, mine, attempt("t2", state=SETTLED), attempt("t3", state=CLOSED), other)
    given_up = store.attempts.give_up("c", mine.owner, {"code": "busy", "message": "no"}, holder=HOLDER)
    assert given_up == [each for each in store.attempts.of("c") if each.state is TOMBSTONE]
    assert [each.token for each in given_up] == ["t", "t2"]
    assert store.attempts.given_up("c", mine.owner)
    assert not store.attempts.given_up("c", other.owner)
    store.attempts.give_up("c", holder=HOLDER)
    assert states(store) == {"t": TOMBSTONE, "t2": TOMBSTONE, "t3": CLOSED, "u": TOMBSTONE}
    assert store.attempts.of("c")[-1].error == error


def test_who_dies_while_giving_up_has_given_up_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner is never given up by halves, nor by somebody who has lost the cluster."""
    held(store, attempt("t"), attempt("t2"))
    with pytest.raises(ClusterBusy):
        store.attempts.give_up("c", holder=replace(HOLDER, id="another"))
    write, writes = store.attempts.give_up.__globals__["_write"], []

    def dies(connection: object, token: str, **changes: object) -> None:
        writes.append(token)
        if len(writes) > 1:
            raise KeyboardInterrupt
        write(connection, token, **changes)

    monkeypatch.setattr("styx.store.attempts._write", dies)
    with pytest.raises(KeyboardInterrupt):
        store.attempts.give_up("c", holder=HOLDER)
    assert writes == ["t", "t2"]
    assert states(store) == {"t": OPEN, "t2": OPEN}


def test_nothing_is_closed_over_an_answer_at_whatever_time(store: Store) -> None:
    """One that comes after a look counts, also where the clock was set back; and so does who took it up meanwhile."""
    store.attempts.add(attempt("t", state=TOMBSTONE, called_at=NOW))
    (read,) = store.attempts.of("c")
    store.attempts.answered(read, ANSWER, NOW - timedelta(hours=1), HOLDER)
    assert not store.attempts.close(read)
    (read,) = store.attempts.of("c")
    assert store.attempts.close(read)
    store.attempts.add(replace(read, state=SETTLED))
    assert not store.attempts.close(read)
    assert states(store) == {"t": SETTLED}


def test_only_who_holds_the_cluster_closes_what_is_its_own(store: Store) -> None:
    """Another client may use by now what this one saw to be gone."""
    store.clusters.create(cluster(operation=Operation("look", HOLDER, NOW)))
    store.attempts.add(attempt("t"))
    (read,) = store.attempts.of("c")
    with pytest.raises(ClusterBusy):
        store.attempts.close(read, holder=replace(HOLDER, id="another"))
    assert states(store) == {"t": OPEN}
    assert store.attempts.close(read, holder=HOLDER)
    assert states(store) == {"t": CLOSED}
