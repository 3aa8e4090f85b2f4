"""``styx launch``: run a task on a new or existing cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from styx.cli import autostop, consent, explained, habits, options
from styx.cli.command import Command, option
from styx.cli.complete import accounts, cluster_names
from styx.cli.follow import DETACHED, EXIT_CODES
from styx.cli.render import note
from styx.cli.session import connected
from styx.cli.submit import finish, submit
from styx.cli.taskargs import build_task
from styx.cli.values import Dollars

if TYPE_CHECKING:
    from styx.client.protocol import Client, LaunchOptions
    from styx.spec import Task

EXAMPLES = """
styx launch task.yaml                      # on a new cluster
styx launch -c dev task.yaml               # make 'dev', or use it
styx launch --gpus A100:8 -- python train.py --lr 3e-4
styx launch -c dev -i 30 --down task.yaml  # remove it after 30 idle minutes
styx launch --infra aws/us-east-1 --use-spot task.yaml
styx launch --account dev --max-cost 2.50 task.yaml
styx launch --dryrun -o json task.yaml     # only show what would be rented
cat task.yaml | styx launch -              # YAML on standard input
"""
JSON = """
With --detach-run, -o json prints {cluster, job_id, created}; with --dryrun
what `styx explain -o json` prints.
"""


@click.command(
    cls=Command, inner=True, refused=habits.LAUNCH, notes={"Examples": EXAMPLES, "Exit code": EXIT_CODES, "JSON": JSON}
)
@click.argument("entrypoint", nargs=-1)
@option(
    "-c",
    "--cluster",
    metavar="NAME",
    section=options.CLUSTER,
    shell_complete=cluster_names,
    help="Cluster to make or use.",
)
@options.idle_option("--idle-minutes-to-autostop")
@option(
    "--down",
    is_flag=True,
    section=options.CLUSTER,
    help="Remove the cluster once it is idle, rather than stop it; without -i, as soon as its jobs have ended.",
)
@options.wait_for_option
@option("-r", "--retry-until-up", is_flag=True, section=options.CLUSTER, help="Keep trying until there is capacity.")
@option(
    "--account",
    metavar="NAME",
    section=options.CLUSTER,
    shell_complete=accounts,
    help="Which account of the cloud, if there are several.",
)
@option(
    "--max-cost",
    type=Dollars(),
    metavar="USD",
    section=options.CLUSTER,
    help="Make nothing that costs more an hour, for all nodes, and nothing without a known price.",
)
@option("--no-setup", is_flag=True, section=options.CLUSTER, help="Leave out the task's setup.")
@option("--fast", is_flag=True, section=options.CLUSTER, help="Leave out checks and setup on a cluster that is up.")
@options.task_options
@options.need_options
@options.machine_options
@options.environment_options
@option("--dryrun", is_flag=True, help="Show what would be rented and make nothing.")
@options.detach_option
@options.accepted("--no-async")
@options.yes_option
@options.output_option
@click.pass_context
def launch(ctx: click.Context, /, entrypoint: tuple[str, ...], **arguments: Any) -> None:
    """Run a task on a cluster, making the cluster if need be.

    ENTRYPOINT is a YAML file or its URI, '-' for YAML on standard input, or a command (after '--' when it has
    options). One
    word is run as a shell script as it is; several are kept apart. Without any, the cluster is made and nothing is run.

    Before anything that costs money is made, the offers are shown and you are asked; --yes says yes, without --max-cost
    to ten times the cheapest offer at most. Where there is no terminal to ask on, only what is free is made without
    --yes.
    """
    dryrun, detach, output = arguments["dryrun"], arguments["detach_run"], arguments["output"]
    if output == "json" and not (dryrun or detach):
        raise click.UsageError("-o json goes with --dryrun or --detach-run: otherwise the output is the job's")
    wanted = _launch_options(arguments)
    task = build_task(entrypoint, arguments)
    if task.spec.retries.times or task.spec.output_names:
        note("Its retries and output_names count in `styx dag run` and `styx jobs launch` alone.")
    with connected() as client:
        if dryrun:
            ctx.exit(explained.show(client, task, wanted, output))
        agreed = wanted if arguments["yes"] else _agreed(client, task, wanted)
        result = submit(client, agreed.cluster, lambda report: client.launch(task, agreed, report))
        ctx.exit(finish(client, result, detach=detach, output=output))


def _agreed(client: Client, task: Task, wanted: LaunchOptions) -> LaunchOptions:
    try:
        return consent.ask_to_launch(client, task, wanted)
    except KeyboardInterrupt:
        note("\nStopped. Nothing was made.")
        raise click.exceptions.Exit(DETACHED) from None


def _launch_options(arguments: Mapping[str, Any]) -> LaunchOptions:
    from styx.client.protocol import LaunchOptions

    return LaunchOptions(
        cluster=arguments["cluster"],
        autostop=autostop.policy(arguments["idle_minutes"], arguments["wait_for"], down=arguments["down"]),
        retry_until_up=arguments["retry_until_up"],
        no_setup=arguments["no_setup"],
        fast=arguments["fast"],
        account=arguments["account"],
        max_hourly_cost=arguments["max_cost"],
    )
