"""The task of a managed job as it is to run: with its secrets, with what other jobs gave it, and with its number."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from styx.dags import outputs
from styx.jobs import names
from styx.jobs.submit import about
from styx.spec import flow
from styx.spec.model import Output, TaskSpec
from styx.spec.task import Task
from styx.store import Store
from styx.store.managed import ManagedJob

if TYPE_CHECKING:
    from styx.sealing import Sealer

VARIABLE = "STYX_MANAGED_JOB_ID"


def spec_of(job: ManagedJob, home: Path) -> TaskSpec:
    """What the job's task says, without the values of its secrets. Its paths are absolute."""
    return Task.from_dict(job.task, home).spec


def runnable(store: Store, sealer: Sealer, job: ManagedJob, spec: TaskSpec, run: int) -> Task:
    """The task of one run. Raises SealingError where its secrets cannot be opened."""
    secrets: Mapping[str, str] = json.loads(sealer.unseal(job.sealed, about(job.key))) if job.sealed else {}
    spec = outputs.writing(flow.filled(spec, _given(store, job, spec)), names.outputs_key(job.id, run))
    task = Task.from_spec(spec).env(**{VARIABLE: str(job.id)})
    return task.secrets(secrets) if secrets else task


def ungiven(store: Store, job: ManagedJob, spec: TaskSpec) -> str:
    """What the job cannot run without and was given by none of those it comes after; empty when it can run."""
    return flow.ungiven(spec, _given(store, job, spec))


def _given(store: Store, job: ManagedJob, spec: TaskSpec) -> dict[Output, str]:
    """The outputs of the jobs that this one comes after, where it uses any."""
    if not flow.needed(spec):
        return {}
    before = [store.jobs.get(number) for number in job.needs]
    return {Output(each.name, name): value for each in before for name, value in each.outputs.items()}
