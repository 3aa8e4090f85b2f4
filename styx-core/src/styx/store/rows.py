"""Rows to records and back, each column by name. Values inside JSON columns are written and read here too."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from sqlalchemy import Row

from styx.api.backend import Autostop
from styx.api.launch import Prepared, Receipt
from styx.api.names import Owner
from styx.api.nodes import Endpoint
from styx.api.offers import Scope
from styx.store.records import (
    AttemptRecord,
    AttemptState,
    BlockRecord,
    ClusterRecord,
    EventRecord,
    Holder,
    NodeRecord,
    Operation,
    Span,
)
from styx.store.states import ClusterState

Values = dict[str, Any]

_CLUSTER_STATES = {state.value: state for state in ClusterState}  # calling the enum costs three times as much
_ATTEMPT_STATES = {state.value: state for state in AttemptState}
read_time = _read_time = datetime.fromisoformat
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
    return Operation(data["kind"], Holder(**data["holder"]), _read_time(data["expires_at"]))


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


def write_receipt(value: Receipt) -> str:
    """The receipt as JSON text."""
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


def write_error(value: Mapping[str, Any]) -> str:
    """An error's wire form as JSON text; details that are not JSON (an amount, a time) become their text."""
    return json.dumps(value, separators=(",", ":"), default=str)


def _as_is(value: Any) -> Any:
    return plain(value) if isinstance(value, str) else value


# How a field of ClusterRecord becomes a column; a field that is not listed is stored as it is.
_CLUSTER_WRITERS: dict[str, Callable[[Any], Any]] = {
    "state": lambda state: state.value,
    "created_at": write_time,
    "updated_at": write_time,
    "request": lambda value: _dump(dict(value)),
    "offer": lambda value: _dump(dict(value)),
    "hourly_cost": str,
    "disk_hourly_cost": str,
    "launched_at": write_time,
    "autostop": _autostop,
    "error": write_error,
    "operation": _operation,
}


def cluster_values(fields: Mapping[str, Any]) -> Values:
    """Columns for these fields of a cluster record; None stays None."""
    values: Values = {}
    for name, value in fields.items():
        write = _CLUSTER_WRITERS.get(name, _as_is)
        values[name] = None if value is None else write(value)
    return values


def cluster_record(row: Sequence[Any]) -> ClusterRecord:
    """The record of a row that has the columns of ``schema.clusters`` in order."""
    # By position and without json.loads: `styx status` reads a thousand of these; names would cost half as much again.
    (_, name, slug, state, created_at, updated_at, num_nodes, cloud, account, identity, scope, region, zone,
     instance_type, resources, request, offer, spot, hourly_cost, disk_hourly_cost, backend, attempt, task_name, user,
     launched_at, autostop, autostop_set, error, operation) = row  # fmt: skip
    return ClusterRecord(
        name, slug, _CLUSTER_STATES[state], _read_time(created_at), _read_time(updated_at), num_nodes, cloud, account,
        identity, scope, region, zone, instance_type, resources, _load_shared(request), _load_shared(offer), spot,
        None if hourly_cost is None else Decimal(hourly_cost),
        None if disk_hourly_cost is None else Decimal(disk_hourly_cost), backend, attempt, task_name, user,
        None if launched_at is None else _read_time(launched_at),
        None if autostop is None else Autostop(**_load(autostop)), autostop_set,
        None if error is None else _load(error), None if operation is None else _read_operation(operation),
    )  # fmt: skip


def node_values(record: NodeRecord) -> Values:
    """Columns for a node."""
    return {
        "cluster": record.cluster,
        "rank": record.rank,
        "node_id": plain(record.node_id),
        "state": plain(record.state),
        "endpoint": None if record.endpoint is None else _endpoint(record.endpoint),
        "private_ip": plain(record.private_ip),
        "public_ip": plain(record.public_ip),
        "host_key": plain(record.host_key),
        "seen_at": None if record.seen_at is None else write_time(record.seen_at),
    }


