"""What ``launch`` and ``exec`` have in common: carrying the work through to the job's end, and Ctrl-C on the way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from styx.cli import views
from styx.cli.follow import DETACHED, commented, follow, hints
from styx.cli.progress import progress
from styx.cli.render import clean, json_text, note

if TYPE_CHECKING:
    from collections.abc import Callable

    from styx.client.protocol import Client, LaunchResult, Progress


def submit(client: Client, cluster: str | None, work: Callable[[Progress], LaunchResult]) -> LaunchResult:
    """Run ``work`` with progress. Ctrl-C stops it and says what exists by then; the exit code is DETACHED."""
    started = datetime.now(UTC)
    try:
        with progress() as report:
            return work(report)
    except KeyboardInterrupt:
        note(_what_exists(client, cluster, started))
        raise click.exceptions.Exit(DETACHED) from None


def finish(client: Client, result: LaunchResult, *, detach: bool, output: str) -> int:
    """Follow the job to its end, or with ``detach`` say how to; return the exit code."""
    if output == "json":
        click.echo(json_text(views.launch(result)))
        return 0
    if result.job_id is None:
        note(f"Cluster {clean(result.cluster)} is up. The task has nothing to run.")
        return 0
    if detach:
        click.echo(f"Job {result.job_id} is queued on {clean(result.cluster)}.\n{hints(result.cluster, result.job_id)}")
        return 0
    note(f"Job {result.job_id} on {clean(result.cluster)}; Ctrl-C leaves it running.")
    return follow(client, result.cluster, result.job_id)


def _what_exists(client: Client, cluster: str | None, started: datetime) -> str:
    import shlex

    records = [c for c in client.status() if (c.name == cluster if cluster else c.created_at >= started)]
    if not records:
        return "\nStopped. Nothing was made."
    lines = ["\nStopped."]
    for record in records:
        name, up = shlex.quote(record.name), record.state == "up"
        next_steps = (
            {f"styx queue {name}": "see whether the job was queued"}
            if up
            else {f"styx launch -c {name} ...": "go on, with the same task"}
        )
        lines.append(f"Cluster {clean(record.name)} is {'up' if up else 'there in part'}:")
        lines.append(commented({**next_steps, f"styx down {name}": "remove it"}))
    return "\n".join(lines)
