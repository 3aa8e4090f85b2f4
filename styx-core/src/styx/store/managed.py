"""Managed jobs as the store keeps them: their states, the legal moves between these, and the records.

A managed job outlives the terminal: a server finds it a cluster, runs it there, starts it again where that is asked
for, and removes the cluster. ``ManagedJob.epoch`` grows whenever a server takes the job up; who still works under an
older one is refused every write (:class:`Superseded`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from styx.api.errors import StyxError, Wire


class ManagedState(StrEnum):
    """Where a managed job is in its life."""

    PENDING = "pending"  # for its turn, or for the jobs it needs
    STARTING = "starting"  # a server has taken it and makes its cluster
    RUNNING = "running"
    RECOVERING = "recovering"  # its cluster is gone, or it is started again after a failure
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    FAILED_SETUP = "failed_setup"
    FAILED_NO_RESOURCES = "failed_no_resources"
    CANCELLED = "cancelled"  # by somebody, or because a job that had to succeed first has not
    SKIPPED = "skipped"  # its condition did not come true, and nothing that it comes after had failed

    @property
    def ended(self) -> bool:
        """Whether it will never change again."""
        return self in ENDED


_S = ManagedState
ENDED = frozenset({_S.SUCCEEDED, _S.FAILED, _S.FAILED_SETUP, _S.FAILED_NO_RESOURCES, _S.CANCELLED, _S.SKIPPED})
UNDER_WAY = frozenset({_S.STARTING, _S.RUNNING, _S.RECOVERING, _S.CANCELLING})  # a server works on it
ANYBODY = "*"  # instead of the server of a job that ended before one had it: any is to tell of that

_FAILS = frozenset({_S.FAILED, _S.FAILED_SETUP, _S.FAILED_NO_RESOURCES})
TRANSITIONS: dict[ManagedState, frozenset[ManagedState]] = {
    _S.PENDING: frozenset({_S.STARTING, _S.CANCELLED, _S.SKIPPED, _S.FAILED}),
    _S.STARTING: _FAILS | {_S.RUNNING, _S.RECOVERING, _S.CANCELLING, _S.SUCCEEDED},
    _S.RUNNING: _FAILS | {_S.RECOVERING, _S.CANCELLING, _S.SUCCEEDED},
    _S.RECOVERING: _FAILS | {_S.STARTING, _S.RUNNING, _S.CANCELLING, _S.SUCCEEDED},
    _S.CANCELLING: frozenset({_S.CANCELLED, _S.FAILED}),
    **{state: frozenset() for state in ENDED},
}


def legal(before: ManagedState, after: ManagedState) -> bool:
    """Whether a job may go from ``before`` to ``after``; staying is always legal."""
    return before == after or after in TRANSITIONS[before]


class Superseded(StyxError):
    """Another server has taken the work up: this one has to let go of it, without a word to anybody else."""

    code = "superseded"
    exit_code = 75


@dataclass(frozen=True, slots=True)
class ManagedJob:
    """One managed job. Times are UTC, ``cost`` is USD for all it has used so far, None where no price is known.

    ``key`` is what makes submitting idempotent. ``group`` joins the jobs of one array or one DAG; ``needs`` are the
    jobs of the same group that it comes after, of which ``waiting`` have not ended yet: once none is left, its task's
    condition says whether it runs. A job of an array has a ``rank`` in it. Of those that may start, the one of the
    highest ``priority`` does, and then the oldest.

    ``primary`` is None unless its group ends with some of its jobs: those are, and each other one is ended at
    ``stop_at``, which is ``grace`` seconds after the last of them has ended.
    """

    id: int
    key: str
    name: str
    state: ManagedState
    created_at: datetime
    updated_at: datetime
    task: Mapping[str, object]  # canonical, without secrets
    options: Mapping[str, object] = field(default_factory=dict)  # see styx.jobs.model.JobOptions
    sealed: str | None = None  # its secrets, encrypted; None once it has ended
    user: str = ""
    pool: str = ""
    group: str = ""
    rank: int = 0
    size: int = 1  # of the array
    needs: tuple[int, ...] = ()
    waiting: int = 0
    priority: int = 500
    server: str = ""  # the one that works on it
    epoch: int = 0
    cluster: str = ""
    cluster_job: int | None = None
    runs: int = 0  # how often it was launched
    restarts: int = 0  # after failures of its own
    recoveries: int = 0  # after its cluster had gone
    cancelling: bool = False  # somebody has asked for that
    reason: str = ""
    error: Wire | None = None
    exit_code: int | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)
    cost: Decimal | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    primary: bool | None = None
    grace: float | None = None
    stop_at: datetime | None = None

    @property
    def let_go(self) -> bool:
        """Whether its group has no use for it any more: it ends, and however it does is no failure."""
        return self.stop_at is not None and not self.cancelling

    @property
    def good(self) -> bool:
        """Whether it has ended as it should: it succeeded, only its condition left it out, or it was let go."""
        return self.state in (ManagedState.SUCCEEDED, ManagedState.SKIPPED) or (self.state.ended and self.let_go)


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be submitted. ``needs`` are positions in the same submission; ``primary`` as ManagedJob has it."""

    key: str
    name: str
    task: Mapping[str, object]
    options: Mapping[str, object] = field(default_factory=dict)
    sealed: str | None = None
    user: str = ""
    pool: str = ""
    group: str = ""
    rank: int = 0
    size: int = 1
    needs: tuple[int, ...] = ()
    priority: int = 500
    primary: bool | None = None
    grace: float | None = None


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One thing that happened to a managed job; ``from_state`` and ``to_state`` are empty where no state changed."""

    id: int
    at: datetime
    job: int
    kind: str
    from_state: str = ""
    to_state: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ServerRecord:
    """A server process that works on this store, alive for as long as it says so before ``expires_at``."""

    id: str
    host: str
    pid: int
    started: str  # the process's start time, and the machine's boot, as in Holder
    boot_id: str
    version: str
    url: str
    started_at: datetime
    seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class JobQuery:
    """Which managed jobs to list: those that agree with all that is not None, newest first.

    ``after`` is the ``id`` of the last one of the page before; ``ended`` False leaves out those that have ended.
    There is an index for each of these alone, and for ``user`` with ``state`` or ``ended``; others raise BadInput.
    ``brief`` leaves ``task`` and ``options`` empty, which may be large: for who asks again and again how jobs are.
    """

    state: str | None = None
    user: str | None = None
    name: str | None = None
    group: str | None = None
    pool: str | None = None
    ended: bool | None = None
    oldest_first: bool = False
    after: int | None = None
    limit: int = 100
    brief: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """How many jobs may be under way at a time: on one server, of one user, and of a pool; None is without limit."""

    at_once: int = 100
    per_user: int | None = None
    pools: Mapping[str, int] = field(default_factory=dict)
