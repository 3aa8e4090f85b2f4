"""What is read of large bodies, and made of it, apart from the event loop: they hold up nobody but each other.

Of one user they come one after the other, so that who sends many waits for them, and others for one of these at most.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ParamSpec, TypeVar

from fastapi import Depends, Request

from styx.server.auth.turns import Turns
from styx.threads import Pool

P = ParamSpec("P")
T = TypeVar("T")

_TURNS = Turns(1, 10_000)
_SMALL = 8192  # bytes, of which nothing takes long
_large = Pool(1, "styx-large")  # one: more would take turns with the event loop


async def apart(size: int, user: str, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What the call gives, or raises; in a thread if it works on more than a few KiB of this user's."""
    if size <= _SMALL:
        return call(*args, **kwargs)
    async with _TURNS.of(user):
        return await _large(call, *args, **kwargs)


class Apart:
    """``await apart(task_of, body, ...)``: for what is made of the body of one request."""

    def __init__(self, size: int, user: str) -> None:
        self.size = size
        self._user = user

    async def __call__(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the call gives, or raises."""
        return await apart(self.size, self._user, call, *args, **kwargs)


async def apart_of(request: Request) -> Apart:
    """For the request."""
    return Apart(len(await request.body()), request.state.caller.user)


ApartOf = Annotated[Apart, Depends(apart_of)]