def node_record(row: Row[Any]) -> NodeRecord:
    """The record of a row of ``schema.nodes``."""
    return NodeRecord(
        cluster=row.cluster,
        rank=row.rank,
        node_id=row.node_id,
        state=row.state,
        endpoint=None if row.endpoint is None else _read_endpoint(row.endpoint),
        private_ip=row.private_ip,
        public_ip=row.public_ip,
        host_key=row.host_key,
        seen_at=None if row.seen_at is None else _read_time(row.seen_at),
    )


def attempt_values(record: AttemptRecord) -> Values:
    """Columns for an attempt."""
    return {
        "token": plain(record.token),
        "cluster": record.cluster,
        "kind": record.kind,
        "cloud": record.cloud,
        "account": record.account,
        "identity": plain(record.identity),
        "owner": _owner(record.owner),
        "prepared": _prepared(record.prepared),
        "state": record.state.value,
        "created_at": write_time(record.created_at),
        "called_at": None if record.called_at is None else write_time(record.called_at),
        "receipt": None if record.receipt is None else write_receipt(record.receipt),
        "error": None if record.error is None else write_error(record.error),
    }


def attempt_record(row: Row[Any]) -> AttemptRecord:
    """The record of a row of ``schema.attempts``."""
    return AttemptRecord(
        token=row.token,
        cluster=row.cluster,
        kind=row.kind,
        cloud=row.cloud,
        account=row.account,
        identity=row.identity,
        owner=_read_owner(row.owner),
        prepared=_read_prepared(row.prepared),
        state=_ATTEMPT_STATES[row.state],
        created_at=_read_time(row.created_at),
        called_at=None if row.called_at is None else _read_time(row.called_at),
        receipt=None if row.receipt is None else _read_receipt(row.receipt),
        error=None if row.error is None else _load(row.error),
    )


def event_record(row: Row[Any]) -> EventRecord:
    """The record of a row of ``schema.events``."""
    return EventRecord(
        id=row.id,
        at=_read_time(row.at),
        cluster=row.cluster,
        kind=row.kind,
        from_state=row.from_state,
        to_state=row.to_state,
        reason=row.reason,
    )


def span_values(span: Span) -> Values:
    """Columns for a span."""
    return {
        "cluster": span.cluster,
        "born": write_time(span.born),
        "cloud": plain(span.cloud),
        "account": plain(span.account),
        "region": plain(span.region),
        "instance_type": plain(span.instance_type),
        "resources": plain(span.resources),
        "num_nodes": span.num_nodes,
        "spot": span.spot,
        "task_name": plain(span.task_name),
        "user": plain(span.user),
        "billing": span.billing,
        "hourly_cost": None if span.hourly_cost is None else str(span.hourly_cost),
        "began_at": write_time(span.began_at),
        "ended_at": None if span.ended_at is None else write_time(span.ended_at),
    }


def span_record(row: Row[Any]) -> Span:
    """The record of a row of ``schema.spans``."""
    return Span(
        cluster=row.cluster,
        born=_read_time(row.born),
        cloud=row.cloud,
        account=row.account,
        region=row.region,
        instance_type=row.instance_type,
        resources=row.resources,
        num_nodes=row.num_nodes,
        spot=bool(row.spot),
        task_name=row.task_name,
        user=row.user,
        billing=row.billing,
        hourly_cost=None if row.hourly_cost is None else Decimal(row.hourly_cost),
        began_at=_read_time(row.began_at),
        ended_at=None if row.ended_at is None else _read_time(row.ended_at),
    )


def block_record(row: Row[Any]) -> BlockRecord:
    """The record of a row of ``schema.blocks``."""
    return BlockRecord(
        cloud=row.cloud,
        account=row.account,
        scope=row.scope,
        zone=row.zone,
        instance_type=row.instance_type,
        spot=None if row.spot is None else bool(row.spot),
        code=row.code,
        reason=row.reason,
        until=_read_time(row.until),
    )
