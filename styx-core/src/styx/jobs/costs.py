"""What managed jobs have cost so far, from what their clusters were billed for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from styx.jobs import names
from styx.store import Store
from styx.store.managed import ManagedJob
from styx.store.records import Span

_HOUR = Decimal(3600)
_SMALLEST = Decimal("0.000001")


def so_far(store: Store, jobs: Sequence[ManagedJob]) -> list[ManagedJob]:
    """The jobs, those that have not ended with what they cost by now, in USD; None where a price is not known."""
    going = {job.id: _clusters(job) for job in jobs if job.cluster and not job.state.ended}
    if not going:
        return [*jobs]
    spans = defaultdict(list)
    for span in store.spans.of([name for each in going.values() for name in each]):
        spans[span.cluster].append(span)
    now = store.now()
    return [
        replace(job, cost=_sum([span for name in going[job.id] for span in spans[name]], job, now))
        if job.id in going
        else job
        for job in jobs
    ]


def of(store: Store, job: ManagedJob) -> Decimal | None:
    """What one job has cost by now."""
    return so_far(store, [job])[0].cost


def _clusters(job: ManagedJob) -> set[str]:
    """The names that the job's clusters have or had."""
    return {job.cluster, *(names.cluster(job.name, job.id, run) for run in range(1, job.runs + 1))}


def _sum(spans: Sequence[Span], job: ManagedJob, now: datetime) -> Decimal | None:
    total = Decimal(0)
    for span in spans:
        if span.born < job.created_at or (job.user and span.user != job.user):  # somebody else's, of the same name
            continue
        if span.hourly_cost is None:
            return None
        total += span.hourly_cost * span.seconds(None, now) / _HOUR
    return total.quantize(_SMALLEST)
