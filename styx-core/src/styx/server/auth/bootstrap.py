"""The first user, and the token by which this home's own user gets in."""

from __future__ import annotations

import socket
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from styx.api.errors import Conflict
from styx.server.auth.tokens import mint
from styx.store.access import Role, User
from styx.transports.process import user_name

if TYPE_CHECKING:
    from styx.store import Store


def local_token(store: Store, home: Path, now: datetime) -> str:
    """A token for who can read ``server.json``: the user whose home it is, an administrator unless on record as less.

    It is good until :func:`forget`, or until another server of this home begins: that of one which was killed is not
    good for longer.
    """
    forget(store, home)
    text, token = mint(ensure_own(store, now), _called(home), now)
    store.tokens.add(token)
    return text


def ensure_own(store: Store, now: datetime) -> str:
    """The user of this home, made an administrator unless on record already."""
    name = user_name()
    if store.users.get(name) is None:
        with suppress(Conflict):  # another process has just done it
            store.users.add(User(name, Role.ADMIN, now))
    return name


def forget(store: Store, home: Path) -> None:
    """Revoke the tokens of servers of this home; what was made by them is made for longer. Idempotent."""
    for token in store.tokens.list(user_name()):
        if token.name == _called(home) and token.revoked_at is None:
            store.tokens.revoke(token.id, alone=True)


def _called(home: Path) -> str:
    place = f"{socket.gethostname()}:{home.absolute()}"
    return f"server.json-{sha256(place.encode()).hexdigest()[:12]}"
