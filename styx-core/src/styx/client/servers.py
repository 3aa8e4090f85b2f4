"""What ``styx doctor`` has to say about servers: that of this home, and all that work on its store."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from styx import __version__
from styx.api.errors import PluginError
from styx.client import local
from styx.hookspecs import DoctorFinding
from styx.store.holder import alive
from styx.store.records import Holder
from styx.words import count

if TYPE_CHECKING:
    from styx.store import Store
    from styx.store.managed import ServerRecord

_ANEW = "`styx api stop`, and then `styx api start`."


def findings(store: Store) -> list[DoctorFinding]:
    """The server of this home, then those on record, then whether managed jobs wait for one that is not there."""
    now, servers = store.now(), store.servers.list()
    found = [_own(local.find()), *(_on_record(server, now) for server in servers)]
    jobs = sum(store.jobs.counts().values())
    if jobs and not any(_lives(server, now) for server in servers):
        waiting = f"no server works on {count(jobs, 'managed job')} that {'has' if jobs == 1 else 'have'} not ended"
        found.append(DoctorFinding("managed jobs", "warning", waiting, "`styx api start` starts one."))
    return found


def _own(server: local.LocalServer | None) -> DoctorFinding:
    if server is None:
        try:
            local.require_installed()
        except PluginError as error:
            return DoctorFinding("server", "ok", f"none is running here: {error.message}", error.hint or "")
        return DoctorFinding("server", "ok", "none is running here; `styx jobs launch` starts one")
    who = f"process {server.pid}, at {server.url}"
    if not local.answers(server):
        return DoctorFinding("server", "error", f"{who}: it does not answer", f"`styx api logs` may say why. {_ANEW}")
    if server.version != __version__:
        other = f"{who}: it is of version {server.version}, and this is {__version__}"
        return DoctorFinding("server", "warning", other, f"Let it be of this one: {_ANEW}")
    return DoctorFinding("server", "ok", f"{who}, version {server.version}")


def _on_record(server: ServerRecord, now: datetime) -> DoctorFinding:
    check = f"server {server.id}"
    who = f"process {server.pid} on {server.host}, at {server.url}"
    silent = f"{max(0.0, (now - server.seen_at).total_seconds()):.0f} s ago"
    if _lives(server, now):
        return DoctorFinding(check, "ok", f"{who}: last heard of {silent}")
    return DoctorFinding(
        check, "warning", f"{who}: it is gone, last heard of {silent}", "The next server to start takes over from it."
    )


def _lives(server: ServerRecord, now: datetime) -> bool:
    """Whether it has said so lately, and its process is not known to be dead."""
    holder = Holder(server.id, server.pid, server.started, server.boot_id, server.host)
    return server.expires_at > now and alive(holder)
