"""The first user, and the token by which this home's own user gets in."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from styx.api.errors import Conflict
from styx.server.auth import mint
from styx.store.access import Role, TokenNotFound, User
from styx.transports.process import user_name

if TYPE_CHECKING:
    from styx.store import Store

LOCAL = "server.json"


def local_token(store: Store, server: str, now: datetime) -> str:
    """A token for who can read ``server.json``: the user whose home it is, an administrator unless on record as less.

    It is good for as long as the server is: :func:`forget` revokes it, as the next server does for one that was killed.
    """
    text, token = mint(ensure_own(store, now), f"{LOCAL}-{server}", now)
    store.tokens.add(token)
    forget(store, but=token.id)
    return text


def ensure_own(store: Store, now: datetime) -> str:
    """The user of this home, made an administrator unless on record already."""
    name = user_name()
    if store.users.get(name) is None:
        with suppress(Conflict):  # another process has just done it
            store.users.add(User(name, Role.ADMIN, now))
    return name


def forget(store: Store, but: str = "") -> None:
    """Revoke the tokens of servers that are not on record (any more)."""
    living = {server.id for server in store.servers.list()}
    for token in store.tokens.list():
        server = token.name.removeprefix(f"{LOCAL}-")
        if token.name != server and server not in living and token.revoked_at is None and token.id != but:
            with suppress(TokenNotFound):
                store.tokens.revoke(token.id)
