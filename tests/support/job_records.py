"""Managed jobs and servers for tests of the store and of what stands on it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from styx.store import Store
from styx.store.holder import current
from styx.store.managed import Limits, ManagedJob, NewJob, ServerRecord
from styx.store.records import Holder

TTL = 15.0
ANY = Limits(at_once=1000)
ME = Holder("me", 1, "", "", "elsewhere")


def new_job(key: str, name: str = "train", **changes: Any) -> NewJob:
    """A plain job; ``changes`` override."""
    return NewJob(key, name, **{"task": {"run": "true"}, "user": "ada", **changes})


def serve(store: Store, server: str, **changes: Any) -> ServerRecord:
    """Put a server on record that nobody can prove dead; it lives for TTL seconds from now."""
    now = store.now()
    given = {"host": "elsewhere", "pid": 1, "started": "", "boot_id": "", "version": "1", "url": "http://there"}
    times = {"started_at": now, "seen_at": now, "expires_at": now + timedelta(seconds=TTL)}
    record = ServerRecord(server, **{**given, **times, **changes})
    store.servers.register(record)
    return record


def this_process() -> Mapping[str, Any]:
    """The fields of a server that are this process."""
    me = current()
    return {"host": me.host, "pid": me.pid, "started": me.started, "boot_id": me.boot_id}


def started(store: Store, key: str, server: str = "s", **changes: Any) -> ManagedJob:
    """A job that the server, which is on record, has taken up."""
    (job,) = store.jobs.submit([new_job(key, **changes)])
    store.jobs.admit(server, ANY)
    return store.jobs.own(job.id, server)
