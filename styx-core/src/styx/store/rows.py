"""Rows to records and back, each column by name. Values inside JSON columns are written and read here too."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Row

from styx.api.backend import Autostop
from styx.api.launch import Prepared, Receipt
from styx.api.names import Owner
from styx.api.nodes import Endpoint
from styx.api.offers import Scope
from styx.store.access import Answer, AuditEntry, RequestRecord, RequestState, Role, Token, User
from styx.store.managed import JobEvent, ManagedJob, ManagedState, ServerRecord
from styx.store.records import (
    AttemptRecord,
    AttemptState,
    BlockRecord,
    ClusterRecord,
    EventRecord,
    Holder,
    MountRecord,
    NodeRecord,
    Operation,
    Span,
)
from styx.store.states import ClusterState

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Values = dict[str, Any]
RecordT = TypeVar("RecordT", bound="DataclassInstance")

_CLUSTER_STATES = {state.value: state for state in ClusterState}  # calling the enum costs three times as much
_MANAGED_STATES = {state.value: state for state in ManagedState}
_ATTEMPT_STATES = {state.value: state for state in AttemptState}
read_time = datetime.fromisoformat
_TIMES = (
    "created_at", "updated_at", "launched_at", "seen_at", "noticed_at", "called_at", "at", "born", "began_at",
    "ended_at", "until", "started_at", "expires_at", "revoked_at", "used_at", "stop_at",
)  # fmt: skip
_LARGEST = 2**31 - 1  # of the numbers that a column takes on PostgreSQL
_CLUSTER_FIRST = '{"cluster":'
_decode = json.JSONDecoder().raw_decode  # what _dump wrote has no white space around it


def write_time(value: datetime) -> str:
    """UTC text of a fixed width. Raises ValueError for a time without a zone, which would be somebody's local time."""
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def plain(text: str) -> str:
    """The text without what a database rejects: NUL characters and halves of surrogate pairs."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _load(text: str) -> Any:
    return _decode(text)[0]


def loaded_tuple(text: str) -> tuple[Any, ...]:
    """The list that was written, as a tuple."""
    return tuple(_decode(text)[0])


def loaded_outputs(text: str) -> dict[str, str]:
    """The values that a job gave, by name."""
    found: dict[str, str] = _decode(text)[0]
    return found


@lru_cache(maxsize=256)
def _load_shared(text: str) -> Any:
    """As _load, for what many records have in common and nobody changes: a thousand clusters share a few offers."""
    return _decode(text)[0]


def _operation(value: Operation) -> str:
    holder = value.holder
    return _dump(
        {
            "kind": value.kind,
            "expires_at": write_time(value.expires_at),
            "holder": {
                "id": holder.id,
                "pid": holder.pid,
                "started": holder.started,
                "boot_id": holder.boot_id,
                "host": holder.host,
            },
        }
    )


def _read_operation(text: str) -> Operation:
    data = _load(text)
    return Operation(data["kind"], Holder(**data["holder"]), read_time(data["expires_at"]))


def _autostop(value: Autostop) -> str:
    return _dump({"idle_minutes": value.idle_minutes, "down": value.down, "wait_for": value.wait_for})


def _endpoint(value: Endpoint) -> str:
    return _dump({"kind": value.kind, "options": dict(value.options)})


def _read_endpoint(text: str) -> Endpoint:
    data = _load(text)
    return Endpoint(data["kind"], data["options"])


def _prepared(value: Prepared) -> str:
    return _dump(
        {
            "owner": _owner(value.owner),
            "scope": value.scope.name,
            "ranks": value.ranks,
            "payload": value.payload,
            "token": value.token,
        }
    )


def _read_prepared(text: str) -> Prepared:
    data = _load(text)
    return Prepared(
        owner=_read_owner(data["owner"]),
        scope=Scope(data["scope"]),
        ranks=tuple(data["ranks"]),
        payload=data["payload"],
        token=data["token"],
    )


def _receipt(value: Receipt) -> str:
    return _dump(
        {
            "token": value.token,
            "node_ids": dict(value.node_ids),
            "hourly_cost": None if value.hourly_cost is None else str(value.hourly_cost),
            "data": dict(value.data),
        }
    )


def _read_receipt(text: str) -> Receipt:
    data = _load(text)
    cost = data["hourly_cost"]
    return Receipt(
        token=data["token"],
        node_ids={int(rank): node_id for rank, node_id in data["node_ids"].items()},
        hourly_cost=None if cost is None else Decimal(cost),
        data=data["data"],
    )


def _owner(value: Owner) -> str:
    return f"{value.installation}/{value.cluster}/{value.attempt}"


def _read_owner(text: str) -> Owner:
    return Owner(*text.split("/"))


def _error(value: Mapping[str, Any]) -> str:
    """An error's wire form as JSON text; details that are not JSON (an amount, a time) become their text."""
    return json.dumps(value, separators=(",", ":"), default=str)


def bounded(number: int) -> int:
    """The number as far as a column can hold one: what is beyond is no row's."""
    return max(0, min(number, _LARGEST))


