"""Jobs on a cluster: from a task to a job, and asking after it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from styx.api.backend import JobInfo, JobSpec, LogChunk
from styx.api.errors import BadInput, JobNotFound, StyxError
from styx.engine.container import image_of
from styx.engine.context import Context
from styx.engine.handle import Handle, ranks
from styx.engine.mounts import WORKDIR
from styx.engine.reuse import require_fit
from styx.spec.model import TaskSpec
from styx.store.records import ClusterRecord

if TYPE_CHECKING:
    from styx.engine.engine import Engine

# What a job claims of a node's CPUs when the task does not say: several small jobs may share a node, as in SkyPilot.
DEFAULT_CPUS = 0.5


def job_for(
    context: Context, task: TaskSpec, cluster: ClusterRecord, *, setup: bool, key: str | None = None
) -> JobSpec:
    """The job that runs this task on that cluster. Raises BadInput where it does not fit.

    With the same ``key`` it is the same job, however often it is submitted.
    """
    key = key or secrets.token_hex(8)
    wanted = require_fit(task, cluster)
    stamp = context.clock.now().strftime("%Y-%m-%d-%H-%M-%S-%f")
    return JobSpec(
        key=key,
        name=task.name or "",
        setup=task.setup if setup else "",
        run=task.run,
        envs=task.envs,
        secrets=task.secrets,
        num_nodes=task.num_nodes,
        cpus=wanted.cpus.value if wanted.cpus else DEFAULT_CPUS,
        gpus=sum(device.count for device in wanted.accelerators),
        workdir=WORKDIR,
        container=image_of(cluster),
        task_id=f"styx-{stamp}_{cluster.name}_{key[:6]}",
        cluster_info={
            "cluster_name": cluster.name,
            "cloud": cluster.cloud,
            "region": cluster.region,
            "zone": cluster.zone,
        },
    )


async def known(engine: Engine, cluster: str, key: str) -> int | None:
    """The number of the job that was submitted with that key, where it is on the cluster already."""
    if engine.context.store.clusters.get(cluster) is None:
        return None
    with suppress(StyxError):  # what is wrong there, the launch tells
        return next((job.id for job in await engine.queue(cluster) if job.key == key), None)
    return None


async def newest(context: Context, handle: Handle) -> JobInfo:
    """The job submitted last. Raises JobNotFound when there is none."""
    jobs = await context.backend.jobs(handle)
    if not jobs:
        raise JobNotFound(f"cluster {handle.name!r} has no jobs", cluster=handle.name)
    return jobs[0]


async def job(context: Context, handle: Handle, job_id: int | None) -> JobInfo:
    """One job, by default the newest. Raises JobNotFound."""
    if job_id is None:
        return await newest(context, handle)
    found = await context.backend.jobs(handle, [job_id])
    if not found:
        raise JobNotFound(
            f"cluster {handle.name!r} has no job {job_id}",
            hint=f"`styx queue {handle.name}` lists its jobs.",
            cluster=handle.name,
            job=job_id,
        )
    return found[0]


async def logs(
    context: Context,
    handle: Handle,
    job_id: int | None,
    *,
    follow: bool,
    tail: int | None,
    rank: int | None,
    offsets: Mapping[int, int] | None,
) -> AsyncIterator[LogChunk]:
    """The output of one job, by default the newest. Raises JobNotFound, and BadInput for a rank that it has not."""
    number = job_id
    if number is None or rank is not None:
        found = await job(context, handle, job_id)
        number = found.id
        if rank is not None and not 0 <= rank < found.num_nodes:
            raise BadInput(
                f"job {number} of cluster {handle.name!r} has no rank {rank}", hint=f"{ranks(found.num_nodes)}."
            )
    async for chunk in context.backend.logs(handle, number, follow=follow, tail=tail, rank=rank, offsets=offsets):
        yield chunk
