"""Jobs, samples and errors between the contract's types and the agent's messages.

Whatever comes from an agent is untrusted: every value is checked for type and range here, text is cut and stripped of
control characters, and what does not pass is a BackendError. Nothing an agent sends can raise anything else.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from styx.agent.protocol import AgentError, ProtocolError
from styx.api import Autostop, BackendError, JobInfo, JobNotFound, JobSpec, JobState, LogChunk, NodeMetrics, StyxError
from styx.api.names import RANK_LIMIT
from styx.builtin.agent.connection import Message

TEXT_LIMIT = 500
_LATEST = 253_402_300_799.0  # the last second of the year 9999, the last a datetime can hold
_LARGEST = 1 << 62
_STATES = frozenset(state.value for state in JobState)
_HINTS = {
    "stale_epoch": "Another server has taken over this cluster.",
    "shutting_down": "The cluster is being stopped or removed.",
    "no_space": "Free disk space on the node.",
    "too_large": "Put large scripts and values into files below the workdir.",
    "too_many": "Wait for jobs to end, or cancel some.",
    "unsupported_protocol": "`styx start` installs the agent that fits this version of Styx.",
}


def job_params(job: JobSpec, *, user: str, epoch: int) -> dict[str, Any]:
    """The parameters of ``jobs.submit``. Secrets are in here and nowhere else."""
    return {
        "key": job.key, "name": job.name, "user": user, "setup": job.setup, "run": job.run,
        "envs": dict(job.envs), "secrets": dict(job.secrets), "num_nodes": job.num_nodes,
        "cpus": job.cpus, "gpus": job.gpus, "workdir": job.workdir, "container": job.container,
        "task_id": job.task_id, "cluster_info": dict(job.cluster_info), "epoch": epoch,
    }  # fmt: skip


def autostop_params(policy: Autostop | None) -> dict[str, Any]:
    """The parameters of ``autostop.set``."""
    if policy is None:
        return {"policy": None}
    return {"idle_minutes": policy.idle_minutes, "down": policy.down, "wait_for": policy.wait_for}


def job_info(message: Any, asked: int | None = None) -> JobInfo:
    """One job as an agent tells it; the one ``asked`` for, if any."""
    job = _object(message, "job")
    if asked not in {None, job.get("id") if isinstance(job.get("id"), int) else None}:
        raise _wrong("id", job.get("id"))
    state = job.get("state")
    if not isinstance(state, str) or state not in _STATES:
        raise _wrong("state", state)
    submitted = _time(job, "submitted_at")
    if submitted is None:
        raise _wrong("submitted_at", None)
    num_nodes = integer(job, "num_nodes", 1, RANK_LIMIT + 1)
    return JobInfo(
        id=integer(job, "id", 1), key=_text(job, "key"), name=_text(job, "name"), user=_text(job, "user"),
        state=JobState(state), submitted_at=submitted, started_at=_time(job, "started_at"),
        ended_at=_time(job, "ended_at"), exit_code=None if job.get("exit_code") is None else _exit_code(job),
        num_nodes=num_nodes, cpus=_number(job, "cpus"), gpus=_number(job, "gpus"),
        ranks=_ranks(job.get("ranks"), num_nodes), reason=_text(job, "reason"),
    )  # fmt: skip


def job_list(result: Message, asked: Collection[int] | None = None) -> list[JobInfo]:
    """The jobs in an answer to ``jobs.list``, newest first; of all, or of those ``asked`` for."""
    jobs = result.get("jobs")
    if not isinstance(jobs, list):
        raise _wrong("jobs", jobs)
    found = {job.id: job for job in map(job_info, jobs)}
    if len(found) < len(jobs) or not (asked is None or found.keys() <= set(asked)):
        raise _wrong("list of jobs", sorted(found))
    return [found[number] for number in sorted(found, reverse=True)]


def id_list(result: Message, name: str, asked: Collection[int] | None = None) -> list[int]:
    """A list of job numbers, each once; of all, or of those ``asked`` for."""
    ids = result.get(name)
    if not isinstance(ids, list) or any(type(number) is not int or not 1 <= number <= _LARGEST for number in ids):
        raise _wrong(name, ids)
    if len(set(ids)) < len(ids) or not (asked is None or set(ids) <= set(asked)):
        raise _wrong(name, ids)
    return ids


def log_chunk(item: Message, data: bytes, ranks: range) -> LogChunk:
    """One item of ``logs.read``, of one of these ranks."""
    if not data:
        raise _wrong("item without output", item)
    return LogChunk(integer(item, "rank", ranks.start, ranks.stop - 1), integer(item, "offset"), data)


def metrics(rank: int, sample: Message) -> NodeMetrics:
    """One answer to ``metrics.sample``."""
    at = _time(sample, "at")
    if at is None:
        raise _wrong("at", None)
    gpus = sample.get("gpus") or []
    if not isinstance(gpus, list):
        raise _wrong("gpus", gpus)
    sizes = {
        name: integer(sample, name)
        for name in ("memory_used", "memory_total", "disk_used", "disk_total", "net_received", "net_sent")
    }
    return NodeMetrics(
        rank=rank, at=at, cpu_percent=min(_number(sample, "cpu_percent"), 100.0), gpus=tuple(map(_gpu, gpus)), **sizes
    )


def notices(message: Message) -> Mapping[int, datetime]:
    """When which node was given notice that it is taken back, as far as an answer says so."""
    told = _object(message.get("notices") or {}, "notices")
    if len(told) > RANK_LIMIT + 1 or any(not rank.isdecimal() or int(rank) > RANK_LIMIT for rank in told):
        raise _wrong("notices", told)
    return {int(rank): at for rank in told if (at := _time(told, rank)) is not None}


def refusal(error: AgentError | ProtocolError, node: str, cluster: str, job: int | None = None) -> StyxError:
    """The error of the contract for an agent's refusal, or for its nonsense."""
    if isinstance(error, ProtocolError):
        return BackendError(f"the agent on {node} does not make sense: {clean(str(error))}", node=node)
    if error.code == "not_found" and job is not None:
        return JobNotFound(
            f"cluster {cluster!r} has no job {job}",
            cluster=cluster,
            job=job,
            hint=f"`styx queue {cluster}` lists its jobs.",
        )
    what = clean(error.message) or clean(error.code)
    if error.code == "no_container":
        return BackendError(f"{node} cannot run jobs in a container: {what}", node=node)
    return BackendError(f"the agent on {node} refuses: {what}", hint=_HINTS.get(error.code), node=node)


