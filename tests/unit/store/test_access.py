"""Users, tokens, the audit log, requests, and what was answered under idempotency keys."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from styx.api.errors import Conflict, StoreError
from styx.store import Store, tokens
from styx.store.access import (
    Answer,
    AuditEntry,
    RequestNotFound,
    RequestRecord,
    RequestState,
    Role,
    Token,
    TokenNotFound,
    User,
    UserNotFound,
)
from styx.store.answers import ABANDONED, Attempt
from styx.store.managed import Superseded
from support.job_records import TTL, serve
from support.plans import plans
from support.records import NOW

R = RequestState


def token(number: str, user: str = "ada", **changes: Any) -> Token:
    """A token; ``changes`` override."""
    return Token(
        **{"id": number, "user": user, "name": "laptop", "digest": "d", "scopes": (), "created_at": NOW, **changes}
    )


# -- users and tokens


def test_users(store: Store) -> None:
    """They are added once, changed, listed by name and forgotten."""
    store.users.add(User("eve", Role.VIEWER, NOW))
    ada = store.users.add(User("ada", Role.ADMIN, NOW))
    with pytest.raises(Conflict, match="'ada'"):
        store.users.add(User("ada", Role.MEMBER, NOW))
    assert store.users.get("ada") == ada
    assert store.users.update("eve", role=Role.MEMBER, disabled=True) == User("eve", Role.MEMBER, NOW, disabled=True)
    assert [user.name for user in store.users.list()] == ["ada", "eve"]
    store.users.remove("eve")
    assert store.users.get("eve") is None
    for change in (store.users.remove, store.users.update):
        with pytest.raises(UserNotFound, match="'eve'"):
            change("eve")


def test_a_name_that_is_given_again(store: Store) -> None:
    """Who has it next is told nothing that the one before was answered."""
    store.users.add(User("eve", Role.MEMBER, NOW))
    for user in ("eve", "ada"):
        store.answers.finish(attempt(store, user), 200, "for you")
    store.users.remove("eve")
    assert isinstance(store.answers.begin("eve", "k", "f", "s"), Attempt)
    assert isinstance(store.answers.begin("ada", "k", "f", "s"), Answer)


def test_tokens(store: Store, clock: Any) -> None:
    """They are found by id with all that was said of them, and revoked once; when that was does not change."""
    store.users.add(User("ada", Role.MEMBER, NOW))
    made = store.tokens.add(token("t", scopes=("read", "write"), expires_at=NOW))
    assert store.tokens.get("t") == made
    assert store.tokens.get("u\0") is None
    store.tokens.used("t")
    revoked = store.tokens.revoke("t")
    clock.advance(5)
    assert store.tokens.revoke("t") == revoked
    assert (revoked.used_at, revoked.revoked_at) == (NOW, NOW)
    with pytest.raises(TokenNotFound):
        store.tokens.revoke("u")


def test_tokens_are_read_in_pages(store: Store) -> None:
    """Oldest first, those of the same moment too; after one that is not there comes nothing."""
    store.users.add(User("ada", Role.ADMIN, NOW))
    for name in "cabd":
        store.tokens.add(token(name))
    seen: list[str] = []
    while page := store.tokens.list("ada", after=seen[-1] if seen else None, limit=2):
        seen += [each.id for each in page]
    assert seen == [*"abcd"]
    assert store.tokens.list(after="x") == []


def test_tokens_go_with_the_one_that_made_them(store: Store) -> None:
    """Whoever had one keeps none that they made with it, unless it is revoked alone; and it makes none any more."""
    store.users.add(User("ada", Role.MEMBER, NOW))
    for number, maker in (("a", None), ("b", "a"), ("c", "b"), ("d", "a"), ("e", None)):
        store.tokens.add(token(number, maker=maker))
    store.tokens.revoke("b", alone=True)
    assert [each.id for each in store.tokens.list() if each.revoked_at] == ["b"]
    store.tokens.revoke("a")
    assert [each.id for each in store.tokens.list() if each.revoked_at] == ["a", "b", "c", "d"]
    for gone in ("a", "z"):
        with pytest.raises(TokenNotFound):
            store.tokens.add(token("f", maker=gone))


def test_nobody_has_tokens_without_end(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those that are made by others only so many count at a time."""
    monkeypatch.setattr(tokens, "MOST", 3)
    store.users.add(User("ada", Role.MEMBER, NOW))
    store.tokens.add(token("a"))
    store.tokens.add(token("b", maker="a", expires_at=NOW))
    for number in "cd":
        store.tokens.add(token(number, maker="a"))
    with pytest.raises(Conflict, match="has 3 tokens"):
        store.tokens.add(token("e", maker="a"))
    store.tokens.revoke("d")
    assert store.tokens.add(token("e", maker="a"))


