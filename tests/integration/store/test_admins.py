"""Who may use the servers, changed by several at the same moment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from threading import Barrier

from styx.api.errors import Conflict
from styx.store import Store
from styx.store.access import Role, Token, TokenNotFound, User


def test_two_administrators_do_not_leave_none(store: Store) -> None:
    """Each takes the other's role, or removes them, at the same moment: of the two one stays."""
    now, together = datetime.now(UTC), Barrier(2)

    def against(other: str, turn: int) -> None:
        together.wait()
        with suppress(Conflict):
            if turn % 2:
                store.users.remove(other)
            else:
                store.users.update(other, role=Role.MEMBER)

    with ThreadPoolExecutor(2) as threads:
        for turn in range(10):
            names = f"a{turn}", f"b{turn}"
            for name in names:
                store.users.add(User(name, Role.ADMIN, now))
            for each in store.users.list():
                if each.name not in names:
                    store.users.remove(each.name)
            list(threads.map(against, names, (turn, turn)))
            assert [user.role for user in store.users.list()].count(Role.ADMIN) == 1


def test_a_token_that_is_revoked_leaves_none(store: Store) -> None:
    """Not even one that it makes at the same moment."""
    now, together = datetime.now(UTC), Barrier(2)
    store.users.add(User("ada", Role.MEMBER, now))

    def make(number: str, maker: str) -> None:
        together.wait()
        with suppress(TokenNotFound):
            store.tokens.add(Token(number, "ada", "t", "d", (), now, maker=maker))

    def revoke(number: str) -> None:
        together.wait()
        store.tokens.revoke(number)

    with ThreadPoolExecutor(2) as threads:
        for turn in range(10):
            store.tokens.add(Token(f"t{turn}", "ada", "t", "d", (), now))
            made, revoked = threads.submit(make, f"u{turn}", f"t{turn}"), threads.submit(revoke, f"t{turn}")
            made.result()
            revoked.result()
    assert all(token.revoked_at for token in store.tokens.list("ada"))
