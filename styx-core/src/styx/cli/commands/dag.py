"""``styx dag``: look at several tasks that wait for each other, and run them."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from styx.cli import dagviews, options
from styx.cli.command import Command, option
from styx.cli.complete import accounts
from styx.cli.follow import DETACHED
from styx.cli.progress import progress
from styx.cli.render import clean, json_text, money, note
from styx.cli.session import connected
from styx.cli.taskargs import environment
from styx.cli.values import Dollars, WholeNumber

if TYPE_CHECKING:
    from collections.abc import Mapping

    from styx.client.protocol import Client, DagLaunch
    from styx.dags.model import RunOptions
    from styx.spec import Dag

_WARNED = 2  # the Ctrl-C that ends nothing, and says what the next one does
_LAST_WORDS = 1.0  # seconds that the output of an interrupted run may take before the last sentence

SHOW = """
styx dag show pipeline.yaml
styx dag show sweep.yaml --all        # every task of a sweep
styx dag show pipeline.yaml -o json | jq '.tasks[].name'
"""
SHOW_JSON = """
{name, execution, tasks: [{name, after, when, retries: {times, exit_codes},
output_names, num_nodes, resources}]}; resources as in YAML.
"""
RUN = """
styx dag run pipeline.yaml
styx dag run pipeline.yaml --env DAY=monday --at-once 4
styx dag run pipeline.yaml --dryrun    # where they would run, and the cost
"""
RUN_JSON = """
{name, succeeded, tasks: [{name, state, cluster, exit_code, reason, tries,
began_at, ended_at, outputs}]}; with --dryrun {cost, transfer_cost, hours,
proved, tasks: [{name, infra, account, instance_type, hourly_cost, ...}]}.
"""
RUN_EXIT = f"""
  0    every task has succeeded, or was left out by its condition
  1    a task has failed, or a cluster could not be removed
  {DETACHED}  it was interrupted; what was running was removed, or kept by --keep
