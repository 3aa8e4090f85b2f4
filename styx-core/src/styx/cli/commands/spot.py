"""``styx spot``: managed jobs on machines at spot prices."""

from __future__ import annotations

from typing import Any

import click

from styx.cli import habits, options
from styx.cli import managedviews as views
from styx.cli.command import Command, option
from styx.cli.commands.managed import JOB_ID, QUEUE_JSON, end
from styx.cli.complete import job_ids, job_names
from styx.cli.managedfollow import EXIT_CODES
from styx.cli.managedlaunch import JSON, hand_in, launch_options
from styx.cli.managedselect import filtered, page_options, show_page, unended
from styx.cli.session import connected

LAUNCH = """
styx spot launch train.yaml
styx spot launch -d --gpus A100:8 --strategy eager_next_region train.yaml
styx spot launch --infra aws --max-cost 2.50 -- python train.py
"""
QUEUE = """
styx spot queue
styx spot queue -s -o json
"""
CANCEL = """
styx spot cancel 12
styx spot cancel -n train
styx spot cancel --all --yes
"""


@click.group()
def spot() -> None:
    """Run managed jobs on spot machines.

    They cost less and may be taken back at any time: then the job finds another place and goes on. What it must not
    lose it keeps in a bucket (`file_mounts`), and takes up from there. `styx jobs` does the rest: logs and status.
    """


@spot.command(
    cls=Command,
    inner=True,
    refused=habits.JOBS_LAUNCH,
    notes={"Examples": LAUNCH, "Exit code": EXIT_CODES, "JSON": JSON},
)
@launch_options
@click.pass_context
def launch(ctx: click.Context, /, entrypoint: tuple[str, ...], **arguments: Any) -> None:
    """Hand in a job for spot machines, and show its output.

    It is on spot machines whatever its file says.
    """
    if arguments["use_spot"] is False:
        raise click.UsageError("--no-use-spot makes no sense here; see `styx jobs launch`")
    ctx.exit(hand_in(entrypoint, {**arguments, "use_spot": True}))


@spot.command(cls=Command, refused=habits.JOBS_QUEUE, notes={"Examples": QUEUE, "JSON": QUEUE_JSON})
@page_options
@options.output_option
def queue(output: str, **arguments: Any) -> None:
    """List managed jobs on spot machines, newest first."""
    with connected() as client:
        show_page(filtered(client.jobs, arguments, views.on_spot), arguments, output)


@spot.command(cls=Command, refused=habits.JOBS_CANCEL, notes={"Examples": CANCEL})
@click.argument("numbers", metavar="[JOB]...", nargs=-1, type=JOB_ID, shell_complete=job_ids)
@option("-n", "--name", metavar="NAME", shell_complete=job_names, help="All of yours of that name.")
@option("-a", "--all", "everything", is_flag=True, help="All of yours on spot machines.")
@option("-u", "--all-users", is_flag=True, help="Those of everybody, not yours alone.")
@options.yes_option
def cancel(numbers: tuple[int, ...], name: str | None, everything: bool, all_users: bool, yes: bool) -> None:
    """End jobs on spot machines, and remove their clusters."""
    everything = everything or (all_users and not (numbers or name))
    if [bool(numbers), name is not None, everything].count(True) != 1:
        raise click.UsageError("give job numbers (`styx spot queue` lists them), --name or --all; one of these")
    with connected() as client:
        if not numbers:
            there = unended(client.jobs, all_users=all_users)
            numbers = tuple(job.id for job in there if views.on_spot(job) and name in (None, job.name))
        end(client.jobs, numbers, yes=yes)
