"""How a route has done what takes a while: put on record in the name of the caller, and told as a request."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends

from styx.server.auth.access import CallerOf, NoteOf, NumberOf
from styx.server.models import RequestOut
from styx.server.parts import PartsOf


class Submit:
    """Of one HTTP request. Under an Idempotency-Key it is found again that was put on record before."""

    def __init__(self, number: NumberOf, parts: PartsOf, caller: CallerOf, note: NoteOf) -> None:
        self._number = number or secrets.token_hex(8)
        self._requests = parts.requests
        self._user = caller.user
        self._note = note

    async def __call__(
        self, kind: str, arguments: Mapping[str, Any], values: Mapping[str, Mapping[str, str]] | None = None
    ) -> RequestOut:
        """``values`` are the secrets of its tasks, by position. Raises TooManyRequests, StoreError, Unavailable."""
        self._note(**({"cluster": arguments["cluster"]} if "cluster" in arguments else {}), number=self._number)
        return RequestOut.of(await self._requests.submit(self._number, kind, self._user, arguments, values))


SubmitOf = Annotated[Submit, Depends()]
