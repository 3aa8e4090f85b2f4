"""``styx explain``: where a task would run, and why not elsewhere."""

from __future__ import annotations

from typing import Any

import click

from styx.cli import explained, options
from styx.cli.command import Command, option
from styx.cli.complete import accounts
from styx.cli.session import connected
from styx.cli.taskargs import build_task
from styx.cli.values import Dollars

EXAMPLES = """
styx explain task.yaml
styx explain --gpus A100:8 --use-spot
styx explain task.yaml --all      # every offer that fits
styx explain task.yaml -o json | jq '.ruled_out[] | {cloud, why}'
"""
JSON = """
{name, num_nodes, chosen, runners_up: [...], refused: [{..., reason, until}],
 ruled_out: [{cloud, why, nearest}], not_yet: [{cloud, why, nearest}],
 mistake: a sentence about a name that nothing known has, or null}
An offer is {infra, account, instance_type, vcpus, memory_gib, accelerators,
spot, hourly_cost}; hourly_cost is a string, USD for all nodes. chosen is null
when nothing fits; refused is what fits and was refused to a launch of late;
not_yet are clouds of which a catalog is installed and no plugin launches.
"""
EXIT = f"""
  0   something fits
  {explained.NOTHING_FITS}  nothing does
"""


@click.command(cls=Command, notes={"Examples": EXAMPLES, "JSON": JSON, "Exit code": EXIT})
@click.argument("entrypoint", nargs=-1, metavar="[FILE | COMMAND...]")
@option("--account", metavar="NAME", shell_complete=accounts, help="Which account of the cloud, if there are several.")
@option("--max-cost", type=Dollars(), metavar="USD", help="The most it may cost an hour, for all nodes.")
@option("--all", "-a", "everything", is_flag=True, help="Show every offer that fits, not the best of each type.")
@options.task_options
@options.need_options
@options.machine_options
@options.environment_options
@options.output_option
@click.pass_context
def explain(ctx: click.Context, /, entrypoint: tuple[str, ...], output: str, **arguments: Any) -> None:
    """Show where a task would run and what it costs, and for each other cloud why not.

    Nothing is made. What a cloud lacks is told with the offer that comes closest.
    """
    from styx.client.protocol import LaunchOptions

    task = build_task(entrypoint, arguments, check_files=False)
    wanted = LaunchOptions(account=arguments["account"], max_hourly_cost=arguments["max_cost"])
    with connected() as client:
        ctx.exit(explained.show(client, task, wanted, output, everything=arguments["everything"]))
