"""Idempotency keys, where a request comes in part, or from nobody. The rest is tried at a real server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from styx.sealing import Sealer
from styx.server.auth.access import OPEN
from styx.server.auth.tokens import Caller, Level
from styx.server.http.repeats import Repeats
from styx.store import Store
from styx.store.access import Answer, Role
from styx.threads import OffLoop

ANN = Caller("ann", Role.MEMBER, "t", Level.WRITE)
WHOLE = {"type": "http.request", "body": b"{}", "more_body": False}
PART, BROKEN = {**WHOLE, "more_body": True}, {"type": "http.disconnect"}


async def statuses(
    store: Store, path: str, caller: Caller | None, *messages: dict[str, Any], said: bytes = b"done"
) -> list[int]:
    """Those of the answers to a POST with a key, of whose body these come."""
    left, found = [*messages], list[int]()

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 201})
        await send({"type": "http.response.body", "body": said})

    async def receive() -> dict[str, Any]:
        return left.pop(0)

    async def send(message: dict[str, Any]) -> None:
        found.extend(each for name, each in message.items() if name == "status")

    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"idempotency-key", b"one")], "state": {"request": "r"} | ({"caller": caller} if caller else {}),
    }  # fmt: skip
    await Repeats(app, store, Sealer(bytes(32)), OffLoop(inline=True), lambda: "s")(scope, receive, send)
    return found


async def test_a_body_that_breaks_off_uses_up_no_key(tmp_path: Path) -> None:
    """Nothing is done of it, whatever it says by then, and the whole one may come under the same key."""
    with Store.open(home=tmp_path) as store:
        with pytest.raises(HTTPException) as refused:
            await statuses(store, "/v1/clusters", ANN, PART, BROKEN)
        assert refused.value.status_code == 400
        assert await statuses(store, "/v1/clusters", ANN, PART, WHOLE) == [201]


async def test_of_a_long_answer_it_is_kept_that_there_was_one(tmp_path: Path) -> None:
    """Nothing is done twice, and a short question fills no database."""
    with Store.open(home=tmp_path) as store:
        assert await statuses(store, "/v1/clusters", ANN, WHOLE, said=b"x" * 300_000) == [201]
        assert await statuses(store, "/v1/clusters", ANN, WHOLE) == [409]
        kept = store.answers.begin("ann", "one", "", "s")
        assert isinstance(kept, Answer)
        assert len(kept.body) < 1000
        assert "(201, request r)" in Sealer(bytes(32)).unseal(kept.body, "answer:ann:one")


@pytest.mark.parametrize("path", sorted(OPEN))
async def test_keys_of_nobody_mean_nothing(tmp_path: Path, path: str) -> None:
    """At addresses without a token there is no user to keep an answer for."""
    with Store.open(home=tmp_path) as store:
        assert await statuses(store, path, None, WHOLE) == [201]