def test_there_is_always_an_administrator(store: Store) -> None:
    """The last one who may use the server keeps the role, and is not removed."""
    for name in ("ada", "eve", "bob"):
        store.users.add(User(name, Role.ADMIN, NOW))
    store.users.update("bob", disabled=True)
    store.users.update("eve", role=Role.MEMBER)
    for change in ({"role": Role.VIEWER}, {"disabled": True}):
        with pytest.raises(Conflict, match="last administrator"):
            store.users.update("ada", **change)
    with pytest.raises(Conflict, match="last administrator"):
        store.users.remove("ada")
    assert store.users.get("ada") == User("ada", Role.ADMIN, NOW)


def test_tokens_go_with_their_user(store: Store) -> None:
    """A user of the same name later does not get them, and nobody unknown can have one."""
    for name in ("ada", "eve"):
        store.users.add(User(name, Role.MEMBER, NOW))
        store.tokens.add(token(f"of {name}", name))
    store.tokens.add(token("made by eve", maker="of eve"))
    assert [each.id for each in store.tokens.list("eve")] == ["of eve"]
    store.users.remove("eve")
    assert [(each.id, each.revoked_at) for each in store.tokens.list()] == [("made by eve", NOW), ("of ada", None)]
    with pytest.raises(UserNotFound):
        store.tokens.add(token("t", "eve"))


# -- audit


def test_the_audit_log_is_read_in_pages(store: Store, clock: Any) -> None:
    """Newest first, of all or of one user, each page after the one before; times and ids are the store's."""
    for n in range(5):
        given = AuditEntry(0, NOW, ("ada", "eve")[n % 2], "t", "10.0.0.1", "POST", f"/v1/{n}\0", 202, "r")
        assert store.audit.add(given).at == clock()
        clock.advance(1)
    first = store.audit.page(limit=2)
    assert [entry.path for entry in first] == ["/v1/4\ufffd", "/v1/3\ufffd"]
    assert [entry.path[4] for entry in store.audit.page(after=first[-1].id)] == ["2", "1", "0"]
    assert [entry.path[4] for entry in store.audit.page(user="ada", after=2**70)] == ["4", "2", "0"]


# -- requests


def ask(store: Store, number: str, **changes: Any) -> RequestRecord:
    """A request of server s; ``changes`` override."""
    now = store.now()
    given = {"user": "ada", "arguments": {"task": {"run": "x"}}, "server": "s", **changes}
    return store.requests.create(
        RequestRecord(number, "launch", state=R.RUNNING, created_at=now, updated_at=now, **given)
    )


def test_a_request_is_worked_on_and_ends_once(store: Store) -> None:
    """Its secrets go then; ending it again as the same is nothing new, and as something else is refused."""
    serve(store, "s")
    made = ask(store, "r", sealed="secret")
    assert store.requests.get("r") == made
    mine = store.requests.own("r", "s")
    done = store.requests.finish("r", mine.epoch, R.SUCCEEDED, result={"jobs": [1, None]})
    assert (done.state, done.sealed, done.result, done.ended_at) == (
        R.SUCCEEDED,
        None,
        {"jobs": [1, None]},
        store.now(),
    )
    assert store.requests.finish("r", mine.epoch, R.SUCCEEDED) == done
    assert store.requests.own("r", "s") == store.requests.cancel("r") == done
    assert (store.requests.under_way("s"), store.requests.at_work("s")) == ([], {})
    with pytest.raises(StoreError, match="cannot go from succeeded to failed"):
        store.requests.finish("r", mine.epoch, R.FAILED, error={"code": "error", "message": "late"})


def test_who_was_superseded_ends_no_request(store: Store) -> None:
    """The one that took it up last does."""
    serve(store, "s")
    ask(store, "r")
    old, new = store.requests.own("r", "s"), store.requests.own("r", "s")
    with pytest.raises(Superseded):
        store.requests.finish("r", old.epoch, R.SUCCEEDED)
    assert store.requests.finish("r", new.epoch, R.FAILED, error={"code": "x", "message": "m"}).error is not None


def test_a_request_is_cancelled_by_who_works_on_it(store: Store) -> None:
    """Its server hears of it until it has ended, and who asks again and again is told that alone."""
    serve(store, "s")
    ask(store, "r")
    ask(store, "other")
    mine = store.requests.own("r", "s")
    assert store.requests.cancel("r").cancelling
    assert store.requests.at_work("s") == {"r": True, "other": False}
    assert not store.requests.has_ended("r")
    store.requests.finish("r", mine.epoch, R.CANCELLED)
    assert store.requests.at_work("s") == {"other": False}
    assert store.requests.has_ended("r")
    for question in (store.requests.get, store.requests.has_ended, store.requests.cancel):
        with pytest.raises(RequestNotFound):
            question("unknown\0")


def test_of_what_was_asked_with_the_cluster_stays(store: Store) -> None:
    """A page reads nothing else of it, however long it is, and nobody needs the rest once the request has ended."""
    serve(store, "s")
    ask(store, "named", arguments={"task": {"run": "x" * 100_000}, "cluster": "dev"})
    ask(store, "other", arguments={"dag": "x" * 100_000})
    assert {each.id: each.arguments for each in store.requests.page()} == {"named": {"cluster": "dev"}, "other": {}}
    assert len(str(store.requests.under_way("s"))) > 200_000
    for number in ("named", "other"):
        store.requests.finish(number, store.requests.own(number, "s").epoch, R.SUCCEEDED)
    assert [store.requests.get(number).arguments for number in ("named", "other")] == [{"cluster": "dev"}, {}]


