"""``styx ssh``: a terminal on a node."""

from __future__ import annotations

import os

import click

from styx.cli import options
from styx.cli.command import Command, option
from styx.cli.session import connected
from styx.cli.taskargs import command_line
from styx.cli.values import WholeNumber

NOT_FOUND = 127
EXAMPLES = """
styx ssh dev
styx ssh dev -w 1                  # the second node
styx ssh dev -- nvidia-smi -L
styx ssh dev 'tail -f /var/log/syslog | grep oom'
"""
EXIT = f"""
That of the command or shell on the node.
  {NOT_FOUND}  the program to reach the node with is not installed here
"""


@click.command(cls=Command, inner=True, notes={"Examples": EXAMPLES, "Exit code": EXIT})
@options.cluster_argument
@click.argument("command", nargs=-1)
@option("-w", "--worker", type=WholeNumber(min=0), default=0, metavar="RANK", help="Which node; 0 is the head.")
def ssh(cluster: str, command: tuple[str, ...], worker: int) -> None:
    """Open a terminal on a node, or run one command there.

    Works for every kind of node, also those that are not reached by SSH.
    """
    with connected() as client:
        arguments = client.shell(cluster, worker, command_line(command))
    try:
        os.execvp(arguments[0], arguments)  # noqa: S606 - this process becomes the terminal
    except OSError as error:
        raise _CannotRun(f"cannot run {arguments[0]}: {error.strerror}") from error


class _CannotRun(click.ClickException):
    exit_code = NOT_FOUND
