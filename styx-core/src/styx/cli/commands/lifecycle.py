"""``styx start``, ``stop``, ``autostop`` and ``down``: what becomes of clusters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from styx.cli import autostop as autostops
from styx.cli import habits, options
from styx.cli.ask import confirm
from styx.cli.command import Command, option
from styx.cli.consent import price
from styx.cli.each import each
from styx.cli.progress import Report, progress
from styx.cli.render import clean
from styx.cli.selection import is_pattern, require
from styx.cli.session import connected
from styx.words import count

if TYPE_CHECKING:
    from styx.api.errors import ClusterNotFound
    from styx.client.protocol import Client
    from styx.store.records import ClusterRecord

SEVERAL = """
0, or that of the first cluster that failed; the others are still done.
A name or pattern that no cluster has counts as a failure: 2.
"""
START = """
styx start dev
styx start 'train-*' -i 30 --down
styx start --all --yes
"""
STOP = """
styx stop dev
styx stop 'train-*' dev
styx stop --all --yes
"""
AUTOSTOP = """
styx autostop dev -i 30                   # stop after 30 idle minutes
styx autostop dev -i 30 --down            # remove it instead
styx autostop dev -i 5 --wait-for jobs    # open ssh sessions do not count
styx autostop --all --cancel
"""
DOWN = """
styx down dev
styx down 'train-*' --yes
styx down dev --forget     # the provider cannot be asked any more
"""


@click.command(cls=Command, refused=habits.START, notes={"Examples": START, "Exit code": SEVERAL})
@options.clusters_argument
@options.all_option
@options.idle_option("--idle-minutes-to-autostop")
@option(
    "--down", is_flag=True, section=options.CLUSTER, help="Remove the cluster once it is idle, rather than stop it."
)
@options.wait_for_option
@options.accepted("--no-async")
@options.yes_option
@click.pass_context
def start(
    ctx: click.Context,
    patterns: tuple[str, ...],
    everything: bool,
    idle_minutes: int | None,
    down: bool,
    wait_for: str | None,
    yes: bool,
) -> None:
    """Start stopped clusters; setup is not run again."""
    policy = autostops.policy(idle_minutes, wait_for, down=down)
    with connected() as client:
        records, missing = require(client, patterns, everything=everything)
        if everything:
            records = [record for record in records if record.state == "stopped"]
        costs = [record.hourly_cost for record in records if record.state != "up"]
        unknown = any(cost is None for cost in costs)
        total = sum(cost for cost in costs if cost is not None)
        if unknown or total:
            confirm(f"Start {_names(records)} for {price(None if unknown else total)}?", yes=yes)
        elif _not_named(patterns, everything, records):
            confirm(f"Start {_names(records)}?", yes=yes)
        ctx.exit(_carry_out("start", records, missing, "is up", lambda name, say: client.start(name, policy, say)))


@click.command(cls=Command, refused=habits.STOP, notes={"Examples": STOP, "Exit code": SEVERAL})
@options.clusters_argument
@options.all_option
@options.accepted("--no-async")
@options.yes_option
@click.pass_context
def stop(ctx: click.Context, patterns: tuple[str, ...], everything: bool, yes: bool) -> None:
    """Stop clusters and keep their disks. Running jobs are cancelled."""
    with connected() as client:
        records, missing = require(client, patterns, everything=everything)
        if everything:
            records = [record for record in records if record.state != "stopped"]
        if records:
            confirm(f"Stop {_names(records)}?", yes=yes)
        ctx.exit(_carry_out("stop", records, missing, "is stopped", client.stop))


@click.command(cls=Command, refused=habits.DOWN, notes={"Examples": DOWN, "Exit code": SEVERAL})
@options.clusters_argument
@options.all_option
@option(
    "-p",
    "--forget",
    "--purge",
    "forget",
    is_flag=True,
    help="Drop the record without asking the provider. What still exists goes on costing money, until a later look "
    "(status --refresh) can see and remove it.",
)
@options.accepted("--no-async")
@options.yes_option
@click.pass_context
def down(ctx: click.Context, patterns: tuple[str, ...], everything: bool, forget: bool, yes: bool) -> None:
    """Remove clusters and all they hold: machines, disks, running jobs."""
    began = datetime.now(UTC)
    with connected() as client:
        records, missing = require(client, patterns, everything=everything)
        verb, so_that = ("Forget", ", which may go on costing money") if forget else ("Remove", " and all on it")
        if records:
            confirm(f"{verb} {_names(records)}{so_that}?", yes=yes)
        gone = [name for name in missing if _went_since(client, name, began)]

        def remove(name: str, report: Report) -> None:
            from styx.api.errors import ClusterNotFound

            with suppress(ClusterNotFound):  # it went meanwhile, by itself or through another client
                client.down(name, forget=forget, progress=report)

        for name in gone:
            click.echo(f"Cluster {clean(name)} is gone.")
            del missing[name]
        if gone and not records and not missing:
            return
        ctx.exit(_carry_out(verb.lower(), records, missing, "is forgotten" if forget else "is gone", remove))


@click.command(cls=Command, refused=habits.AUTOSTOP, notes={"Examples": AUTOSTOP, "Exit code": SEVERAL})
@options.clusters_argument
@options.all_option
@options.idle_option("--idle-minutes")
@option("--down", is_flag=True, section=options.CLUSTER, help="Remove the cluster rather than stop it.")
@options.wait_for_option
@option("--cancel", is_flag=True, section=options.CLUSTER, help="Take the policy away.")
@options.accepted("--no-async")
@options.yes_option
@click.pass_context
def autostop(
    ctx: click.Context,
    patterns: tuple[str, ...],
    everything: bool,
    idle_minutes: int | None,
    down: bool,
    wait_for: str | None,
    cancel: bool,
    yes: bool,
) -> None:
    """Stop or remove clusters once they have been idle for a while. Setting it again starts the clock anew."""
    if cancel and (idle_minutes is not None or down or wait_for):
        raise click.UsageError("--cancel goes with none of -i, --down and --wait-for")
    if not cancel and idle_minutes is None:
        raise click.UsageError("say -i MINUTES, or --cancel")
    policy = None if cancel else autostops.policy(idle_minutes, wait_for, down=down)
    with connected() as client:
        records, missing = require(client, patterns, everything=everything)
        if everything:
            records = [record for record in records if record.state != "stopped"]
        if _not_named(patterns, everything, records):
            confirm(f"Change autostop of {_names(records)}?", yes=yes)
        done = f"has autostop {autostops.describe(policy)}" if policy else "has no autostop"
        ctx.exit(_carry_out("change", records, missing, done, lambda name, _say: client.autostop(name, policy)))


def _carry_out(
    verb: str,
    records: Sequence[ClusterRecord],
    missing: Mapping[str, ClusterNotFound],
    done: str,
    work: Callable[[str, Report], None],
) -> int:
    """Do it to all, the words that match nothing counted as failures that came first."""
    if not records and not missing:
        click.echo(f"There is no cluster to {verb}: nothing to do.")
        return 0

    def one(name: str) -> None:
        if name in missing:
            raise missing[name]
        with progress() as report:
            work(name, report)
        click.echo(f"Cluster {clean(name)} {done}.")

    return each([*missing, *(record.name for record in records)], one)


def _went_since(client: Client, name: str, began: datetime) -> bool:
    """Whether a cluster of that name went as it was looked for: no launch had come to anything, or it ended itself."""
    return any(event.kind == "removed" and event.at >= began for event in client.history(name, 1))


def _not_named(patterns: Sequence[str], everything: bool, records: Sequence[ClusterRecord]) -> bool:
    """Whether clusters are meant that the user has not named one by one: worth a question even if it is harmless."""
    return bool(records) and (everything or any(map(is_pattern, patterns)))


def _names(records: Sequence[ClusterRecord]) -> str:
    names = ", ".join(clean(record.name) for record in records)
    return f"cluster {names}" if len(records) == 1 else f"{count(len(records), 'cluster')} ({names})"
