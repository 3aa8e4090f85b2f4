"""``styx-server user``, ``token`` and ``forget-key``: straight on the store, for who has the home."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from styx.store import Store

ROLES = ("viewer", "member", "admin")
SCOPES = ("read", "write", "admin")
MOST_DAYS = 3650


def add_to(cli: click.Group) -> None:
    """Add the commands."""
    cli.add_command(user)
    cli.add_command(token)
    cli.add_command(forget_key)


def _store() -> Store:
    """The store of the home. One that is made for this is told of: the home may not be the one that was meant."""
    from styx.config import home, load_config
    from styx.store import Store
    from styx.store.peek import DATABASE_NAME

    url, place = load_config().database, home()
    is_new = url is None and not (place / DATABASE_NAME).exists()
    store = Store.open(url, home=place)
    if is_new:
        click.echo(f"{place} had no installation of Styx; one was begun there now.", err=True)
    return store


def _note(store: Store, what: str) -> None:
    """Put on record what was done here, beside what is done through the servers: who has the home needs no token."""
    from socket import gethostname

    from styx.store.access import AuditEntry
    from styx.transports.process import user_name

    path = f"{what} (by {user_name()} on {gethostname()})"
    store.audit.add(AuditEntry(0, store.now(), "", "", "", "styx-server", path, HTTPStatus.OK, ""))


class Span(click.ParamType[timedelta]):
    """A length of time with its unit: ``90s``, ``30m``, ``12h``, ``7d``."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The time, of ten years at most. Raises click.BadParameter."""
        from styx.words import span

        if isinstance(value, timedelta):
            return value
        seconds = span(value)
        if seconds is None or seconds > MOST_DAYS * 86400:
            self.fail(f"{value!r} is no time such as 90s, 30m, 12h or 7d, of at most {MOST_DAYS}d", param, ctx)
        return timedelta(seconds=seconds)


def _time(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M:%SZ}" if time else "never"


def _table(*rows: Sequence[str]) -> None:
    """Print columns as the command line does, which this program does without."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@click.group()
def user() -> None:
    """Users of the server, and what they may do."""


@user.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), default="member", show_default=True)
def user_add(name: str, role: str) -> None:
    """Add a user. A viewer looks, a member works with what is theirs, an admin does everything."""
    from styx.server.auth.tokens import check_user
    from styx.store.access import Role, User

    with _store() as store:
        store.users.add(User(check_user(name), Role(role), datetime.now(UTC)))
        _note(store, f"user add {name} --role {role}")
    click.echo(f"Added {name}. `styx-server token create --user {name}` makes a token.")


@user.command("list")
def user_list() -> None:
    """List the users."""
    with _store() as store:
        rows = [
            (each.name, each.role, "disabled" if each.disabled else "ok", _time(each.created_at))
            for each in store.users.list()
        ]
    _table(("NAME", "ROLE", "STATE", "CREATED"), *rows)


@user.command("set")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES))
@click.option("--disable/--enable", "disabled", default=None, help="Whether tokens of the user are refused.")
def user_set(name: str, role: str | None, disabled: bool | None) -> None:
    """Change a user."""
    from styx.store.access import Role

    changes = {} if role is None else {"role": Role(role)}
    with _store() as store:
        store.users.update(name, **changes, **({} if disabled is None else {"disabled": disabled}))
        given = "" if role is None else f" --role {role}"
        given += "" if disabled is None else " --disable" if disabled else " --enable"
        _note(store, f"user set {name}{given}")
    click.echo(f"Changed {name}.")


@user.command("remove")
@click.argument("name")
def user_remove(name: str) -> None:
    """Remove a user with all tokens. Clusters and jobs stay."""
    with _store() as store:
        store.users.remove(name)
        _note(store, f"user remove {name}")
    click.echo(f"Removed {name}.")


@click.group()
def token() -> None:
    """Tokens, by which users show who they are."""


@token.command("create")
@click.argument("name", required=False)
@click.option("--user", "owner", help="Whose it is; by default yours, an administrator's if you are no user yet.")
@click.option("--name", "called", help="What it is called, if not by the argument; else 'token'.")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="What it may do at most; repeatable.")
@click.option("--expires", type=Span(), metavar="TIME", help="So long it counts, as in 30d; else until it is revoked.")
@click.option("--days", type=click.IntRange(1, MOST_DAYS), metavar="N", help="The same in days.")
def token_create(
    name: str | None,
    owner: str | None,
    called: str | None,
    scopes: tuple[str, ...],
    expires: timedelta | None,
    days: int | None,
) -> None:
    """Make a token and show it, this once."""
    from styx.server.auth.bootstrap import ensure_own
    from styx.server.auth.tokens import mint

    if name is not None and called is not None:
        raise click.UsageError("give the name once: as the argument or by --name")
    if expires is not None and days is not None:
        raise click.UsageError("give --expires or --days, and not both")
    now, lifetime = datetime.now(UTC), expires if days is None else timedelta(days=days)
    with _store() as store:
        whose = owner or ensure_own(store, now)
        text, made = mint(whose, name or called or "token", now, scopes=scopes, lifetime=lifetime)
        store.tokens.add(made)
        _note(store, f"token create {made.id} --user {whose}")
    click.echo(text)


@token.command("list")
@click.option("--user", "owner", help="Of this user alone.")
def token_list(owner: str | None) -> None:
    """List tokens, without their secrets."""
    with _store() as store:
        now, found = store.now(), store.tokens.list(owner)
    rows = [
        (
            each.id,
            each.name,
            "revoked" if each.revoked_at else "expired" if each.expires_at and each.expires_at <= now else "ok",
            each.user,
            ",".join(each.scopes) or "all",
            _time(each.expires_at),
            _time(each.used_at),
            _time(each.created_at),
            each.maker or "-",
        )
        for each in found
    ]
    _table(("ID", "NAME", "STATE", "USER", "SCOPES", "EXPIRES", "USED", "CREATED", "MADE BY"), *rows)


@token.command("revoke")
@click.argument("number", metavar="ID")
@click.option("--alone", is_flag=True, help="Not those that were made by it.")
def token_revoke(number: str, alone: bool) -> None:
    """Let a token count no more, nor any that was made by it. Every server refuses them from then on."""
    with _store() as store:
        store.tokens.revoke(number, alone=alone)
        _note(store, f"token revoke {number}")
    click.echo(f"Revoked {number}.")


@click.command("forget-key")
def forget_key() -> None:
    """Let the next server to start bring another key, where secret.key is lost.

    Secrets that are sealed under the one before cannot be read with it: jobs and requests that need them fail. It is
    refused while a server of the database lives, which would go on with the key it has.
    """
    from styx.api.errors import StyxError
    from styx.store.holder import current

    with _store() as store:
        dead = {server.id for server in store.servers.dead(current())}
        for server in store.servers.list():
            if server.id not in dead:
                where = f"process {server.pid} on {server.host}, at {server.url}"
                raise StyxError(
                    f"server {server.id} ({where}) works with this database",
                    hint="Stop all of its servers first; one that was killed counts as gone after 15 seconds.",
                )
        store.forget_sealing_key()
        _note(store, "forget-key")
    click.echo("The key of the next server to start is that of the database.")
