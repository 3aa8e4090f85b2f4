"""``styx jobs``: jobs that are handed in once, and run, watched and recovered by a server."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from styx.cli import habits, options
from styx.cli import managedviews as views
from styx.cli.ask import confirm
from styx.cli.command import Command, option
from styx.cli.complete import job_ids, job_names
from styx.cli.managedfollow import EXIT_CODES, follow, follow_events, spoken
from styx.cli.managedlaunch import JSON, hand_in, launch_options
from styx.cli.managedselect import PAGE, filtered, named, newest, page_options, show_page, unended
from styx.cli.render import json_text
from styx.cli.session import connected
from styx.cli.values import WholeNumber

if TYPE_CHECKING:
    from styx.client.jobs import JobsClient

JOB_ID = WholeNumber(min=1)

LAUNCH = """
styx jobs launch train.yaml                  # and show its output
styx jobs launch -d -n train --gpus A100:8 -- python train.py
styx jobs launch --num-jobs 100 -- 'python eval.py --shard $STYX_JOB_RANK'
styx jobs launch --restart-on 33 --timeout 12h train.yaml
styx jobs launch pipeline.yaml               # several tasks: one group
styx jobs launch --dryrun -o json train.yaml
"""
QUEUE = """
styx jobs queue                    # the newest ones
styx jobs queue -s                 # those that have not ended
styx jobs queue --state failed -l 20
styx jobs queue --after 1200       # the next page
styx jobs queue -o json | jq '.[] | select(.recoveries > 0) | .id'
"""
QUEUE_JSON = """
A list of objects:
  {id, name, state, reason, user, pool, group, rank, size, needs: [...],
   waiting, priority, cluster, runs, restarts, recoveries, exit_code,
   error: {code, message, hint}, outputs: {...}, cost, spot, created_at,
   updated_at, started_at, ended_at}
Unknown values are null, times ISO 8601 in UTC, cost a string: USD so far.
A page ends with the id to give to --after for the next one.
"""
STATUS = """
styx jobs status             # the newest
styx jobs status 12 13
styx jobs status 12 -o json | jq '.[0].events[-1]'
"""
STATUS_JSON = """
A list of what `styx jobs queue` prints, each with
  events: [{at, kind, from, to, reason}]
