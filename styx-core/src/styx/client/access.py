"""Who may use a server: its users and their tokens, asked for over HTTP. Answers are as the server sends them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from styx.client import local
from styx.client.login import Login, logged_in
from styx.client.remote.http import HUNG_UP, Http, ServerUnreachable, segment
from styx.client.wire import Unreadable
from styx.transports.process import user_name

Row = dict[str, Any]


class Access:
    """Users and tokens of one server. Every method raises :class:`styx.api.StyxError`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def me(self) -> Row:
        """Who the token's user is, what it may do, and which server this is."""
        return cast("Row", self._http.json("GET", "/v1/me"))

    def users(self) -> list[Row]:
        """All users, by name."""
        return list(self._http.pages("/v1/users"))

    def add_user(self, name: str, role: str) -> Row:
        """Add a user, who has no token yet. Raises Conflict."""
        return cast("Row", self._http.json("POST", "/v1/users", {"name": name, "role": role}))

    def change_user(self, name: str, **changes: object) -> Row:
        """Change ``role`` or ``disabled``. Raises UserNotFound."""
        return cast("Row", self._http.json("PATCH", f"/v1/users/{segment(name)}", changes))

    def remove_user(self, name: str) -> None:
        """Remove a user, with all tokens. Raises UserNotFound."""
        self._http.json("DELETE", f"/v1/users/{segment(name)}")

    def tokens(self) -> list[Row]:
        """The tokens that one may see: one's own, or for an administrator all."""
        return list(self._http.pages("/v1/tokens"))

    def create_token(self, name: str, user: str | None, scopes: tuple[str, ...], lifetime: float | None) -> Row:
        """Make a token; its text, under ``token``, is shown this once. ``lifetime`` is in seconds."""
        wanted = {"name": name, "user": user, "scopes": list(scopes), "lifetime": lifetime and int(lifetime)}
        return cast("Row", self._http.json("POST", "/v1/tokens", wanted))

    def revoke_token(self, number: str, *, alone: bool = False) -> None:
        """Let a token count no more, nor those made by it, unless it ``alone``. Idempotent. Raises TokenNotFound."""
        self._http.json("DELETE", f"/v1/tokens/{segment(number)}{'?alone=true' if alone else ''}")


def whoami() -> str:
    """The user whose jobs are one's own: at the server that one is logged in to, else on this machine."""
    login = logged_in()
    if login is None:
        return user_name()
    with access(login) as server:
        return str(server.me()["user"])


def greeted(login: Login) -> Row:
    """Who one is at a server that is not logged in to yet: where none answers, what to look at is its address."""
    try:
        with access(login) as server:
            return server.me()
    except (ServerUnreachable, Unreadable) as error:
        error.hint = "Look at the address: the host, the port, and whether it begins with http:// or https://."
        if HUNG_UP in error.message and login.url.startswith("http:"):
            error.hint = "It may speak https: name it by https://, with --fingerprint if its certificate is its own."
        raise


@contextmanager
def access(login: Login | None = None) -> Iterator[Access]:
    """Of the server that is named, or that one is logged in to; else of that of this home, started if need be."""
    login = login or logged_in()
    if login is None:
        server = local.ensure()
        login = Login(server.url, server.token, fingerprint=server.fingerprint)
    http = Http(login.url, login.token, login.fingerprint)
    try:
        yield Access(http)
    finally:
        http.close()