"""


@click.group()
def dag() -> None:
    """Look at tasks that wait for each other, and run them.

    A file holds one task a document. They run one after the other, unless any of them says `depends_on`.
    """


@dag.command(cls=Command, notes={"Examples": SHOW, "JSON": SHOW_JSON})
@click.argument("file", metavar="FILE")
@option("--all", "-a", "everything", is_flag=True, help="Draw every task of a sweep, not one line for all of them.")
@options.environment_options
@options.output_option
def show(file: str, everything: bool, output: str, **arguments: Any) -> None:
    """Draw the tasks of a file and which of them come after which."""
    found = _read(file, arguments)
    if output == "json":
        click.echo(json_text(dagviews.dag(found)))
    else:
        click.echo("\n".join(dagviews.drawing(found, everything=everything, encoding=sys.stdout.encoding)))


@dag.command(cls=Command, notes={"Examples": RUN, "JSON": RUN_JSON, "Exit code": RUN_EXIT})
@click.argument("file", metavar="FILE")
@option("-n", "--name", metavar="NAME", help="What the run is called, and its clusters begin with.")
@option("--at-once", type=WholeNumber(min=1), metavar="N", help="The most tasks that run side by side; else 16.")
@option("--minimize", type=click.Choice(["cost", "time"]), default="cost", help="What the places are chosen for.")
@option("--keep", is_flag=True, help="Keep the clusters of tasks that have ended.")
@option("--account", metavar="NAME", shell_complete=accounts, help="Which account of the clouds, if there are several.")
@option("--max-cost", type=Dollars(), metavar="USD", help="The most one task may cost an hour, for all its nodes.")
@options.environment_options
@option("--dryrun", is_flag=True, help="Show where the tasks would run, and make nothing.")
@options.yes_option
@options.output_option
@click.pass_context
def run(ctx: click.Context, /, file: str, output: str, **arguments: Any) -> None:
    """Run the tasks of a file, each on a cluster of its own.

    A cluster is removed when its task has ended. Tasks that do not wait for each other run side by side. One that fails
    stops those that come after it and no others. Everything ends with this command: Ctrl-C removes what is running,
    unless --keep is given.
    """
    found = _read(file, arguments)
    wanted = _run_options(arguments)
    with connected() as client:
        if arguments["dryrun"]:
            _show_plan(_plan(client, found, wanted), output)
            return
        if not arguments["yes"]:
            wanted = _agree(_plan(client, found, wanted), wanted)
        lines = dagviews.Lines(found, sys.stderr if output == "json" else sys.stdout)
        with lines, _ended_by(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as came:
            try:
                result = client.run_dag(found, wanted, lines)
            except KeyboardInterrupt:
                lines.finish(_LAST_WORDS)
                note(f"\nStopped. {_what_is_left(wanted, lines.left or len(came) > _WARNED)}")
                raise click.exceptions.Exit(DETACHED) from None
    click.echo(json_text(dagviews.result(result)) if output == "json" else dagviews.result_table(result))
    ctx.exit(0 if result.succeeded else 1)


@contextmanager
def _ended_by(*signals: signal.Signals) -> Iterator[list[int]]:
    """Let these end the block as Ctrl-C does: nothing goes on without this command. What is ignored stays ignored.

    While it ends, a second Ctrl-C says so and a third leaves it as it is; other signals, of which several come at a
    hangup, do nothing more. The list has those that counted.
    """
    came: list[int] = []

    def stop(number: int, _frame: object) -> None:
        if came and number != signal.SIGINT:
            return
        came.append(number)
        if len(came) != _WARNED:
            raise KeyboardInterrupt
        with suppress(OSError):
            note("\nStill ending what runs. Ctrl-C once more leaves it as it is.")

    before = {each: signal.getsignal(each) for each in signals}
    before = {each: handler for each, handler in before.items() if handler is not signal.SIG_IGN}
    for each in before:
        signal.signal(each, stop)
    try:
        yield came
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _what_is_left(wanted: RunOptions, left: bool) -> str:
    """What an interruption has made of the clusters."""
    if wanted.keep:
        return "Clusters are kept, and their jobs go on: `styx status` lists them, `styx down` removes them."
    if left:
        return "Not everything was removed: `styx status` shows what is left, `styx down` removes it."
    return "What was running was removed."


def _read(file: str, arguments: Mapping[str, Any]) -> Dag:
    from styx.spec import load_dag

    envs, secrets = environment(arguments)
    return load_dag(file, envs=envs, secrets=secrets)


def _run_options(arguments: Mapping[str, Any]) -> RunOptions:
    from styx.dags.model import AT_ONCE, RunOptions
    from styx.optimizer.tasks import Objective

    return RunOptions(
        name=arguments["name"] or "",
        at_once=arguments["at_once"] or AT_ONCE,
        keep=arguments["keep"],
        account=arguments["account"],
        max_hourly_cost=arguments["max_cost"],
        objective=Objective(arguments["minimize"]),
    )


def _plan(client: Client, found: Dag, wanted: RunOptions) -> DagLaunch:
    with progress() as report:
        report("plan", "asking the clouds what they have")
        return client.plan_dag(found, wanted)


def _show_plan(plan: DagLaunch, output: str) -> None:
    if output == "json":
        click.echo(json_text(dagviews.plan(plan)))
        return
    click.echo(dagviews.plan_table(plan))
    click.echo("Nothing was made: this was a dry run.")


def _agree(plan: DagLaunch, wanted: RunOptions) -> RunOptions:
    """Ask before anything that costs money is made; how to run for no more. Raises BadInput if nobody can be asked."""
    from styx.cli.ask import confirm, interactive

    agreed = replace(wanted, agreed=tuple(place.hourly_cost for _, place in plan.tasks))
    if plan.cost == 0:
        return agreed
    if interactive():
        note(dagviews.plan_table(plan))
    cost = "an unknown price" if plan.cost is None else f"about {money(plan.cost)} in all"
    confirm(f"Run {clean(len(plan.tasks))} tasks for {cost}?")
    return agreed
