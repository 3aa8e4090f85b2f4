"""What a server says no with before anything is done. Its clients raise the same errors.

::

    StyxError
    |-- Unauthenticated      401   no token, or one that is unknown, expired or revoked
    |-- Forbidden            403   the token's user, or its scopes, may not do that
    |-- NoSuchThing          404   no such address, request, token, user or file
    |-- WrongMethod          405   the address is there, and knows other methods
    |-- TooSlow              408   the body did not come in time
    |-- Clash                409   the same Idempotency-Key is being worked on; or the name is taken
    |-- TooLarge             413   the body, or the header (431), is larger than is taken
    |-- Elsewhere            421   another server has it; ``url`` says which
    |-- InvalidBody          422   a body or parameter of the wrong form; ``errors`` says where
    |-- TooManyRequests      429   too many at once; ``retry_after`` is in seconds
    |-- Unavailable          503   the server is starting or ending
    `-- NoRoom               507   the server's disk is full
"""

from __future__ import annotations

from typing import ClassVar

from styx.api.errors import BadInput, StyxError


class Refusal(StyxError):
    """Base of them. ``status`` is that of the HTTP answer."""

    code = "refused"
    status: ClassVar[int] = 400


class Unauthenticated(Refusal):
    """No token came with the request, or one that is not (any more) good for anything."""

    code = "unauthenticated"
    exit_code = 77
    status = 401


class Forbidden(Refusal):
    """The token is good, and its user or its scopes may not do that."""

    code = "forbidden"
    exit_code = 77
    status = 403


class NoSuchThing(Refusal, BadInput):
    """Nothing is there."""

    code = "no_such_thing"
    exit_code = 2
    status = 404


class WrongMethod(Refusal):
    """The address knows other methods."""

    code = "wrong_method"
    status = 405


class TooSlow(Refusal):
    """The body did not come in time."""

    code = "too_slow"
    exit_code = 75
    status = 408


class Clash(Refusal):
    """It is being done right now, or the name is taken."""

    code = "clash"
    exit_code = 75
    status = 409


class TooLarge(Refusal, BadInput):
    """More than the server takes."""

    code = "too_large"
    exit_code = 2
    status = 413


class Elsewhere(Refusal):
    """Another server that shares the database has it; ``url`` is that one's."""

    code = "elsewhere"
    exit_code = 74
    fields = ("url",)
    status = 421


class NoRoom(Refusal):
    """The disk of the server is full."""

    code = "no_room"
    exit_code = 74
    status = 507


class InvalidBody(Refusal, BadInput):
    """A body, parameter or header of the wrong form. ``errors`` has a sentence for each place."""

    code = "invalid_body"
    exit_code = 2
    fields = ("errors",)
    status = 422


class TooManyRequests(Refusal):
    """Too many of them in a short time, or at the same time; ``retry_after`` is in seconds."""

    code = "too_many_requests"
    exit_code = 75
    fields = ("retry_after",)
    status = 429


class Unavailable(Refusal):
    """The server is starting, or ending. Another try will do."""

    code = "unavailable"
    exit_code = 75
    status = 503
