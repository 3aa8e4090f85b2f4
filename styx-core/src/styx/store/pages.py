"""Pages of managed jobs: which filters there are indexes for, each of them with the number last, so that none sorts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select

from styx.api.errors import BadInput
from styx.store import job_rows, schema
from styx.store.managed import JobQuery, ManagedState
from styx.store.rows import as_is, bounded

MOST = 1000  # jobs on a page
_T = schema.managed_jobs
_FILTERS = ("state", "user", "name", "group", "pool", "ended")
_TOGETHER = frozenset({frozenset({"user", "state"}), frozenset({"user", "ended"})})


def statement(query: JobQuery) -> Select[Any]:
    """What finds a page. Raises BadInput for a pair of filters without an index, and for values that make no sense."""
    given = {name: as_is(value) for name in _FILTERS if (value := getattr(query, name)) is not None}
    if len(given) > 1 and frozenset(given) not in _TOGETHER:
        raise BadInput(
            f"jobs cannot be listed by {' and '.join(given)} at once",
            hint="Use one of state, user, name, group, pool and ended alone, or user together with state or ended.",
        )
    if query.state is not None and query.state not in set(ManagedState):
        raise BadInput(f"no state {query.state!r}", hint=f"A managed job is one of {', '.join(ManagedState)}.")
    if not 1 <= query.limit <= MOST:
        raise BadInput(f"a page has from 1 to {MOST} jobs, and not {query.limit}")
    wanted = job_rows.BRIEF if query.brief else job_rows.SELECT
    found = wanted.where(*(_T.c[name] == value for name, value in given.items())).limit(query.limit)
    if query.after is not None:
        after = bounded(query.after)
        found = found.where(_T.c.id > after if query.oldest_first else _T.c.id < after)
    return found.order_by(_T.c.id if query.oldest_first else _T.c.id.desc())
