"""Managed jobs: handed in once, started in turn within limits, changed only by who has taken them up last."""

from __future__ import annotations

from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from styx.api.errors import BadInput, JobNotFound, StoreError
from styx.store import Store
from styx.store.groups import OVER
from styx.store.managed import ENDED, TRANSITIONS, UNDER_WAY, JobQuery, Limits, ManagedState, Superseded, legal
from support.job_records import ANY, new_job, serve, started

S = ManagedState


@pytest.fixture(autouse=True)
def _server(store: Store) -> None:
    serve(store, "s")


def states(store: Store) -> dict[int, str]:
    """The state of each job by number."""
    return {job.id: job.state.value for job in store.jobs.page(JobQuery())}


# -- handing in


def test_handing_in_again_gives_the_same_jobs(store: Store) -> None:
    """The second time nothing is made and nothing happens; the jobs are as they are by then."""
    asked = [new_job(f"k/{rank}", rank=rank, size=3, group="g") for rank in range(3)]
    jobs = store.jobs.submit(asked)
    assert [(job.rank, job.state, job.created_at) for job in jobs] == [(r, S.PENDING, store.now()) for r in range(3)]
    store.jobs.cancel([jobs[1].id])
    assert [job.state for job in store.jobs.submit(asked)] == [S.PENDING, S.CANCELLED, S.PENDING]
    assert [event.kind for event in store.jobs.events(jobs[0].id)] == ["submitted"]
    assert len(store.jobs.page(JobQuery())) == 3


@pytest.mark.parametrize(
    "other",
    [
        [new_job("a", user="eve")],
        [new_job("a", "something else")],
        [new_job("a", task={"run": "false"})],
        [new_job("a"), new_job("b")],
        [new_job("a", size=2), new_job("b", size=2), new_job("c", size=2)],
        [new_job("a", size=2), new_job("b", size=2)],
    ],
)
def test_a_key_is_for_one_submission(store: Store, other: list[Any]) -> None:
    """Another user, more or fewer jobs, others, or in another order under a known key are refused; nothing is made."""
    store.jobs.submit([new_job("a", size=2), new_job("b", size=2, needs=(0,))])
    with pytest.raises(BadInput, match="used for another submission"):
        store.jobs.submit(other)
    assert len(store.jobs.page(JobQuery())) == 2


def test_jobs_that_need_each_other_are_refused(store: Store) -> None:
    """None of a circle could ever start, and the error names it."""
    with pytest.raises(BadInput, match=r"a -> b -> a|b -> a -> b"):
        store.jobs.submit([new_job("1", "a", needs=(1,)), new_job("2", "b", needs=(0,))])
    assert store.jobs.page(JobQuery()) == []


# -- turns


def test_the_highest_priority_goes_first_and_then_the_oldest(store: Store) -> None:
    """Whatever the order in which they were handed in."""
    for key, priority in (("a", 500), ("b", 900), ("c", 500), ("d", 100), ("e", 900)):
        store.jobs.submit([new_job(key, key, priority=priority)])
    assert [job.name for job in store.jobs.admit("s", Limits(at_once=4))] == ["b", "e", "a", "c"]
    assert store.jobs.admit("s", Limits(at_once=4)) == []
    assert [job.name for job in store.jobs.admit("s", Limits(at_once=9))] == ["d"]


def test_limits_are_of_servers_users_and_pools(store: Store) -> None:
    """Who has all they may is passed over, whoever works on it, and gets more when something of theirs has ended."""
    serve(store, "other")
    store.jobs.submit([new_job(f"{user}{n}", user=user, pool=pool) for n in range(4) for user, pool in USERS])
    limits = Limits(at_once=5, per_user=3, pools={"small": 1})
    first = store.jobs.admit("s", limits)
    assert sorted(job.user for job in first) == ["ada", "ada", "bob", "cleo", "cleo"]
    second = store.jobs.admit("other", limits)
    assert [job.user for job in second] == ["ada", "cleo"]  # bob's are all in the small pool
    mine = store.jobs.own(first[0].id, "s")
    store.jobs.move(mine.id, mine.epoch, S.FAILED)
    assert [job.user for job in store.jobs.admit("s", limits)] == ["ada"]


USERS = (("ada", ""), ("bob", "small"), ("cleo", "large"))


def test_only_a_server_on_record_starts_jobs(store: Store) -> None:
    """What a server that nobody knows took would be taken over by nobody."""
    store.jobs.submit([new_job("a")])
    with pytest.raises(Superseded, match="gone is not on record"):
        store.jobs.admit("gone", ANY)
    assert store.jobs.counts() == {"pending": 1}


