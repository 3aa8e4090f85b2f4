"""Which managed jobs the user means, and pages of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from styx.cli import managedviews as views
from styx.cli import options
from styx.cli.command import option
from styx.cli.complete import job_names
from styx.cli.render import json_text, note
from styx.cli.values import OneOf, WholeNumber

if TYPE_CHECKING:
    from styx.client.jobs import JobsClient
    from styx.store.managed import JobQuery, ManagedJob

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

PAGE = 1000  # the most that is asked for at once
SHOWN = 50
# As styx.store.managed has them, which is slow to import.
STATES = (
    "pending", "starting", "running", "recovering", "cancelling", "succeeded", "failed", "failed_setup",
    "failed_no_resources", "cancelled", "skipped",
)  # fmt: skip


def page_options(function: FunctionT) -> FunctionT:
    """What to list."""
    return options.apply(
        option("-s", "--skip-finished", is_flag=True, help="Leave out jobs that have ended."),
        option(
            "--state", "--status", type=OneOf(STATES), metavar="STATE", help="Only those in this state, such as failed."
        ),
        option("-n", "--name", metavar="NAME", shell_complete=job_names, help="Only those of this name."),
        option("--user", metavar="NAME", help="Only those of this user; goes with --state and -s."),
        option("-p", "--pool", metavar="NAME", help="Only those of this pool."),
        option("--group", metavar="ID", help="Only those of this array or file of tasks."),
        option(
            "-l",
            "--limit",
            type=WholeNumber(min=1, max=PAGE),
            default=SHOWN,
            show_default=True,
            metavar="N",
            help="So many of them.",
        ),
        option("--after", type=WholeNumber(min=1), metavar="JOB", help="Go on after this job, where a page ended."),
        options.accepted("-u", "--all-users"),
    )(function)


def filtered(
    jobs: JobsClient, arguments: Mapping[str, Any], fits: Callable[[ManagedJob], bool] | None = None
) -> list[ManagedJob]:
    """The page that was asked for, of those that fit. Raises BadInput for filters that do not go together."""
    from styx.store.managed import JobQuery

    query = JobQuery(
        state=arguments["state"],
        user=arguments["user"],
        name=arguments["name"],
        group=arguments["group"],
        pool=arguments["pool"],
        ended=False if arguments["skip_finished"] else None,
        after=arguments["after"],
        limit=arguments["limit"],
    )
    if fits is None:
        return jobs.list(query)
    found: list[ManagedJob] = []
    for job in _all(jobs, query):
        if fits(job):
            found.append(job)
            if len(found) == query.limit:
                break
    return found


def _all(jobs: JobsClient, query: JobQuery) -> Iterator[ManagedJob]:
    """Every job that the query finds, page by page."""
    from dataclasses import replace

    query = replace(query, limit=PAGE)
    while page := jobs.list(query):
        yield from page
        if len(page) < PAGE:
            return
        query = replace(query, after=page[-1].id)


def show_page(found: Sequence[ManagedJob], arguments: Mapping[str, Any], output: str) -> None:
    """Print a page."""
    if output == "json":
        click.echo(json_text([views.job(job) for job in found]))
        return
    click.echo(views.listing(found, datetime.now(UTC)) if found else "No jobs.")
    if len(found) == arguments["limit"]:
        note(f"There may be more: --after {found[-1].id} goes on from here.")


def unended(jobs: JobsClient, *, all_users: bool) -> list[ManagedJob]:
    """One's own that have not ended, or those of all users, newest first."""
    from styx.client.access import whoami
    from styx.store.managed import JobQuery

    return list(_all(jobs, JobQuery(ended=False, user=None if all_users else whoami())))


def newest(jobs: JobsClient) -> ManagedJob:
    """The newest of all. Raises JobNotFound."""
    from styx.store.managed import JobQuery

    return _first(jobs, JobQuery(limit=1), "there is no managed job yet")


def named(jobs: JobsClient, name: str) -> ManagedJob:
    """The newest of that name. Raises JobNotFound."""
    from styx.store.managed import JobQuery

    return _first(jobs, JobQuery(name=name, limit=1), f"no managed job is called {name!r}")


def _first(jobs: JobsClient, query: JobQuery, otherwise: str) -> ManagedJob:
    from styx.api.errors import JobNotFound

    found = jobs.list(query)
    if not found:
        raise JobNotFound(otherwise, hint="`styx jobs queue` lists them; `styx jobs launch` hands one in.")
    return found[0]
