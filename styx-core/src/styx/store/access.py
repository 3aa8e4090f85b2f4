"""Who may use a server: users, their tokens, and what was done, as the store keeps them. No secret is among it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from styx.api.errors import BadInput, StyxError, Wire


class Role(StrEnum):
    """What a user may do: ``viewer`` looks, ``member`` also works with what is theirs, ``admin`` does everything."""

    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with a name, to whom tokens belong."""

    name: str
    role: Role
    created_at: datetime
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret, of which only the SHA-256 (of 256 random bits) is kept, as ``digest``.

    ``scopes`` narrow what its user's role allows: ``read``, ``write``, ``admin``; empty is all of it. ``maker`` is the
    id of the token by which it was made, if it was by one: it goes with that.
    """

    id: str
    user: str
    name: str
    digest: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    used_at: datetime | None = None
    maker: str | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One request that changed something or was refused; of ``method`` styx-server, one command at a home."""

    id: int
    at: datetime
    user: str
    token: str
    address: str
    method: str
    path: str  # and what it was about
    status: int
    request: str  # the request's id


class RequestState(StrEnum):
    """Where a request that takes a while is."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """Something that takes a while and goes on without the client: a launch, a stop, a removal.

    ``arguments`` is what it was asked with, secrets apart (``sealed``); ``result`` is what came of it once it has
    succeeded, and until it ends what is kept for who takes it up; ``error`` is there once it has failed.
    """

    id: str
    kind: str
    user: str
    state: RequestState
    created_at: datetime
    updated_at: datetime
    arguments: Mapping[str, object] = field(default_factory=dict)
    sealed: str | None = None
    server: str = ""
    epoch: int = 0
    cancelling: bool = False
    result: object = None
    error: Wire | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered under an idempotency key, to be answered again."""

    key: str
    user: str
    fingerprint: str  # SHA-256 of method, path and body
    status: int  # 0 while the first one is still being answered
    body: str
    created_at: datetime
    server: str = ""  # which answers it


class NotOwned(StyxError):
    """The cluster is another user's. ``cluster`` and ``user`` say which, and whose."""

    code = "not_owned"
    exit_code = 77
    fields = ("cluster", "user")


class UserNotFound(BadInput):
    """No user of that name is on record."""

    code = "user_not_found"


class TokenNotFound(BadInput):
    """No token of that id is on record."""

    code = "token_not_found"


class RequestNotFound(BadInput):
    """No request of that id is on record."""

    code = "request_not_found"
