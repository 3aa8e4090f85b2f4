"""``styx api token`` and ``styx api user``: who may use the server that is logged in to, or that of this home."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from styx.cli import options
from styx.cli.ask import confirm
from styx.cli.command import Command, option
from styx.cli.render import ago, clean, json_text, moment, note, table
from styx.cli.values import OneOf, Span, WholeNumber

Row = dict[str, Any]

ROLES = ("viewer", "member", "admin")  # as styx.store.access has them, which is slow to import
SCOPES = ("read", "write", "admin")
MOST_DAYS = 3650  # as the server has it
DAY = 86400.0  # seconds

CREATE = """
styx api token create laptop
styx api token create ci --user build --scope read --expires 30d
TOKEN=$(styx api token create ci --user build)
"""
LIST_TOKENS = """
styx api token list
styx api token list -o json | jq -r '.[] | select(.used_at == null) | .id'
"""
LIST_TOKENS_JSON = """
A list of {id, user, name, scopes: [...], created_at, expires_at, revoked_at,
used_at, maker}. Empty scopes are all that the role allows; the maker is the
id of the token by which it was made.
"""
CREATE_JSON = """
{token, id, user, name, scopes: [...], created_at, expires_at, ...}
"""
REVOKE = """
styx api token revoke 5d0c8f3e2a1b
styx api token revoke --alone 5d0c8f3e2a1b
"""
ADD = """
styx api user add ann
styx api user add boss --role admin
"""
LIST_USERS = """
styx api user list
styx api user list -o json | jq -r '.[] | select(.role == "admin") | .name'
"""
LIST_USERS_JSON = """
A list of {name, role, created_at, disabled}.
"""
REMOVE = """
styx api user remove ann
"""
ROLE = """
styx api user role ann viewer
"""
SET = """
styx api user set ann --disable
styx api user set ann --enable --role member
"""

_TOKENS = ("id", "user", "name", "scopes", "created_at", "expires_at", "revoked_at", "used_at", "maker")
_USERS = ("name", "role", "created_at", "disabled")


@click.group()
def token() -> None:
    """Make, list and revoke tokens of a server."""


@token.command(cls=Command, notes={"Examples": CREATE, "JSON": CREATE_JSON})
@click.argument("name", required=False)
@option("--user", metavar="NAME", help="Whose it is, if not yours.")
@option("--name", "called", metavar="NAME", help="What it is called, if not by the argument; else 'token'.")
@option("--scope", "scopes", type=OneOf(SCOPES), multiple=True, help="What it may do, if not all. Repeatable.")
@option("--expires", type=Span(), metavar="TIME", help="So long it counts, as in 30d; else until it is revoked.")
@option("--days", type=WholeNumber(min=1, max=MOST_DAYS), metavar="N", help="The same in days.")
@options.output_option
def create(
    name: str | None,
    user: str | None,
    called: str | None,
    scopes: tuple[str, ...],
    expires: float | None,
    days: int | None,
    output: str,
) -> None:
    """Make a token, and print it. It is not shown again."""
    from styx.client.access import access

    if name is not None and called is not None:
        raise click.UsageError("give the name once: as the argument or by --name")
    if expires is not None and days is not None:
        raise click.UsageError("give --expires or --days, and not both")
    lifetime = days * DAY if days is not None else expires
    with access() as server:
        made = server.create_token(name or called or "token", user, scopes, lifetime)
    if output == "json":
        click.echo(json_text(made))
        return
    note(f"A token for {clean(made['user'])}; it is not shown again. Its id is {clean(made['id'])}.")
    click.echo(made["token"])


@token.command("list", cls=Command, notes={"Examples": LIST_TOKENS, "JSON": LIST_TOKENS_JSON})
@options.output_option
def list_tokens(output: str) -> None:
    """List tokens, oldest first, without their secrets."""
    from styx.client.access import access

    with access() as server:
        found = server.tokens()
    if output == "json":
        click.echo(_json(found, _TOKENS))
        return
    now = datetime.now(UTC)
    headers = ("ID", "NAME", "STATE", "USER", "SCOPES", "EXPIRES", "USED", "AGE", "MADE BY")
    click.echo(table(headers, [_token_row(each, now) for each in found]) if found else "No tokens.")


@token.command(cls=Command, notes={"Examples": REVOKE})
@click.argument("ids", nargs=-1, required=True)
@option("--alone", is_flag=True, help="Not those that were made by them.")
def revoke(ids: tuple[str, ...], alone: bool) -> None:
    """Let tokens count no more, nor those made by them."""
    from styx.client.access import access

    with access() as server:
        for each in ids:
            server.revoke_token(each, alone=alone)
            click.echo(f"Token {clean(each)} counts no more.")


@click.group()
def user() -> None:
    """Add, list, change and remove those who may use a server."""


@user.command(cls=Command, notes={"Examples": ADD})
@click.argument("name")
@option("--role", type=OneOf(ROLES), default="member", show_default=True, help="What they may do.")
def add(name: str, role: str) -> None:
    """Let somebody use the server.

    A viewer looks, a member works with what is theirs, an admin does everything.
    """
    from styx.client.access import access

    with access() as server:
        server.add_user(name, role)
    click.echo(f"{clean(name)} is a {role}. `styx api token create NAME --user {clean(name)}` makes a token for them.")


@user.command("list", cls=Command, notes={"Examples": LIST_USERS, "JSON": LIST_USERS_JSON})
@options.output_option
def list_users(output: str) -> None:
    """List users by name."""
    from styx.client.access import access

    with access() as server:
        found = server.users()
    if output == "json":
        click.echo(_json(found, _USERS))
        return
    now = datetime.now(UTC)
    click.echo(table(("NAME", "ROLE", "STATE", "AGE"), [_user_row(each, now) for each in found]))


@user.command(cls=Command, notes={"Examples": REMOVE})
@click.argument("name")
@options.yes_option
def remove(name: str, yes: bool) -> None:
    """Remove a user with all tokens. Their jobs and clusters stay."""
    from styx.client.access import access

    confirm(f"Remove user {clean(name)} and all their tokens?", yes=yes)
    with access() as server:
        server.remove_user(name)
    click.echo(f"{clean(name)} may not use the server any more.")


@user.command(cls=Command, notes={"Examples": ROLE})
@click.argument("name")
@click.argument("role", type=OneOf(ROLES))
def role(name: str, role: str) -> None:
    """Change what a user may do."""
    from styx.client.access import access

    with access() as server:
        server.change_user(name, role=role)
    click.echo(f"{clean(name)} is a {role}.")


@user.command("set", cls=Command, notes={"Examples": SET})
@click.argument("name")
@option("--role", type=OneOf(ROLES), help="What they may do.")
@option("--disable/--enable", "disabled", default=None, help="Whether their tokens are refused.")
def change(name: str, role: str | None, disabled: bool | None) -> None:
    """Change what a user may do, or whether they are let in."""
    from styx.client.access import access

    changes = {key: value for key, value in (("role", role), ("disabled", disabled)) if value is not None}
    if not changes:
        raise click.UsageError("give --role, --disable or --enable")
    with access() as server:
        changed = server.change_user(name, **changes)
    state = "may not use the server any more" if changed.get("disabled") else f"is a {clean(changed['role'])}"
    click.echo(f"{clean(name)} {state}.")


def _json(found: Sequence[Row], keys: Sequence[str]) -> str:
    """These keys of all, whatever else a later server may say."""
    return json_text([{key: each.get(key) for key in keys} for each in found])


def _user_row(user: Row, now: datetime) -> Sequence[object]:
    state = "disabled" if user.get("disabled") else "ok"
    return user["name"], user["role"], state, ago(_time(user, "created_at"), now)


def _token_row(token: Row, now: datetime) -> Sequence[object]:
    expires, used = _time(token, "expires_at"), _time(token, "used_at")
    state = "revoked" if token.get("revoked_at") else "expired" if expires and expires <= now else "ok"
    return (
        token["id"],
        token["name"],
        state,
        token["user"],
        ",".join(token["scopes"]) or "all",
        moment(expires) if expires else "never",
        ago(used, now) if used else "never",
        ago(_time(token, "created_at"), now),
        token.get("maker"),
    )


def _time(row: Row, key: str) -> datetime | None:
    return datetime.fromisoformat(row[key]) if row.get(key) else None
