"""Whose turn it is among the managed jobs that wait: the highest priority first, then the oldest, within the limits."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select

from styx.store import job_rows, schema
from styx.store.database import Database
from styx.store.managed import UNDER_WAY, Limits, ManagedJob, ManagedState
from styx.store.rows import columns, managed_job
from styx.store.servers import require

_T = schema.managed_jobs
_WORKING = [state.value for state in UNDER_WAY]
_IN_TURN = (
    job_rows.SELECT.where(_T.c.state == ManagedState.PENDING.value, _T.c.waiting == 0)
    .order_by(_T.c.turn, _T.c.id)
    .limit(bindparam("most"))
)
_NEXT = _IN_TURN.with_for_update(skip_locked=True)
_ANY = _IN_TURN.with_only_columns(_T.c.id)  # in turn, lest PostgreSQL looks for one through all that have ended
_HERE = select(func.count()).where(_T.c.server == bindparam("name"), _T.c.state.in_(_WORKING))
_EVERYWHERE = select(_T.c.user, _T.c.pool, func.count()).where(_T.c.state.in_(_WORKING)).group_by(_T.c.user, _T.c.pool)


def admit(database: Database, server: str, limits: Limits) -> list[ManagedJob]:
    """See :meth:`styx.store.jobs.ManagedJobs.admit`."""
    with database.read() as connection:
        if connection.scalar(_ANY, {"most": 1}) is None:
            return []
    with database.write(lazily=True) as connection:
        database.alone(connection, "admit")
        require(connection, server)
        here = connection.scalar(_HERE, {"name": server}) or 0
        taken = _Taken(limits, connection)
        now = database.now(connection)
        change: dict[str, Any] = {"state": ManagedState.STARTING, "server": server, "updated_at": now}
        admitted: list[ManagedJob] = []
        while (room := limits.at_once - here - len(admitted)) > 0:
            found = [managed_job(row) for row in connection.execute(taken.free(_NEXT), {"most": room})]
            chosen = [job for job in found if taken.take(job)]
            if chosen:
                job_rows.append(connection, now, [(job, ManagedState.STARTING, "") for job in chosen])
                connection.execute(job_rows.UPDATE, [{"number": job.id, **columns(change)} for job in chosen])
            admitted += [replace(job, **change) for job in chosen]
            if len(chosen) == len(found):  # it was room for all, or there are no more
                break
        return admitted


class _Taken:
    """How many jobs of each user and pool are under way, and who may have no more."""

    def __init__(self, limits: Limits, connection: Connection) -> None:
        self._limits = limits
        self._users: Counter[str] = Counter()
        self._pools: Counter[str] = Counter()
        if limits.per_user is not None or limits.pools:
            for user, pool, count in connection.execute(_EVERYWHERE):
                self._users[user] += count
                self._pools[pool] += count

    def take(self, job: ManagedJob) -> bool:
        """Whether the job may start; it counts from then on."""
        if self._full(job):
            return False
        self._users[job.user] += 1
        self._pools[job.pool] += 1
        return True

    def free(self, query: Select[Any]) -> Select[Any]:
        """The query without the jobs of users and pools that have all they may."""
        users = [user for user in self._users if self._user_full(user)]
        pools = [pool for pool, most in self._limits.pools.items() if self._pools[pool] >= most]
        if users:
            query = query.where(_T.c.user.not_in(users))
        return query.where(_T.c.pool.not_in(pools)) if pools else query

    def _user_full(self, user: str) -> bool:
        return self._limits.per_user is not None and self._users[user] >= self._limits.per_user

    def _full(self, job: ManagedJob) -> bool:
        most = self._limits.pools.get(job.pool)
        return self._user_full(job.user) or (most is not None and self._pools[job.pool] >= most)