def clean(text: str) -> str:
    """Text from a node, fit for a terminal: printable, on one line, of a bounded length."""
    kept = "".join(c if c.isprintable() else " " for c in text[: TEXT_LIMIT + 1])
    return kept if len(kept) <= TEXT_LIMIT else f"{kept[:TEXT_LIMIT]}..."


def image(told: object) -> str | None:
    """The name of an image as a node tells it, empty for none; None where it tells none, or what can be none."""
    if not isinstance(told, str) or len(told) > TEXT_LIMIT or not told.isprintable() or told.startswith("-"):
        return None
    return told


def integer(message: Message, name: str, least: int = 0, most: int = _LARGEST) -> int:
    """A whole number within bounds."""
    value = message.get(name)
    if type(value) is not int or not least <= value <= most:
        raise _wrong(name, value)
    return value


def _number(message: Message, name: str) -> float:
    value = message.get(name)
    if type(value) is int and 0 <= value <= _LARGEST:
        return float(value)
    if type(value) is float and math.isfinite(value) and 0 <= value <= _LARGEST:
        return value
    raise _wrong(name, value)


def _text(message: Message, name: str) -> str:
    value = message.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(name, value)
    return clean(value)


def _time(message: Message, name: str) -> datetime | None:
    value = message.get(name)
    if value is None:
        return None
    if type(value) not in {int, float} or not 0 <= value <= _LATEST:
        raise _wrong(name, value)
    return datetime.fromtimestamp(value, UTC)


def _exit_code(message: Message) -> int:
    return integer(message, "exit_code", -255, 255)


def _ranks(value: Any, num_nodes: int) -> Mapping[int, int]:
    ranks = _object(value or {}, "ranks")
    if len(ranks) > RANK_LIMIT + 1 or any(not rank.isdecimal() or len(rank) > 3 for rank in ranks):  # noqa: PLR2004
        raise _wrong("ranks", ranks)
    if any(int(rank) >= num_nodes for rank in ranks):
        raise _wrong("ranks", ranks)
    return {int(rank): integer(ranks, rank, -255, 255) for rank, code in ranks.items() if code is not None}


def _gpu(value: Any) -> Mapping[str, float]:
    gpu = _object(value, "gpu")
    return {clean(name): _number(gpu, name) for name in gpu if gpu[name] is not None}


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(what, value)
    return value


def _wrong(name: str, value: Any) -> BackendError:
    return BackendError(f"an agent answered with an impossible {name}: {clean(repr(value))[:60]}")