# -- who may change what


def test_the_store_makes_legal_moves_and_refuses_all_others(store: Store) -> None:
    """For every pair of states it does what the table says; a refused move changes nothing."""
    for before, after in product(UNDER_WAY, S):
        job = started(store, f"{before} {after}")
        if before is not S.STARTING:
            job = store.jobs.move(job.id, job.epoch, before)
        events = store.jobs.events(job.id)
        if not legal(before, after):
            with pytest.raises(StoreError, match=f"cannot go from {before} to {after}"):
                store.jobs.move(job.id, job.epoch, after, cluster="changed")
            assert (store.jobs.get(job.id), store.jobs.events(job.id)) == (job, events)
            continue
        moved = store.jobs.move(job.id, job.epoch, after, reason="because", cluster="changed")
        assert store.jobs.get(job.id) == moved
        assert (moved.state, moved.cluster, moved.ended_at is not None) == (after, "changed", after in ENDED)
        new = [(e.kind, e.from_state, e.to_state, e.reason) for e in store.jobs.events(job.id)[len(events) :]]
        assert new == ([] if before is after else [("state", before, after, "because")])


def test_every_state_can_be_reached_and_all_but_the_last_left() -> None:
    """From pending every state comes about; those that are ends, and no others, lead nowhere."""
    assert set(TRANSITIONS) == set(S)
    assert {S.PENDING}.union(*TRANSITIONS.values()) == set(S)
    assert {state for state, after in TRANSITIONS.items() if not after} == ENDED


def test_a_job_that_waits_starts_by_its_turn_alone(store: Store) -> None:
    """Moving it by hand would give it to no server."""
    (job,) = store.jobs.submit([new_job("a")])
    with pytest.raises(StoreError, match="cannot go from pending to starting"):
        store.jobs.move(job.id, 0, S.STARTING)


def test_who_was_superseded_changes_nothing(store: Store) -> None:
    """A job that was taken up anew refuses every write of who had it before; the new one goes on from what is there."""
    old = started(store, "a")
    store.jobs.update(old.id, old.epoch, cluster="c", cost=Decimal("1.25"))
    new = store.jobs.own(old.id, "s")
    assert (new.epoch, new.cluster, new.cost) == (old.epoch + 1, "c", Decimal("1.25"))
    for late in (
        lambda: store.jobs.update(old.id, old.epoch, cluster="late"),
        lambda: store.jobs.move(old.id, old.epoch, S.RUNNING),
        lambda: store.jobs.own(old.id, "another"),
    ):
        with pytest.raises(Superseded):
            late()
    assert store.jobs.get(old.id) == new


def test_what_has_ended_never_changes(store: Store) -> None:
    """Its secrets are gone, taking it up again shows how it ended, and writes are refused."""
    job = started(store, "a", sealed="secret")
    assert job.sealed == "secret"
    ended = store.jobs.move(job.id, job.epoch, S.SUCCEEDED, outputs={"at": "s3://b"}, exit_code=0)
    assert (ended.sealed, ended.ended_at) == (None, store.now())
    assert store.jobs.own(job.id, "s") == ended
    for write in (store.jobs.update, lambda *given: store.jobs.move(*given, S.RUNNING)):
        with pytest.raises(StoreError):
            write(job.id, job.epoch)
    assert store.jobs.cancel([job.id]) == []
    assert store.jobs.get(job.id) == ended


def test_what_is_said_once_cannot_be_set(store: Store) -> None:
    """Nobody changes a job's user, state or server by the way."""
    job = started(store, "a")
    for name in ("user", "state", "server", "epoch", "sealed"):
        with pytest.raises(TypeError, match=name):
            store.jobs.update(job.id, job.epoch, **{name: "x"})


def test_the_first_start_is_remembered(store: Store, clock: Any) -> None:
    """However often it is recovered, a job's time counts from when it first ran."""
    job = started(store, "a")
    first = store.jobs.move(job.id, job.epoch, S.RUNNING)
    clock.advance(60)
    for state in (S.RECOVERING, S.RUNNING):
        job = store.jobs.move(job.id, job.epoch, state)
    assert first.started_at == job.started_at == first.updated_at


# -- cancelling


