"""Handing managed jobs in: rows in the store, which some server of this store takes from there."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from styx.api.errors import InvalidTask
from styx.dags.schedule import primary_tasks
from styx.jobs import urls
from styx.jobs.model import JobOptions, require_count
from styx.spec.dag import Dag
from styx.spec.header import termination_delay
from styx.spec.task import Task
from styx.store import Store, submission
from styx.store.managed import ManagedJob, NewJob

if TYPE_CHECKING:
    from styx.sealing import Sealer


def submit(
    store: Store,
    sealer: Sealer,
    task: Task,
    options: JobOptions,
    *,
    user: str,
    name: str = "",
    count: int = 1,
    key: str | None = None,
) -> list[ManagedJob]:
    """Put a task on record as a managed job, or as an array of ``count``; the jobs, in order.

    Each of an array has its rank as ``STYX_JOB_RANK`` and ``STYX_NUM_JOBS``, and by SkyPilot's names. With ``key``
    idempotent: the same again is the same jobs, and something else BadInput. Raises InvalidTask for a task that could
    not run.
    """
    require_count(count)
    key = key or secrets.token_hex(16)
    name = name or task.spec.name or "job"
    settled = _checked(task, options)
    written, values = task.to_dict(), task.spec.secrets
    group = group_name(name, key) if count > 1 else ""
    return _submit(
        store,
        sealer,
        [
            _new(
                sealer,
                _ranked(written, rank, count) if count > 1 else written,
                values,
                settled,
                key=f"{key}/{rank}",
                name=name,
                user=user,
                group=group,
                rank=rank,
                size=count,
            )
            for rank in range(count)
        ],
    )


def submit_dag(
    store: Store, sealer: Sealer, dag: Dag, options: JobOptions, *, user: str, key: str | None = None
) -> list[ManagedJob]:
    """Put the tasks of a Dag on record as one group; the jobs, in its order.

    Each is decided on once those it comes after have ended, as in a run of the Dag: it starts, with their outputs
    filled in, or is left out. The others of a job group end with its primary tasks. Raises InvalidTask.
    """
    dag = dag.check()
    primary = primary_tasks(dag)
    key = key or secrets.token_hex(16)
    needs: dict[int, list[int]] = {}
    for low, high in dag.numbered_edges():
        needs.setdefault(high, []).append(low)
    group = group_name(dag.name or "dag", key)
    return _submit(
        store,
        sealer,
        [
            _new(
                sealer,
                task.to_dict(),
                task.spec.secrets,
                _checked(task, options),
                key=f"{key}/{number}",
                name=dag.label(number),
                user=user,
                group=group,
                rank=number,
                size=len(dag.tasks),
                needs=tuple(needs.get(number, ())),
                primary=number in primary if primary else None,
                grace=termination_delay(dag, dag.label(number)) if primary and number not in primary else None,
            )
            for number, task in enumerate(dag.tasks)
        ],
    )


def _submit(store: Store, sealer: Sealer, jobs: Sequence[NewJob]) -> list[ManagedJob]:
    """Put jobs on record, or find them there. Raises BadInput where others have their keys."""
    found = store.jobs.submit(jobs)
    for each, job in zip(found, jobs, strict=True):
        if (each.sealed, each.options) != (job.sealed, job.options) and not _alike(sealer, each, job):
            raise submission.other(job)
    return found


def _alike(sealer: Sealer, found: ManagedJob, job: NewJob) -> bool:
    """Whether options and secrets are the same, which look otherwise each time they are sealed.

    Secrets go as a job ends, and whatever they are is the same then.
    """

    def opened(each: ManagedJob | NewJob) -> tuple[JobOptions, Any]:
        values = json.loads(sealer.unseal(each.sealed, about(each.key))) if each.sealed and found.sealed else {}
        return JobOptions.from_data(urls.opened(sealer, each)), values

    return opened(found) == opened(job)


def group_name(name: str, key: str) -> str:
    """What joins the jobs of one submission: the same for the same key."""
    return f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"


def about(key: str) -> str:
    """What the sealed secrets of a job are about."""
    return f"job:{key}"


def _checked(task: Task, options: JobOptions) -> JobOptions:
    task.check_secrets()
    task.check_files()
    if not task.spec.run:
        raise InvalidTask("a managed job needs something to run", hint="Give the task `run`.", field="run")
    return options.settled(task.spec)


def _ranked(task: Mapping[str, Any], rank: int, count: int) -> dict[str, Any]:
    numbers = {"JOB_RANK": str(rank), "NUM_JOBS": str(count)}
    more = {f"{prefix}_{name}": text for name, text in numbers.items() for prefix in ("STYX", "SKYPILOT")}
    return {**task, "envs": {**task.get("envs", {}), **more}}


def _new(
    sealer: Sealer,
    task: Mapping[str, Any],
    values: Mapping[str, str],
    options: JobOptions,
    *,
    key: str,
    **rest: Any,
) -> NewJob:
    return NewJob(
        key=key,
        task=task,
        options=urls.hidden(sealer, options.to_data(), key),
        sealed=sealer.seal(json.dumps(dict(values)), about(key)) if values else None,
        pool=options.pool,
        priority=options.priority or 0,
        **rest,
    )
