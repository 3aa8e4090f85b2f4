"""Who may work on a cluster: one holder at a time, for as long as it keeps its claim fresh or is known to live."""

from __future__ import annotations

from datetime import datetime

from styx.api.errors import ClusterBusy
from styx.store.holder import alive
from styx.store.records import ClusterRecord, Holder, Operation


def free(operation: Operation | None, holder: Holder, now: datetime) -> bool:
    """Whether ``holder`` may take the cluster: nobody has it, it has it, or the one that had it expired or died."""
    return (
        operation is None
        or operation.holder.id == holder.id
        or operation.expires_at <= now
        or not alive(operation.holder)
    )


def holds(operation: Operation | None, holder: Holder) -> bool:
    """Whether ``holder`` still has the cluster. A claim past its time counts until somebody else takes it."""
    return operation is not None and operation.holder.id == holder.id


def require_claim(record: ClusterRecord, holder: Holder | None) -> None:
    """Raise ClusterBusy when ``holder`` is given and has lost the cluster."""
    if holder is not None and not holds(record.operation, holder):
        raise busy(record.name, record.operation)


def busy(cluster: str, operation: Operation | None) -> ClusterBusy:
    """The error that names who holds the cluster."""
    if operation is None:
        return ClusterBusy(
            f"the claim on cluster {cluster!r} was lost to another client, which has finished since",
            hint="Look at it with `styx status` and repeat what is still missing.",
            cluster=cluster,
        )
    who = f"process {operation.holder.pid} on {operation.holder.host}"
    until = f"{operation.expires_at:%Y-%m-%d %H:%M:%S} UTC"
    return ClusterBusy(
        f"cluster {cluster!r} is busy: {operation.kind} by {who}",
        hint=f"Wait until it is done, or end that process. Without a sign of life its claim ends at {until}.",
        cluster=cluster,
        operation=operation.kind,
        holder=who,
    )