"""
CANCEL = """
styx jobs cancel 12
styx jobs cancel 12 13 --yes
styx jobs cancel -n train          # all of yours of that name
styx jobs cancel --all --yes
"""
LOGS = """
styx jobs logs                     # the newest, until it ends
styx jobs logs 12 --tail 100 --no-follow
styx jobs logs -n train
styx jobs logs 12 --controller     # what the server did with it
"""
LOGS_EXIT = f"""{EXIT_CODES.rstrip()}
With --no-follow it is 0 while the job has not ended.
"""


@click.group()
def jobs() -> None:
    """Hand in jobs that are run, and recovered, without you.

    A server finds each a cluster of its own, runs it there, finds it another when that goes, starts it again where
    that is asked for, and removes the cluster at its end. On this machine one starts by itself; see `styx api`.
    """


@jobs.command(
    cls=Command,
    inner=True,
    refused=habits.JOBS_LAUNCH,
    notes={"Examples": LAUNCH, "Exit code": EXIT_CODES, "JSON": JSON},
)
@launch_options
@click.pass_context
def launch(ctx: click.Context, /, entrypoint: tuple[str, ...], **arguments: Any) -> None:
    """Hand in a job, and show its output.

    ENTRYPOINT is as for `styx launch`. A file with several tasks makes one job of each, in one group: a job starts once
    those it depends on have succeeded, or as its `when` says. Options then change all of them.

    Before a job that costs money is handed in, the offers are shown and you are asked; --yes says yes. Files of the
    task have to be there for as long as it runs.
    """
    ctx.exit(hand_in(entrypoint, arguments))


@jobs.command(cls=Command, refused=habits.JOBS_QUEUE, notes={"Examples": QUEUE, "JSON": QUEUE_JSON})
@page_options
@options.output_option
def queue(output: str, **arguments: Any) -> None:
    """List managed jobs, newest first."""
    with connected() as client:
        show_page(filtered(client.jobs, arguments), arguments, output)


@jobs.command(cls=Command, notes={"Examples": STATUS, "JSON": STATUS_JSON})
@click.argument("numbers", metavar="[JOB]...", nargs=-1, type=JOB_ID, shell_complete=job_ids)
@options.output_option
def status(numbers: tuple[int, ...], output: str) -> None:
    """Tell all about jobs, and what happened to them.

    Without a number it is the newest.
    """
    with connected() as client:
        found = [client.jobs.get(number) for number in numbers] or [newest(client.jobs)]
        events = [client.jobs.events(job.id) for job in found]
    pairs = list(zip(found, events, strict=True))
    if output == "json":
        click.echo(json_text([{**views.job(job), "events": [*map(views.event, each)]} for job, each in pairs]))
        return
    now = datetime.now(UTC)
    click.echo("\n\n".join(views.details(job, each, now) for job, each in pairs))


@jobs.command(cls=Command, refused=habits.JOBS_CANCEL, notes={"Examples": CANCEL})
@click.argument("numbers", metavar="[JOB]...", nargs=-1, type=JOB_ID, shell_complete=job_ids)
@option("-n", "--name", metavar="NAME", shell_complete=job_names, help="All of yours of that name.")
@option("-p", "--pool", metavar="NAME", help="All of yours in that pool.")
@option("-a", "--all", "everything", is_flag=True, help="All of yours.")
@option("-u", "--all-users", is_flag=True, help="Those of everybody, not yours alone.")
@options.accepted("--no-async")
@options.yes_option
def cancel(
    numbers: tuple[int, ...], name: str | None, pool: str | None, everything: bool, all_users: bool, yes: bool
) -> None:
    """End jobs, and remove their clusters. Those that have ended already are left as they are."""
    everything = everything or (all_users and not (numbers or name or pool))
    if [bool(numbers), name is not None, pool is not None, everything].count(True) != 1:
        raise click.UsageError("give job numbers (`styx jobs queue` lists them), --name, --pool or --all; one of these")
    with connected() as client:
        if not numbers:
            there = unended(client.jobs, all_users=all_users)
            numbers = tuple(job.id for job in there if name in (None, job.name) and pool in (None, job.pool))
        end(client.jobs, numbers, yes=yes)


def end(jobs: JobsClient, numbers: Sequence[int], *, yes: bool) -> None:
    """Ask about several, and have these jobs end. Raises JobNotFound."""
    found = [jobs.get(number) for number in dict.fromkeys(numbers)]  # nobody is asked about what is not there
    going_on = [job.id for job in found if not job.state.ended]
    if len(going_on) > 1:
        confirm(f"End {spoken(going_on)}?", yes=yes)
    cancelled = jobs.cancel(going_on) if going_on else []
    if cancelled:
        click.echo(f"Ending {spoken(cancelled)}.")
    elif not found:
        click.echo("Nothing to end: no such job was waiting or running.")
    for job in found:
        if job.id not in cancelled:
            click.echo(f"Job {job.id} has ended already: {jobs.get(job.id).state.replace('_', ' ')}.")


@jobs.command(cls=Command, refused=habits.JOBS_LOGS, notes={"Examples": LOGS, "Exit code": LOGS_EXIT})
@click.argument("number", metavar="[JOB]", required=False, type=JOB_ID, shell_complete=job_ids)
@option("-n", "--name", metavar="NAME", shell_complete=job_names, help="The newest job of that name.")
@option("--follow/--no-follow", "to_end", default=True, help="Go on until the job has ended (default), or not.")
@option("--tail", type=WholeNumber(min=1, max=PAGE * PAGE), metavar="N", help="Begin with the last N lines.")
@option("--controller", is_flag=True, help="Show what the server did with the job instead.")
@click.pass_context
def logs(
    ctx: click.Context, number: int | None, name: str | None, to_end: bool, tail: int | None, controller: bool
) -> None:
    """Show what a job writes, by default the newest, until it ends.

    The output of all its runs is one after the other.
    """
    if number is not None and name is not None:
        raise click.UsageError("give a job's number or --name, not both")
    with connected() as client:
        chosen = number if number is not None else named(client.jobs, name).id if name else newest(client.jobs).id
        if controller:
            ctx.exit(follow_events(client.jobs, chosen, to_end=to_end))
        ctx.exit(follow(client.jobs, chosen, to_end=to_end, tail=tail))