def test_what_waits_is_cancelled_at_once_and_what_runs_is_asked(store: Store) -> None:
    """The server that works on it hears of it, and the second time nothing more happens."""
    running = started(store, "a")
    (waiting,) = store.jobs.submit([new_job("b")])
    for _ in range(2):
        asked = store.jobs.cancel([waiting.id, running.id], reason="by ada")
        assert set(asked) - {waiting.id} == {running.id}
        assert store.jobs.cancelling("s") == [running.id]
    assert states(store) == {running.id: "starting", waiting.id: "cancelled"}
    assert [event.kind for event in store.jobs.events(running.id)].count("cancel") == 1
    last = store.jobs.events(waiting.id)[-1]
    assert (last.to_state, last.reason) == ("cancelled", "by ada")


@pytest.mark.parametrize("number", [7, 0, -1, 2**40, 2**70])
def test_unknown_jobs(store: Store, number: int) -> None:
    """They are named in the error, and of several jobs with an unknown one among them none is cancelled."""
    (job,) = store.jobs.submit([new_job("a")])
    for ask in (
        lambda: store.jobs.get(number),
        lambda: store.jobs.state(number),
        lambda: store.jobs.events(number),
        lambda: store.jobs.note(number, "x"),
        lambda: store.jobs.cancel([job.id, number]),
    ):
        with pytest.raises(JobNotFound, match=f"no managed job {number}"):
            ask()
    assert store.jobs.get(job.id) == job


def test_ends_of_jobs_that_waited_are_left_to_any_server(store: Store) -> None:
    """Until one tells of them; those of jobs that a server had are its own to tell of."""
    third = started(store, "c")
    first, second = store.jobs.submit([new_job("a"), new_job("b", needs=(0,))])
    store.jobs.cancel([first.id])
    store.jobs.move(third.id, third.epoch, S.FAILED)
    assert {job.id for job in store.jobs.untold()} == {first.id, second.id}
    for _ in range(2):
        store.jobs.told([first.id, third.id])
        assert [(job.id, store.jobs.state(job.id)) for job in store.jobs.untold()] == [(second.id, S.CANCELLED)]
    assert store.jobs.get(third.id).server == "s"


# -- jobs that need others


def diamond(store: Store) -> list[int]:
    """Four jobs, handed in from the last to the first: d needs b and c, which need a."""
    jobs = [
        new_job("d", "d", needs=(1, 2), group="g"),
        new_job("c", "c", needs=(3,), group="g"),
        new_job("b", "b", needs=(3,), group="g"),
        new_job("a", "a", group="g"),
    ]
    return [job.id for job in reversed(store.jobs.submit(jobs))]


def end(store: Store, number: int, state: S) -> None:
    """Let a job, which has its turn, end like this."""
    job = store.jobs.own(number, "s")
    store.jobs.move(number, job.epoch, state)


def test_a_job_starts_once_all_it_needs_have_succeeded(store: Store) -> None:
    """Not before, and at once then."""
    a, b, c, d = diamond(store)
    assert [store.jobs.get(n).waiting for n in (a, b, c, d)] == [0, 1, 1, 2]
    assert store.jobs.get(d).needs == tuple(sorted((b, c)))
    assert [job.id for job in store.jobs.admit("s", ANY)] == [a]
    end(store, a, S.SUCCEEDED)
    assert {job.id for job in store.jobs.admit("s", ANY)} == {b, c}
    end(store, c, S.SUCCEEDED)
    assert store.jobs.admit("s", ANY) == []
    end(store, b, S.SUCCEEDED)
    assert [job.id for job in store.jobs.admit("s", ANY)] == [d]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (S.FAILED, "failed"),
        (S.FAILED_SETUP, "failed in its setup"),
        (S.FAILED_NO_RESOURCES, "found no resources"),
    ],
)
def test_a_failure_cancels_what_needs_it(store: Store, state: S, words: str) -> None:
    """Once all that this needs have ended, with the reason in row and event; what does not need it goes on."""
    a, b, c, d = diamond(store)
    store.jobs.admit("s", ANY)
    end(store, a, S.SUCCEEDED)
    store.jobs.admit("s", ANY)
    end(store, b, state)
    assert states(store) == {a: "succeeded", b: state, c: "starting", d: "pending"}
    end(store, c, S.SUCCEEDED)
    assert states(store) == {a: "succeeded", b: state, c: "succeeded", d: "cancelled"}
    why = f"job {b} (b) {words}"
    assert (store.jobs.get(d).reason, store.jobs.events(d)[-1].reason) == (why, why)