def as_is(value: Any) -> Any:
    """The value, text without what a database rejects."""
    return plain(value) if isinstance(value, str) else value


# How a field becomes a column. A name means the same in every table; what is not listed is stored as it is.
_WRITERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(_TIMES, write_time),
    "request": lambda value: _dump(dict(value)),
    "offer": lambda value: _dump(dict(value)),
    "hourly_cost": str,
    "disk_hourly_cost": str,
    "autostop": _autostop,
    "error": _error,
    "operation": _operation,
    "endpoint": _endpoint,
    "owner": _owner,
    "prepared": _prepared,
    "receipt": _receipt,
    **dict.fromkeys(("task", "options", "outputs", "arguments"), lambda value: _dump(dict(value))),
    **dict.fromkeys(("needs", "needed_by", "scopes"), lambda value: _dump(list(value))),
    "result": _dump,
    "cost": str,
}
# And back; those of clusters, which are read by the thousand, are below.
_READERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(_TIMES, read_time),
    "hourly_cost": Decimal,
    "error": _load,
    "endpoint": _read_endpoint,
    "owner": _read_owner,
    "prepared": _read_prepared,
    "receipt": _read_receipt,
    **dict.fromkeys(("task", "options", "outputs", "arguments", "result"), _load),
    **dict.fromkeys(("needs", "needed_by", "scopes"), loaded_tuple),
    "cost": Decimal,
}


def columns(changes: Mapping[str, Any]) -> Values:
    """Columns for these fields of a record; None stays None."""
    return {name: None if value is None else _WRITERS.get(name, as_is)(value) for name, value in changes.items()}


def all_columns(record: DataclassInstance) -> Values:
    """Columns for all fields of a record."""
    return columns({field.name: getattr(record, field.name) for field in fields(record)})


def _reader(kind: type[RecordT], **special: Callable[[Any], Any]) -> Callable[[Row[Any]], RecordT]:
    """What makes a record of a row that has a column for each of its fields."""
    readers = _READERS | special
    how = [(field.name, readers.get(field.name)) for field in fields(kind)]

    def read(row: Row[Any]) -> RecordT:
        values = {}
        for name, reader in how:
            value = getattr(row, name)
            values[name] = value if value is None or reader is None else reader(value)
        return kind(**values)

    return read


def _quick_reader(kind: type[RecordT], **special: Callable[[Any], Any]) -> Callable[[Sequence[Any]], RecordT]:
    """As _reader, for rows that have a column for each field in order: a page of these is read in a few ms."""
    readers = _READERS | special
    how = [(at, readers[field.name]) for at, field in enumerate(fields(kind)) if field.name in readers]

    def read(row: Sequence[Any]) -> RecordT:
        values = [*row]
        for at, reader in how:
            if values[at] is not None:
                values[at] = reader(values[at])
        return kind(*values)

    return read


def cluster_record(row: Sequence[Any]) -> ClusterRecord:
    """The record of a row that has the columns of ``schema.clusters`` in order."""
    # By position and without json.loads: `styx status` reads a thousand of these; names would cost half as much again.
    (_, name, slug, state, created_at, updated_at, num_nodes, cloud, account, identity, scope, region, zone,
     instance_type, resources, request, offer, spot, hourly_cost, disk_hourly_cost, backend, attempt, task_name, user,
     launched_at, autostop, autostop_set, error, operation) = row  # fmt: skip
    return ClusterRecord(
        name, slug, _CLUSTER_STATES[state], read_time(created_at), read_time(updated_at), num_nodes, cloud, account,
        identity, scope, region, zone, instance_type, resources, _load_shared(request), _load_shared(offer), spot,
        None if hourly_cost is None else Decimal(hourly_cost),
        None if disk_hourly_cost is None else Decimal(disk_hourly_cost), backend, attempt, task_name, user,
        None if launched_at is None else read_time(launched_at),
        None if autostop is None else Autostop(**_load(autostop)), autostop_set,
        None if error is None else _load(error), None if operation is None else _read_operation(operation),
    )  # fmt: skip


def _cluster_alone(text: str) -> Values:
    """The cluster, which is first, of what a request was asked with; ``text`` may break off behind it."""
    return {"cluster": _decode(text, len(_CLUSTER_FIRST))[0]} if text.startswith(_CLUSTER_FIRST) else {}


node_record = _reader(NodeRecord)
attempt_record = _reader(AttemptRecord, state=_ATTEMPT_STATES.__getitem__)
event_record = _reader(EventRecord)
span_record = _reader(Span)
block_record = _reader(BlockRecord)
mount_record = _reader(MountRecord)
managed_job = _quick_reader(ManagedJob, state=_MANAGED_STATES.__getitem__)
job_event = _reader(JobEvent)
server_record = _reader(ServerRecord)
user_record = _reader(User, role=Role)
token_record = _reader(Token)
audit_entry = _reader(AuditEntry)
request_record = _reader(RequestRecord, state=RequestState)
brief_request = _reader(RequestRecord, state=RequestState, arguments=_cluster_alone)
answer_record = _reader(Answer)
