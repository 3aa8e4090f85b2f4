"""``styx check`` and ``styx doctor``: what can be used, and what is wrong."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

import click

from styx.cli import habits, options, views
from styx.cli.command import Command, option
from styx.cli.complete import providers
from styx.cli.progress import progress
from styx.cli.render import clean, json_text, table
from styx.cli.session import connected

if TYPE_CHECKING:
    from styx.client.protocol import CheckResult

CHECK = """
styx check
styx check aws ssh
styx check aws --policy > policy.json   # what its credentials need
styx check -o json | jq '.[] | select(.enabled) | .name'
"""
CHECK_JSON = """
A list of {kind, name, account, enabled, message, capabilities: [...],
faults: [...]}, one for each account of a cloud; kind is cloud or storage;
faults say what cannot be used of it.
"""
CHECK_EXIT = """
0, or 1: one of those named cannot be used, or none at all can;
2: there is none of such a name, or with --policy none that tells it.
"""
DOCTOR = """
styx doctor
styx doctor -o json | jq '.[] | select(.level != "ok")'
"""
DOCTOR_JSON = """
A list of {check, level, message, fix}; level is ok, warning or error.
"""
DOCTOR_EXIT = """
0, or 1 when there is an error; warnings do not count.
"""


@click.command(
    cls=Command, refused=habits.CHECK, notes={"Examples": CHECK, "Exit code": CHECK_EXIT, "JSON": CHECK_JSON}
)
@click.argument("names", nargs=-1, shell_complete=providers)
@option("-v", "--verbose", is_flag=True, help="Show what each can do, too.")
@option("--policy", is_flag=True, help="Print what one cloud's credentials must be allowed, and ask nobody.")
@options.output_option
@click.pass_context
def check(ctx: click.Context, names: tuple[str, ...], verbose: bool, policy: bool, output: str) -> None:
    """See which clouds and stores can be used: all, or those named."""
    if policy:
        _policy(names, output)
        return
    with connected() as client, progress() as report:
        report("check", f"asking {', '.join(names) or 'all clouds and stores'}")
        results = client.check(names)
    _require(names, {result.name for result in results})
    if output == "json":
        click.echo(json_text([views.check(result) for result in results]))
    elif results:
        rows = [(r.name, r.kind, "enabled" if r.enabled else "disabled", r.account, r.message) for r in results]
        click.echo(table(("NAME", "KIND", "STATE", "ACCOUNT", "MESSAGE"), rows))
        for result in results:
            for fault in result.faults:
                click.echo(f"{_source(result)}: {clean(fault)}")
        for result in results if verbose else ():
            click.echo(f"{_source(result)} can: {', '.join(map(clean, result.capabilities)) or 'nothing special'}")
    else:
        click.echo("No cloud and no store is installed. `styx plugins list` shows what is.")
    usable = [result.enabled for result in results]
    ctx.exit(0 if (all(usable) if names else any(usable)) else 1)


def _policy(names: tuple[str, ...], output: str) -> None:
    if len(names) != 1:
        raise click.UsageError("--policy needs the name of one cloud")
    if output == "json":
        raise click.UsageError("--policy prints the provider's own language; leave -o json out")
    with connected() as client:
        click.echo(client.policy(names[0]))


def _source(result: CheckResult) -> str:
    """The cloud or store, and the account where it has a name."""
    return clean(result.name if result.account in ("", "default") else f"{result.name} ({result.account})")


def _require(names: Iterable[str], found: Collection[str]) -> None:
    missing = [name for name in names if name not in found]
    if missing:
        from styx.api.errors import BadInput

        raise BadInput(
            f"no cloud and no store is named {missing[0]!r}", hint="`styx check`, without names, shows all there are."
        )


@click.command(cls=Command, notes={"Examples": DOCTOR, "Exit code": DOCTOR_EXIT, "JSON": DOCTOR_JSON})
@options.output_option
@click.pass_context
def doctor(ctx: click.Context, output: str) -> None:
    """Look for problems on this machine: the store, the plugins, the programs that are needed.

    Once logged in to a server, it is the server's machine that is looked at.
    """
    from styx.client.login import logged_in
    from styx.hookspecs import DoctorFinding

    with connected() as client, progress() as report:
        report("doctor", "looking")
        findings = client.doctor()
    login = logged_in()
    if login is not None:
        whose = f"that of the server at {login.url}, as {login.source} says: all here is about it, not about this one"
        findings = [DoctorFinding("machine", "ok", whose), *findings]
    if output == "json":
        click.echo(json_text([views.finding(found) for found in findings]))
    else:
        click.echo(table(("CHECK", "LEVEL", "MESSAGE"), [(f.check, f.level, f.message) for f in findings]))
        for found in findings:
            if found.fix:
                click.echo(f"{clean(found.check)}: {clean(found.fix)}")
    ctx.exit(1 if any(found.level == "error" for found in findings) else 0)