def test_cancelling_what_waits_cancels_what_needs_it(store: Store) -> None:
    """Those that were asked for have no other's reason, and only they are in the answer."""
    a, b, c, d = diamond(store)
    assert store.jobs.cancel([a, d], reason="by ada") == sorted([a, d])
    assert [store.jobs.get(n).state for n in (a, b, c, d)] == [S.CANCELLED] * 4
    assert store.jobs.get(d).reason == "by ada"
    assert store.jobs.get(b).reason == f"job {a} (a) was cancelled"
    assert [len(store.jobs.events(n)) for n in (a, b, c, d)] == [2] * 4


@pytest.mark.parametrize("pruned", [False, True])
def test_ends_reach_as_far_as_they_decide(store: Store, pruned: bool) -> None:
    """A chain of conditions is decided on in one go, past what was cancelled, or even forgotten, in between."""
    whens = ["success", "failure", "success", "failure", "always"]
    jobs = [
        new_job(f"k{n}", f"n{n}", needs=(n - 1,) if n else (), group="g", task={"run": "true", "when": when})
        for n, when in enumerate(whens)
    ]
    ids = [job.id for job in store.jobs.submit([*jobs, new_job("x", "x", needs=(0,), group="g"), new_job("last")])]
    store.jobs.admit("s", Limits(at_once=1))
    store.jobs.cancel([ids[5]], reason="by ada")
    if pruned:
        store.pruning.jobs(store.now())
    assert len(store.jobs.page(JobQuery())) == 7 - pruned
    end(store, ids[0], S.SUCCEEDED)
    assert [store.jobs.get(number).state for number in ids[:5]] == [
        S.SUCCEEDED, S.SKIPPED, S.SKIPPED, S.SKIPPED, S.PENDING,
    ]  # fmt: skip
    assert [store.jobs.get(number).reason for number in ids[1:4]] == [
        "nothing has failed that it comes after",
        f"job {ids[1]} (n1) was left out",
        "nothing has failed that it comes after",
    ]
    assert store.jobs.events(ids[3])[-1].to_state == "skipped"
    assert {job.name for job in store.jobs.admit("s", ANY)} == {"train", "n4"}


# -- groups that end with some of their jobs


def group(store: Store) -> tuple[int, int, int, int]:
    """Two primary jobs and two others, of which one has 30 s to come to its end and the other has no time."""
    roles = [(False, 30.0), (True, None), (True, None), (False, 0.0)]
    jobs = [
        new_job(f"g{n}", f"g{n}", group="g", primary=primary, grace=grace) for n, (primary, grace) in enumerate(roles)
    ]
    slow, one, two, quick = (job.id for job in store.jobs.submit(jobs))
    return slow, one, two, quick


def test_the_others_of_a_group_end_with_its_primary_jobs(store: Store, clock: Any) -> None:
    """Once all of these have ended, as whatever: each in its time, and it is told of what became of it."""
    slow, one, two, quick = group(store)
    store.jobs.submit([new_job("other", group="g", primary=True, user="eve")])  # who could name hers as she likes
    store.jobs.admit("s", ANY)
    end(store, one, S.SUCCEEDED)
    assert store.jobs.cancelling("s") == []
    end(store, two, S.FAILED)
    assert store.jobs.cancelling("s") == [quick]
    assert [store.jobs.events(number)[-1].reason for number in (slow, quick)] == [
        "the primary jobs of its group have ended; it may go on for 30 s",
        "the primary jobs of its group have ended",
    ]
    clock.advance(30)
    assert store.jobs.cancelling("s") == [slow, quick]
    assert store.jobs.get(slow).reason == "the primary jobs of its group have ended"
    end(store, slow, S.FAILED)
    assert [store.jobs.get(number).good for number in (slow, one, two, quick)] == [True, True, False, False]


def test_what_waits_in_a_group_that_is_over_never_starts(store: Store) -> None:
    """It is no failure; somebody who cancels what still runs makes it one."""
    slow, one, two, quick = group(store)
    store.jobs.admit("s", Limits(at_once=1))
    assert store.jobs.cancel([one, two]) == [one, two]
    assert states(store) == {slow: "starting", one: "cancelled", two: "cancelled", quick: "cancelled"}
    assert (store.jobs.get(quick).reason, store.jobs.get(quick).good) == (OVER, True)
    store.jobs.cancel([slow])
    assert store.jobs.cancelling("s") == [slow]
    assert not store.jobs.get(slow).let_go


def test_notes_are_events_without_a_change(store: Store) -> None:
    """They come in order with the others, and of many the last are shown."""
    job = started(store, "a")
    for n in range(3):
        store.jobs.note(job.id, "attempt", f"number {n}")
    assert [event.reason for event in store.jobs.events(job.id, 2)] == ["number 1", "number 2"]
    assert store.jobs.get(job.id) == job
