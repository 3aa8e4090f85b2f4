"""What ``styx jobs launch`` and ``styx spot launch`` have in common: consent, handing in, and following to the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from styx.cli import explained, options
from styx.cli import managedviews as views
from styx.cli.ask import confirm, interactive
from styx.cli.command import option
from styx.cli.consent import price
from styx.cli.follow import DETACHED
from styx.cli.joboptions import chosen, job_options
from styx.cli.managedfollow import follow, follow_all, hints, spoken
from styx.cli.progress import progress
from styx.cli.render import clean, json_text, money, note
from styx.cli.session import connected
from styx.cli.taskargs import build_tasks
from styx.words import count

if TYPE_CHECKING:
    from styx.client.protocol import Client, DagLaunch, LaunchOptions
    from styx.jobs.model import JobOptions
    from styx.spec import Dag, Task

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

JSON = """
With --detach-run, -o json prints the jobs as `styx jobs queue` does; with
--dryrun what `styx explain` or `styx dag run --dryrun` prints.
"""


def launch_options(function: FunctionT) -> FunctionT:
    """The arguments of both."""
    return options.apply(
        click.argument("entrypoint", nargs=-1),
        job_options,
        options.task_options,
        options.need_options,
        options.machine_options,
        options.environment_options,
        option("--dryrun", is_flag=True, help="Show what would be rented, and hand nothing in."),
        option("-d", "--detach-run", is_flag=True, help="Return once it is handed in instead of showing its output."),
        options.accepted("-no-d"),
        options.accepted("--no-async"),
        options.yes_option,
        options.output_option,
    )(function)


def hand_in(entrypoint: tuple[str, ...], arguments: Mapping[str, Any]) -> int:
    """Read the task or tasks, ask, hand them in, and follow them; the exit code."""
    from styx.spec import Dag

    dryrun, detach, output = arguments["dryrun"], arguments["detach_run"], arguments["output"]
    if output == "json" and not (dryrun or detach):
        raise click.UsageError("-o json goes with --dryrun or --detach-run: otherwise the output is the job's")
    if not entrypoint:
        raise click.UsageError("a job needs something to run: a YAML file, or a command after '--'")
    work, wanted = build_tasks(entrypoint, arguments), chosen(arguments)
    copies = arguments["num_jobs"] or 1
    if copies > 1 and isinstance(work, Dag):
        raise click.UsageError("--num-jobs is for a single task; a sweep in the file makes many of one there")
    with connected() as client:
        if dryrun:
            return _show(client, work, wanted, output)
        if not arguments["yes"]:
            _agree(client, work, wanted, copies)
        jobs = client.jobs
        with progress() as report:
            report("submit", "handing it in")
            handed_in = (
                jobs.submit_dag(work, wanted) if isinstance(work, Dag) else jobs.submit(work, wanted, count=copies)
            )
        numbers = [job.id for job in handed_in]
        if detach and output == "json":
            click.echo(json_text([views.job(job) for job in handed_in]))
        elif detach:
            click.echo(f"{spoken(numbers).capitalize()} {_are(numbers)} handed in.\n{hints(numbers)}")
        else:
            note(f"{spoken(numbers).capitalize()}; Ctrl-C leaves {'it' if len(numbers) == 1 else 'them'} running.")
            return follow(jobs, numbers[0]) if len(numbers) == 1 else follow_all(jobs, handed_in)
    return 0


def _are(numbers: list[int]) -> str:
    return "is" if len(numbers) == 1 else "are"


def _agree(client: Client, work: Task | Dag, wanted: JobOptions, copies: int) -> None:
    """Ask before anything that costs money is handed in. Raises BadInput when nobody can be asked."""
    from styx.spec import Dag

    try:
        if isinstance(work, Dag):
            _agree_to_all(client, work, wanted)
        else:
            _agree_to_one(client, work, wanted, copies)
    except KeyboardInterrupt:
        note("\nStopped. Nothing was handed in.")
        raise click.exceptions.Exit(DETACHED) from None


def _agree_to_one(client: Client, task: Task, wanted: JobOptions, copies: int) -> None:
    with progress() as report:
        found = client.explain(task, _launch(wanted), report, not_yet=False)
    first = found.choices[0] if found.choices else None
    if first is None or first.hourly_cost == 0:  # the job itself says why nothing fits
        return
    if interactive():
        note(explained.text(found))
    what = "a job, on a cluster" if copies == 1 else f"{copies} jobs, each on a cluster"
    limit = f", for at most {money(wanted.max_hourly_cost)} an hour" if wanted.max_hourly_cost is not None else ""
    note(f"A job that loses its cluster goes on where it is cheapest then{limit}.")
    confirm(f"Hand in {what} of its own on {explained.where(first)} for {price(first.hourly_cost)}?")


def _agree_to_all(client: Client, dag: Dag, wanted: JobOptions) -> None:
    from styx.cli import dagviews

    plan = _plan(client, dag, wanted)
    if plan.cost == 0:
        return
    if interactive():
        note(dagviews.plan_table(plan))
    cost = "an unknown price" if plan.cost is None else f"about {money(plan.cost)} in all"
    confirm(f"Hand in {clean(count(len(plan.tasks), 'job'))} for {cost}?")


def _show(client: Client, work: Task | Dag, wanted: JobOptions, output: str) -> int:
    from styx.cli import dagviews
    from styx.spec import Dag

    if not isinstance(work, Dag):
        return explained.show(client, work, _launch(wanted), output)

    plan = _plan(client, work, wanted)
    click.echo(json_text(dagviews.plan(plan)) if output == "json" else dagviews.plan_table(plan))
    return 0


def _plan(client: Client, dag: Dag, wanted: JobOptions) -> DagLaunch:
    from styx.dags.model import RunOptions

    with progress() as report:
        report("plan", "asking the clouds what they have")
        return client.plan_dag(dag, RunOptions(account=wanted.account, max_hourly_cost=wanted.max_hourly_cost))


def _launch(wanted: JobOptions) -> LaunchOptions:
    from styx.client.protocol import LaunchOptions

    return LaunchOptions(account=wanted.account, max_hourly_cost=wanted.max_hourly_cost)