def test_requests_are_read_in_pages(store: Store, clock: Any) -> None:
    """Newest first, also those of the same moment, of all or of one user, each page after the one before."""
    serve(store, "s")
    for n in range(6):
        ask(store, f"r{n}", user=("ada", "eve")[n % 2])
        clock.advance(n % 3)
    everything = store.requests.page()
    assert [each.created_at for each in everything] == sorted((each.created_at for each in everything), reverse=True)
    for user in (None, "ada"):
        seen: list[str] = []
        while page := store.requests.page(user=user, after=seen[-1] if seen else None, limit=2):
            seen += [each.id for each in page]
        assert seen == [each.id for each in everything if user in (None, each.user)]
    assert store.requests.page(after="unknown") == []


def test_no_page_is_sorted_for_or_scanned(store: Store) -> None:
    """However much there is: a page of the log or of requests is found by an index, in its order."""
    serve(store, "s")
    ask(store, "r")
    with plans(store) as steps:
        for user, after in product((None, "ada"), (None, 1)):
            store.audit.page(user=user, after=after)
            store.requests.page(user=user, after=after and "r")
    assert [step for step in steps if "TEMP B-TREE" in step] == []
    whole = ["SCAN audit", "SCAN requests USING INDEX ix_requests_created_at"]  # from the beginning, to the limit
    assert sorted(step for step in steps if step.startswith("SCAN")) == whole


def test_a_token_takes_the_place_of_one_that_nobody_was_told_of(store: Store) -> None:
    """It has that one's id, user and maker, and comes again; where that was used, or is another's, it is refused."""
    made = Token("1", "ada", "laptop", "d1", (), NOW, None)
    store.users.add(User("ada", Role.MEMBER, NOW))
    store.tokens.add(made)
    with pytest.raises(Conflict):
        store.tokens.add(replace(made, digest="d2"))
    store.tokens.add(replace(made, digest="d2"), again=True)
    assert store.tokens.list() == [replace(made, digest="d2")]
    store.users.add(User("eve", Role.MEMBER, NOW))
    with pytest.raises(Conflict):
        store.tokens.add(replace(made, user="eve"), again=True)
    store.tokens.used("1")
    with pytest.raises(Conflict):
        store.tokens.add(replace(made, digest="d3"), again=True)


# -- answers


def attempt(store: Store, user: str = "ada", server: str = "s") -> Attempt:
    """To answer what came under the key "k"."""
    begun = store.answers.begin(user, "k", "f", server)
    assert isinstance(begun, Attempt)
    return begun


def test_what_was_answered_is_answered_again(store: Store, clock: Any) -> None:
    """While the first is still being answered the others see that, and each user has keys of their own."""
    serve(store, "s")
    first = attempt(store)
    assert store.answers.begin("ada", "k", "f", "s") == Answer("k", "ada", "f", 0, "", NOW, "s")
    assert not attempt(store, "eve").again
    store.answers.finish(first, 202, "{}")
    store.answers.finish(first, 500, "late")
    store.answers.drop(first)
    clock.advance(ABANDONED.total_seconds())
    assert store.answers.begin("ada", "k", "other", "s") == Answer("k", "ada", "f", 202, "{}", NOW, "s")


def test_what_nobody_answers_is_for_the_next(store: Store, clock: Any) -> None:
    """At once where the first says that nothing was done, else when it has had time enough: it may have been done."""
    serve(store, "s", expires_at=NOW + timedelta(days=1))
    store.answers.drop(attempt(store))
    slow = attempt(store)
    clock.advance(ABANDONED.total_seconds())
    second = attempt(store)
    assert (slow.again, second.again) == (False, True)
    store.answers.drop(slow)  # that is the second one's to say by now, though the server is the same
    store.answers.finish(slow, 500, "late")
    assert store.answers.begin("ada", "k", "f", "s") == Answer("k", "ada", "f", 0, "", second.at, "s")


def test_what_a_dead_server_had_begun_is_for_the_next(store: Store, clock: Any) -> None:
    """As soon as it is known to be dead; what it still says of it counts no more."""
    serve(store, "dead")
    first = attempt(store, server="dead")
    serve(store, "s")
    assert isinstance(store.answers.begin("ada", "k", "f", "s"), Answer)
    clock.advance(TTL)
    second = attempt(store)
    assert second.again
    store.answers.drop(first)
    store.answers.finish(first, 500, "late")
    store.answers.finish(second, 202, "{}")
    assert store.answers.begin("ada", "k", "f", "s") == Answer("k", "ada", "f", 202, "{}", second.at, "s")


def test_a_request_is_put_on_record_once(store: Store) -> None:
    """What is asked for again under its id is the one that is there, however far it has come."""
    serve(store, "s")
    ask(store, "r")
    mine = store.requests.own("r", "s")
    assert ask(store, "r", arguments={"task": {"run": "y"}}) == mine
