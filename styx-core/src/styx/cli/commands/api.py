"""``styx api``: the server of this machine, and the one to work with."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

import click

from styx.cli import habits, options
from styx.cli.ask import confirm, interactive
from styx.cli.command import Command, option
from styx.cli.commands.api_access import token, user
from styx.cli.commands.apideploy import deploy
from styx.cli.progress import progress
from styx.cli.render import clean, json_text, note, table
from styx.cli.values import WholeNumber

if TYPE_CHECKING:
    from styx.cli.managedviews import Shape
    from styx.client.local import LocalServer
    from styx.client.login import Login

NOT_RUNNING = 1
LAST_PORT = 65535
LINES = 100

START = """
styx api start
styx api start --port 8080
"""
STOP = """
styx api stop
"""
STATUS = """
styx api status
styx api status -o json | jq -r .url
"""
STATUS_EXIT = f"""
0 when a server of this home answers, else {NOT_RUNNING}.
"""
STATUS_JSON = """
{running, answers, url, pid, id, version, log, logged_in}; url to version are
null when none is running, and logged_in is the URL of another to work with.
"""
LOGS = """
styx api logs
styx api logs --tail 1000
styx api logs -f
"""
LOGIN = """
styx api login https://styx.example.org           # asks for the token
styx api login styx.example.org --token-file token.txt
pass styx | styx api login styx.example.org --token-file -
"""
LOGOUT = """
styx api logout
"""
INFO = """
styx api info
styx api info -o json | jq -r .user
"""
INFO_JSON = """
{url, source, user, role, level, token, version, installation}; all are null
where no server is used.
"""


@click.group()
def api() -> None:
    """Run a server, or log in to one.

    A server runs managed jobs, and lets others work with this installation. One for you alone starts by itself when a
    managed job is handed in. A team has one that runs by itself, the program `styx-server`: whoever logs in to it works
    with it by all commands.
    """


api.add_command(deploy)
api.add_command(token)
api.add_command(user)


@api.command(cls=Command, refused=habits.API_START, notes={"Examples": START})
@option("--port", type=WholeNumber(min=1, max=LAST_PORT), metavar="N", help="Listen there; else at a free port.")
def start(port: int | None) -> None:
    """Start the server of this home, if there is none.

    It goes on when this terminal is closed, and writes to server.log in the home. Only this user can use it.
    """
    from styx.client import local

    before = local.find()
    with progress() as report:
        report("api", "starting the server")
        server = local.ensure(port=port or 0)
    is_new = before is None or before.pid != server.pid
    click.echo(f"The server {'was started' if is_new else 'is running'}: {_where(server)}.")


@api.command(cls=Command, notes={"Examples": STOP})
def stop() -> None:
    """End the server of this home, and wait until it has.

    Jobs go on where they run. Nobody watches over them until the next server takes them up.
    """
    from styx.client import local

    _say_whose()
    server = local.find()
    if server is None:
        click.echo("No server of this home is running.")
        return
    with progress() as report:
        report("api", f"waiting for process {server.pid} to end")
        by_itself = local.stop(server)
    click.echo(f"The server, process {server.pid}, {'has ended' if by_itself else 'did not end, and was killed'}.")
    left = _left()
    if left:
        verb = "is" if left == 1 else "are"
        note(f"{left} managed job{'' if left == 1 else 's'} {verb} not done: the next server goes on with that.")


def _left() -> int:
    """How many managed jobs have not ended."""
    from styx.client.embedded import EmbeddedClient

    client = EmbeddedClient()
    try:
        return sum(client.records.jobs.counts().values())
    finally:
        client.close()


@api.command(
    cls=Command, refused=habits.API_STATUS, notes={"Examples": STATUS, "Exit code": STATUS_EXIT, "JSON": STATUS_JSON}
)
@options.output_option
@click.pass_context
def status(ctx: click.Context, output: str) -> None:
    """See which servers there are: of this home, and to work with.

    The exit code tells of the one of this home.
    """
    from styx.client import local
    from styx.client.login import logged_in

    server, login = local.find(), logged_in()
    answers = server is not None and local.answers(server)
    if output == "json":
        click.echo(json_text({**_shape(server, answers), "logged_in": login and login.url}))
    else:
        click.echo(_sentence(server, answers))
        if login is not None:
            click.echo(_whose(login))
    ctx.exit(0 if answers else NOT_RUNNING)


def _whose(login: Login) -> str:
    return (
        f"This is about the server of this home. Commands work with {clean(login.url)}, as {clean(login.source)} says."
    )


def _say_whose() -> None:
    """Tell who is logged in elsewhere that this is about the server of this home."""
    from styx.api.errors import StyxError
    from styx.client.login import logged_in

    with suppress(StyxError):  # what is wrong with a login matters to commands that use it
        login = logged_in()
        if login is not None:
            note(_whose(login))


def _sentence(server: LocalServer | None, answers: bool) -> str:
    if server is None:
        return "No server of this home is running. `styx api start` starts one; so does `styx jobs launch`."
    if answers:
        return f"The server is running: {_where(server)}, version {clean(server.version)}."
    return f"The server does not answer: {_where(server)}. `styx api logs` shows what it writes."


def _where(server: LocalServer) -> str:
    return f"process {server.pid}, at {clean(server.url)}"


def _shape(server: LocalServer | None, answers: bool) -> Shape:
    from styx.client import locallog

    found = {key: getattr(server, key, None) for key in ("url", "pid", "id", "version")}
    return {"running": server is not None, "answers": answers, **found, "log": str(locallog.path())}


@api.command(cls=Command, refused=habits.API_LOGS, notes={"Examples": LOGS})
@option("-f", "--follow/--no-follow", help="Go on as it writes, or not (default).")
@option(
    "--tail",
    type=WholeNumber(min=1),
    default=LINES,
    show_default=True,
    metavar="N",
    help="Begin with the last N lines.",
)
@click.pass_context
def logs(ctx: click.Context, follow: bool, tail: int) -> None:
    """Show what the server of this home writes."""
    from styx.cli.follow import DETACHED
    from styx.client.locallog import last_lines, lines, path

    _say_whose()
    if not path().exists():
        note(f"No server of this home has written anything: there is no {path()}.")
    try:
        for line in lines(tail) if follow else last_lines(tail):
            click.echo(line)
    except KeyboardInterrupt:
        ctx.exit(DETACHED)


@api.command(cls=Command, refused=habits.API_LOGIN, notes={"Examples": LOGIN})
@click.argument("url", required=False)
@option("-e", "--endpoint", metavar="URL", help="The server, if it is not given as the argument.")
@option("--token-file", type=click.File("r"), metavar="FILE", help="Read the token there; '-' is standard input.")
@option("--fingerprint", metavar="SHA256", help="Of the server's certificate, if it has one of its own.")
@options.accepted("--relogin")
@options.yes_option
def login(url: str | None, endpoint: str | None, token_file: TextIO | None, fingerprint: str | None, yes: bool) -> None:
    """Work with a server from now on.

    The token is asked for, or read from a file or STYX_API_TOKEN. Both are kept in api.json in the home, for you alone.
    STYX_API_URL and STYX_API_TOKEN do the same for one shell, and win.
    """
    from styx.client.access import greeted
    from styx.client.login import Login, checked_pin, checked_url, needs_agreement, save

    if (url is None) == (endpoint is None):
        raise click.UsageError("give the URL of a server, once")
    where = checked_url(url or endpoint or "")
    in_clear = needs_agreement(where)
    if in_clear:
        confirm(f"Send the token to {where}, where everybody on the way can read it?", yes=yes)
    pin = checked_pin(fingerprint) if fingerprint else ""
    wanted = Login(where, _token(token_file), fingerprint=pin, in_clear=in_clear)
    me = greeted(wanted)
    save(wanted)
    click.echo(f"Logged in to {clean(where)} as {clean(me['user'])} ({clean(me['role'])}).")


_STDIN = ("-", "<stdin>")  # as it is called by click and by Python


def _token(file: TextIO | None) -> str:
    """The token, from wherever it is given. Raises BadInput where it is nowhere."""
    import os

    from styx.api.errors import BadInput
    from styx.client.login import TOKEN_VARIABLE

    if file is not None:
        found, source = file.read(), "standard input" if file.name in _STDIN else file.name
    elif os.environ.get(TOKEN_VARIABLE):
        found, source = os.environ[TOKEN_VARIABLE], TOKEN_VARIABLE
    elif interactive():
        found, source = click.prompt("Token", hide_input=True, err=True), "what was typed"
    else:
        raise BadInput("there is no token, and no terminal to ask for it on", hint="Give --token-file FILE.")
    found = found.strip()
    if not found:
        raise BadInput(f"there is no token: {clean(source)} is empty", hint="It is one word that begins with styx_.")
    if not found.isascii() or not found.isprintable() or " " in found:
        raise BadInput("this is no token", hint="It is one word that begins with styx_.")
    return found


@api.command(cls=Command, notes={"Examples": LOGOUT})
def logout() -> None:
    """Work with no server any more.

    The engine runs in each command again. The token stays good; see `styx api token revoke`.
    """
    import os

    from styx.client.login import URL_VARIABLE, forget

    click.echo("Logged out." if forget() else "Nobody was logged in.")
    if os.environ.get(URL_VARIABLE):
        note(f"{URL_VARIABLE} is set, and still counts in this shell.")


@api.command(cls=Command, notes={"Examples": INFO, "JSON": INFO_JSON})
@options.output_option
def info(output: str) -> None:
    """See which server commands work with, and as whom."""
    from styx.client.access import access
    from styx.client.login import logged_in

    login = logged_in()
    if login is None:
        if output == "json":
            click.echo(json_text(dict.fromkeys(_INFO)))
        else:
            click.echo("No server is used: each command runs the engine itself. `styx api login URL` changes that.")
        return
    with access(login) as server:
        me = {"url": login.url, "source": login.source, **server.me()}
    if output == "json":
        click.echo(json_text({key: me.get(key) for key in _INFO}))
    else:
        click.echo(table(("SERVER", "VERSION", "USER", "ROLE", "MAY", "FROM"), [[me.get(key) for key in _COLUMNS]]))


_INFO = ("url", "source", "user", "role", "level", "token", "version", "installation")
_COLUMNS = ("url", "version", "user", "role", "level", "source")
