"""``styx ssh``: a terminal on a node."""

from __future__ import annotations

import click

from styx.cli import options
from styx.cli.command import Command, option
from styx.cli.session import connected
from styx.cli.taskargs import command_line
from styx.cli.values import WholeNumber

EXAMPLES = """
styx ssh dev
styx ssh dev -w 1                  # the second node
styx ssh dev -- nvidia-smi -L
styx ssh dev 'tail -f /var/log/syslog | grep oom'
"""
EXIT = """
That of the command or shell on the node.
  127  the program that reaches the node is not installed where Styx runs it
"""


@click.command(cls=Command, inner=True, notes={"Examples": EXAMPLES, "Exit code": EXIT})
@options.cluster_argument
@click.argument("command", nargs=-1)
@option("-w", "--worker", type=WholeNumber(min=0), default=0, metavar="RANK", help="Which node; 0 is the head.")
@click.pass_context
def ssh(ctx: click.Context, cluster: str, command: tuple[str, ...], worker: int) -> None:
    """Open a terminal on a node, or run one command there.

    Works for every kind of node, also those that are not reached by SSH, and for those of a server.
    """
    with connected() as client:
        ctx.exit(client.shell(cluster, worker, command_line(command)))
