"""``styx queue``, ``cancel`` and ``logs``: the jobs of clusters."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from styx.cli import follow, habits, options, views
from styx.cli.ask import confirm
from styx.cli.command import Command, option
from styx.cli.each import each
from styx.cli.progress import progress
from styx.cli.render import ago, clean, duration, json_text, table
from styx.cli.selection import find
from styx.cli.session import connected
from styx.cli.values import WholeNumber

if TYPE_CHECKING:
    from styx.api.backend import JobInfo
    from styx.client.protocol import Client

JOB_ID = WholeNumber(min=1)
DOWNLOADS = "styx-logs"

QUEUE = """
styx queue                   # of all clusters that are up
styx queue dev 'train-*'
styx queue dev -s -o json    # those that have not ended
"""
QUEUE_JSON = """
A list of objects:
  {cluster, id, name, state, exit_code, reason, submitted_at, started_at,
   ended_at, num_nodes, cpus, gpus, user, ranks: {"0": exit code, ...}}
Unknown values are null, times ISO 8601 in UTC.
"""
CANCEL = """
styx cancel dev 3
styx cancel dev 3 4 --yes
styx cancel dev --all
"""
LOGS = """
styx logs dev                  # the newest job, until it ends
styx logs dev 3 --tail 100 --no-follow
styx logs dev 3 -w 1           # one node of several
styx logs dev 3 --status       # its state; exit code as below
styx logs dev -s               # all logs to ./styx-logs/dev
"""
LOGS_EXIT = f"""{follow.EXIT_CODES.rstrip()}
  {follow.NOT_ENDED:<5}with --status: it has not ended yet
With --no-follow it is 0 while the job has not ended.
"""


@click.command(cls=Command, notes={"Examples": QUEUE, "JSON": QUEUE_JSON})
@options.clusters_argument
@option("-s", "--skip-finished", is_flag=True, help="Leave out jobs that have ended.")
@options.accepted("-u", "--all-users")
@options.output_option
@click.pass_context
def queue(ctx: click.Context, patterns: tuple[str, ...], skip_finished: bool, output: str) -> None:
    """List the jobs of clusters, newest first."""
    found: list[tuple[str, JobInfo]] = []
    with connected() as client:
        records = find(client, patterns)
        if not patterns:
            records = [record for record in records if record.state == "up"]

        def ask(name: str) -> None:
            found.extend((name, job) for job in client.queue(name) if not (skip_finished and job.state.ended))

        code = each((record.name for record in records), ask)
    if output == "json":
        click.echo(json_text([views.job(job, name) for name, job in found]))
    elif found:
        click.echo(_table(found))
    elif code == 0:
        click.echo("No jobs.")
    ctx.exit(code)


def _table(found: list[tuple[str, JobInfo]]) -> str:
    now = datetime.now(UTC)
    rows = [
        (
            name,
            job.id,
            job.name,
            job.state,
            ago(job.submitted_at, now),
            _ran_for(job, now),
            job.num_nodes,
            f"{job.gpus:g}" if job.gpus else "",
            job.exit_code,
            job.user,
        )
        for name, job in found
    ]
    headers = ("CLUSTER", "ID", "NAME", "STATE", "SUBMITTED", "RAN", "NODES", "GPUS", "EXIT", "USER")
    return table(headers, rows)


def _ran_for(job: JobInfo, now: datetime) -> str:
    return duration(((job.ended_at or now) - job.started_at).total_seconds()) if job.started_at else ""


@click.command(cls=Command, refused=habits.CANCEL, notes={"Examples": CANCEL})
@options.cluster_argument
@click.argument("jobs", nargs=-1, type=JOB_ID)
@option("-a", "--all", "everything", is_flag=True, help="All jobs that have not ended.")
@options.accepted("--no-async")
@options.yes_option
def cancel(cluster: str, jobs: tuple[int, ...], everything: bool, yes: bool) -> None:
    """Cancel jobs. Those that have ended already are left as they are."""
    if everything == bool(jobs):
        raise click.UsageError("give job numbers (`styx queue` lists them) or --all, and not both")
    what = "all jobs" if everything else _jobs(jobs)
    with connected() as client:
        if everything or len(jobs) > 1:
            find(client, [cluster])  # nobody is asked about what is not there
            confirm(f"Cancel {what} on {clean(cluster)}?", yes=yes)
        cancelled = client.cancel(cluster, None if everything else jobs)
        if cancelled:
            click.echo(f"Cancelled {_jobs(cancelled)}.")
        elif everything:
            click.echo("Nothing to cancel: no job was waiting or running.")
        for job in dict.fromkeys(jobs):
            if job not in cancelled:  # raises JobNotFound where there is no such job
                click.echo(f"Job {job} has ended already: {client.job(cluster, job).state.replace('_', ' ')}.")


def _jobs(numbers: Iterable[int]) -> str:
    each = [str(number) for number in sorted(set(numbers))]
    return f"job{'s' if len(each) > 1 else ''} {', '.join(each)}"


@click.command(cls=Command, refused=habits.LOGS, notes={"Examples": LOGS, "Exit code": LOGS_EXIT})
@options.cluster_argument
@click.argument("jobs", metavar="[JOB]...", nargs=-1, type=JOB_ID)
@option("--follow/--no-follow", "to_end", default=True, help="Go on until the job has ended (default), or not.")
@option("--tail", type=JOB_ID, metavar="N", help="Begin with the last N lines.")
@option("-w", "--worker", type=WholeNumber(min=0), metavar="RANK", help="Only the node with this rank.")
@option("-s", "--sync-down", is_flag=True, help="Download the logs instead, one file for each node.")
@option("--status", is_flag=True, help="Print the state of the job instead.")
@click.pass_context
def logs(
    ctx: click.Context,
    cluster: str,
    jobs: tuple[int, ...],
    to_end: bool,
    tail: int | None,
    worker: int | None,
    sync_down: bool,
    status: bool,
) -> None:
    """Show what a job writes, by default the newest job, until it ends.

    With several nodes every line begins with '(rank N) '; with one, or with -w, the bytes are exactly the job's.
    """
    if sync_down and status:
        raise click.UsageError("--sync-down and --status exclude each other")
    if len(jobs) > 1 and not (sync_down or status):
        raise click.UsageError("several jobs go with --sync-down or --status only")
    with connected() as client:
        if sync_down:
            _download(client, cluster, jobs)
        elif status:
            ctx.exit(_states(client, cluster, jobs or (None,)))
        else:
            job = jobs[0] if jobs else None
            ctx.exit(follow.follow(client, cluster, job, to_end=to_end, tail=tail, rank=worker))


def _download(client: Client, cluster: str, jobs: tuple[int, ...]) -> None:
    from pathlib import Path

    with progress() as report:
        report("logs", f"downloading those of {cluster}")
        files = client.download_logs(cluster, jobs, Path(DOWNLOADS))
    for file in files:
        click.echo(clean(file))


def _states(client: Client, cluster: str, jobs: tuple[int | None, ...]) -> int:
    code = 0
    for number in jobs:
        job = client.job(cluster, number)
        click.echo(f"Job {job.id}: {job.state}")
        code = code or follow.exit_code(job)
    return code
