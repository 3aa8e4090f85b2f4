"""``styx exec``: run a task on a cluster that is up."""

from __future__ import annotations

from typing import Any

import click

from styx.cli import habits, options
from styx.cli.command import Command
from styx.cli.follow import EXIT_CODES
from styx.cli.session import connected
from styx.cli.submit import finish, submit
from styx.cli.taskargs import build_task

EXAMPLES = """
styx exec dev task.yaml
styx exec dev nvidia-smi
styx exec dev 'cd data && ls | wc -l'        # one word: a shell script
styx exec dev --gpus A100:1 -d -- python train.py --lr 3e-4
styx exec dev --env WANDB_API_KEY task.yaml  # the value in this shell
"""
JSON = """
With --detach-run, -o json prints one object:
  {cluster, job_id, created}
"""


@click.command(
    "exec",
    cls=Command,
    inner=True,
    refused=habits.EXEC,
    notes={"Examples": EXAMPLES, "Exit code": EXIT_CODES, "JSON": JSON},
)
@options.cluster_argument
@click.argument("entrypoint", nargs=-1, required=True)
@options.task_options
@options.need_options
@options.environment_options
@options.detach_option
@options.accepted("--no-async")
@options.output_option
@click.pass_context
def exec_(ctx: click.Context, /, cluster: str, entrypoint: tuple[str, ...], **arguments: Any) -> None:
    """Run a task on a cluster that is up, without provisioning and without setup.

    ENTRYPOINT is a YAML file, '-' for YAML on standard input, or a command (after '--' when it has options). One
    word is run as a shell script as it is; several are kept apart.

    --gpus, --cpus and --memory are what the job takes of each node; it waits in the queue until they are free.
    """
    detach, output = arguments["detach_run"], arguments["output"]
    if output == "json" and not detach:
        raise click.UsageError("-o json goes with --detach-run: otherwise the output is the job's")
    task = build_task(entrypoint, arguments)
    with connected() as client:
        result = submit(client, cluster, lambda report: client.exec(task, cluster, report))
        ctx.exit(finish(client, result, detach=detach, output=output))
