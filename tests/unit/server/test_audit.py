"""What is on record of what was asked: all that changed something, and enough of what was refused or failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.responses import Response

from styx.api.errors import StoreError
from styx.server.auth import access
from styx.server.auth.access import Access
from styx.server.auth.tokens import mint
from styx.server.settings import Settings
from styx.store import Store
from styx.store.access import Role, User
from styx.testing.clock import FakeClock
from styx.threads import OffLoop

AT_ONCE = 3
OF_ALL_STRANGERS = 7
SECONDS = 10  # until there is room for another


@dataclass
class Door:
    """The door to an application that answers as the test says: with a status, or by raising."""

    store: Store
    clock: FakeClock
    answer: int | Exception = 201

    def __post_init__(self) -> None:
        self._access = Access(self._app, self.store, OffLoop(inline=True), self.clock, Settings())

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        if isinstance(self.answer, Exception):
            raise self.answer
        await Response(status_code=self.answer)(scope, receive, send)

    def token(self, user: str) -> str:
        """A new member's."""
        self.store.users.add(User(user, Role.MEMBER, self.clock.now()))
        text, kept = mint(user, "laptop", self.clock.now())
        self.store.tokens.add(kept)
        return text

    async def ask(
        self,
        token: str = "",
        what: str = "/v1/jobs",
        *,
        method: str = "POST",
        address: str = "192.0.2.1",
        times: int = 1,
    ) -> None:
        """So often, for the same."""
        path, _, query = what.partition("?")

        async def send(_message: Any) -> None:
            """Nobody reads it."""

        for _ in range(times):
            await self._access(
                {
                    "type": "http",
                    "method": method,
                    "path": path,
                    "query_string": query.encode(),
                    "client": (address, 1),
                    "headers": [(b"authorization", f"Bearer {token}".encode())],
                    "state": {"request": "r"},
                },
                send,  # type: ignore[arg-type]
                send,
            )

    def recorded(self) -> Counter[tuple[str, int]]:
        """How many entries there are, by user and status."""
        return Counter((entry.user, entry.status) for entry in self.store.audit.page(limit=1000))


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """One that has room for few."""
    monkeypatch.setattr(access, "REFUSALS", (1 / SECONDS, AT_ONCE))
    monkeypatch.setattr(access, "OF_STRANGERS", (1 / SECONDS, OF_ALL_STRANGERS))
    with Store.open(home=tmp_path) as store:
        yield Door(store, FakeClock())


async def test_nobody_fills_the_record_with_what_is_refused(door: Door) -> None:
    """Of one user some are on record, and more as time goes by; other users, statuses, and what is done, lose none."""
    ann, bob = door.token("ann"), door.token("bob")
    door.answer = 422
    await door.ask(ann, times=20)
    await door.ask(bob)
    door.answer = 403
    await door.ask(ann)
    door.answer = 201
    await door.ask(ann, times=20)
    assert door.recorded() == {("ann", 422): AT_ONCE, ("bob", 422): 1, ("ann", 403): 1, ("ann", 201): 20}
    door.answer = 422
    door.clock.advance(SECONDS)
    await door.ask(ann, times=20)
    assert door.recorded()["ann", 422] == AT_ONCE + 1


async def test_strangers_fill_it_from_no_number_of_addresses(door: Door) -> None:
    """Some of each address, as many of all together; users are on record all the same."""
    await door.ask(times=20)
    assert door.recorded() == {("", 401): AT_ONCE}
    for number in range(2, 30):
        await door.ask(address=f"192.0.2.{number}")
    assert door.recorded() == {("", 401): OF_ALL_STRANGERS}
    door.answer = 403
    await door.ask(door.token("ann"))
    assert door.recorded()["ann", 403] == 1
    door.clock.advance(SECONDS)
    await door.ask(address="192.0.2.99", times=20)
    assert door.recorded()["", 401] == OF_ALL_STRANGERS + 1


@pytest.mark.parametrize(
    ("error", "status"), [(ZeroDivisionError(), 500), (StoreError("x"), 503), (HTTPException(413), 413)]
)
async def test_what_fails_on_the_way_is_on_record_as_it_is_answered(door: Door, error: Exception, status: int) -> None:
    """It may have changed something; reading has not."""
    ann, door.answer = door.token("ann"), error
    for method in ("GET", "POST"):
        with pytest.raises(type(error)):
            await door.ask(ann, method=method)
    assert door.recorded() == {("ann", status): 1}


async def test_what_was_removed_from_a_store_is_on_record(door: Door) -> None:
    """The path alone would not tell it. No other query is kept: it may say anything."""
    ann = door.token("ann")
    await door.ask(ann, "/v1/storage/object?uri=s3%3A%2F%2Fbox%2Fa%20b&x=y", method="DELETE")
    await door.ask(ann, "/v1/clusters/dev?uri=s3%3A%2F%2Fbox", method="DELETE")
    told = [entry.path for entry in door.store.audit.page(limit=1000)]
    assert sorted(told) == ["/v1/clusters/dev", "/v1/storage/object?uri=s3://box/a b"]
