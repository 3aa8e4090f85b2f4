"""Managed jobs for people, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from styx.cli.render import ago, clean, duration, iso, moment, money, table
from styx.cli.views import usd
from styx.words import count

if TYPE_CHECKING:
    from styx.store.managed import JobEvent, ManagedJob

Shape = dict[str, Any]

RANK = "STYX_JOB_RANK"  # which an array is told by

HEADERS = ("ID", "NAME", "STATE", "USER", "SUBMITTED", "RAN", "RECOVERIES", "COST", "CLUSTER", "REASON")


def listing(jobs: Sequence[ManagedJob], now: datetime) -> str:
    """One line for each."""
    return table(HEADERS, [_row(job, now) for job in jobs])


def _row(job: ManagedJob, now: datetime) -> tuple[object, ...]:
    return (
        job.id,
        name(job),
        job.state,
        job.user,
        ago(job.created_at, now),
        _ran(job, now),
        job.recoveries,
        money(job.cost),
        job.cluster,
        why(job),
    )


def name(job: ManagedJob) -> str:
    """The name; of one of an array, which all have one name, with its rank."""
    envs = job.task.get("envs")
    return f"{job.name}[{job.rank}]" if isinstance(envs, Mapping) and RANK in envs else job.name


def why(job: ManagedJob) -> str:
    """Why it is where it is: what it waits for, or what has become of it."""
    if job.cancelling and not job.state.ended:
        return "is being cancelled"
    if job.waiting and not job.state.ended:
        return f"waits for {count(job.waiting, 'job')} of its group"
    return job.reason


def _ran(job: ManagedJob, now: datetime) -> str:
    return duration(((job.ended_at or now) - job.started_at).total_seconds()) if job.started_at else ""


def details(job: ManagedJob, events: Sequence[JobEvent], now: datetime) -> str:
    """All that there is to know of one."""
    facts = {
        "name": name(job),
        "state": job.state,
        "reason": why(job),
        "user": job.user,
        "pool": job.pool,
        "priority": job.priority,
        "group": job.group,
        "after": ", ".join(map(str, job.needs)),
        "cluster": job.cluster,
        "exit code": job.exit_code,
        "runs": f"{job.runs} ({count(job.restarts, 'restart')}, {_recoveries(job.recoveries)})" if job.runs else "",
        "submitted": moment(job.created_at),
        "ran": _ran(job, now),
        "ends at": moment(job.stop_at) if job.stop_at and not job.state.ended else "",
        "cost": money(job.cost),
        "outputs": ", ".join(f"{key}={value}" for key, value in job.outputs.items()),
    }
    lines = [f"Job {job.id}", *(f"  {key:<10}  {clean(fact)}" for key, fact in facts.items() if fact not in ("", None))]
    return "\n".join([*lines, *(f"  {line}" for line in map(event_line, events))])


def _recoveries(number: int) -> str:
    return f"{number} {'recovery' if number == 1 else 'recoveries'}"


def event_line(event: JobEvent) -> str:
    """One line of what happened to a job."""
    what = " -> ".join(state for state in (event.from_state, event.to_state) if state) or event.kind
    return f"{moment(event.at)}  {clean(what)}{f': {clean(event.reason)}' if event.reason else ''}"


def job(found: ManagedJob) -> Shape:
    """The JSON of one."""
    return {
        "id": found.id,
        "name": found.name or None,
        "state": str(found.state),
        "reason": why(found) or None,
        "user": found.user or None,
        "pool": found.pool or None,
        "group": found.group or None,
        "rank": found.rank,
        "size": found.size,
        "needs": list(found.needs),
        "waiting": found.waiting,
        "priority": found.priority,
        "cluster": found.cluster or None,
        "runs": found.runs,
        "restarts": found.restarts,
        "recoveries": found.recoveries,
        "exit_code": found.exit_code,
        "error": found.error,
        "outputs": dict(found.outputs),
        "cost": usd(found.cost),
        "spot": on_spot(found),
        "created_at": iso(found.created_at),
        "updated_at": iso(found.updated_at),
        "started_at": found.started_at and iso(found.started_at),
        "ended_at": found.ended_at and iso(found.ended_at),
        "primary": found.primary,
        "stop_at": found.stop_at and iso(found.stop_at),
    }


def event(found: JobEvent) -> Shape:
    """The JSON of one thing that happened to a job."""
    return {
        "at": iso(found.at),
        "kind": found.kind,
        "from": found.from_state or None,
        "to": found.to_state or None,
        "reason": found.reason or None,
    }


def on_spot(job: ManagedJob) -> bool:
    """Whether the job asks for spot machines, in every way in which it may be satisfied."""
    resources = job.task.get("resources")
    if not isinstance(resources, dict):
        return False
    ways = resources.get("any_of") or resources.get("ordered") or [{}]
    return all({**resources, **way}.get("use_spot") is True for way in ways)
