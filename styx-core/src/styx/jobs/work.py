"""The task of a managed job as it is to run: with its secrets, with what other jobs gave it, and with its number."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from styx.dags import outputs
from styx.jobs import names
from styx.jobs.submit import about
from styx.spec.flow import filled, needed
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
    spec = outputs.writing(filled(spec, _given(store, job, spec)), names.outputs_key(job.id, run))
    task = Task.from_spec(spec).env(**{VARIABLE: str(job.id)})
    return task.secrets(secrets) if secrets else task


def left_out(store: Store, job: ManagedJob, spec: TaskSpec) -> str:
    """Why the job does not run after all, now that those it comes after have ended; empty when it does."""
    given = _given(store, job, spec)
    wish = spec.when
    if wish.output is not None and (given.get(wish.output) == wish.value) is not wish.equal:
        found = given.get(wish.output)
        what = "was not given" if found is None else f"is {found!r}"
        return f"left out: {wish.output.name} of {wish.output.task} {what}"
    missing = next((each for each in needed(spec) if each not in given and each != wish.output), None)
    return f"{missing.task} gave no {missing.name}" if missing else ""


def _given(store: Store, job: ManagedJob, spec: TaskSpec) -> dict[Output, str]:
    """The outputs of the jobs that this one comes after, where it uses any."""
    if not needed(spec):
        return {}
    before = [store.jobs.get(number) for number in job.needs]
    return {Output(each.name, name): value for each in before for name, value in each.outputs.items()}
