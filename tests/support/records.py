"""Records for tests of the store and of what stands on it: complete ones, and strategies for any at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from styx.api.backend import Autostop
from styx.api.launch import Prepared, Receipt
from styx.api.names import Owner
from styx.api.nodes import Endpoint
from styx.api.offers import Scope
from styx.store.records import AttemptRecord, AttemptState, ClusterRecord, Holder, NodeRecord, Operation
from styx.store.rows import plain
from styx.store.states import ClusterState

NOW = datetime(2030, 1, 1, tzinfo=UTC)
HOLDER = Holder("0123456789abcdef", 1, "", "", "elsewhere")


def cluster(name: str = "c", state: ClusterState = ClusterState.UP, **changes: Any) -> ClusterRecord:
    """A plain cluster; ``changes`` override."""
    record = ClusterRecord(name=name, slug=name, state=state, created_at=NOW, updated_at=NOW)
    return replace(record, **changes)


def attempt(token: str = "t", cluster_name: str = "c", **changes: Any) -> AttemptRecord:
    """A plain open attempt; ``changes`` override."""
    owner = Owner("abcdef", cluster_name, "a123")
    record = AttemptRecord(
        token=token,
        cluster=cluster_name,
        kind="launch",
        cloud="memory",
        account="default",
        identity="me",
        owner=owner,
        prepared=Prepared(owner, Scope("east"), (0,), "{}", token),
        state=AttemptState.OPEN,
        created_at=NOW,
    )
    return replace(record, **changes)


def cleaned(fields: dict[str, Any]) -> dict[str, Any]:
    """What the columns of plain text make of these fields."""
    return {name: plain(value) if isinstance(value, str) else value for name, value in fields.items()}


relaxed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # all examples share one database

# -- anything a provider, a policy or a user may put into a record

texts = st.one_of(
    st.text(st.characters(), max_size=30),  # with surrogates, NUL, emoji
    st.just(100_000).map(lambda size: "a" * size),
    st.sampled_from(["", "\0", "\ud800", "'; DROP TABLE clusters; --", "\udc00\ud83d", "\N{PILE OF POO}"]),
)
times = st.datetimes(
    datetime(1990, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
)
money = st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=0, max_value=10**9).map(
    Decimal
)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**62), 2**62)
json_values: Any = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
mappings = st.dictionaries(texts, json_values, max_size=3)
holders = st.builds(Holder, texts, st.integers(1, 2**22), texts, texts, texts)
autostops = st.builds(Autostop, st.integers(0, 10**6), st.booleans(), st.sampled_from(["jobs_and_ssh", "jobs", "none"]))
wires = st.fixed_dictionaries({"code": texts, "message": texts}, optional={"hint": texts, "details": mappings})
_TEXTS = (
    "cloud", "account", "identity", "scope", "region", "zone", "instance_type", "resources", "backend", "attempt",
    "task_name", "user",
)  # fmt: skip
cluster_fields = st.fixed_dictionaries(
    {
        "num_nodes": st.integers(1, 1000),
        "request": mappings,
        "offer": mappings,
        "spot": st.booleans(),
        "hourly_cost": money,
        "disk_hourly_cost": money,
        "launched_at": st.none() | times,
        "autostop": st.none() | autostops,
        "autostop_set": st.booleans(),
        "error": st.none() | wires,
        **dict.fromkeys(_TEXTS, texts),
    }
)
operations = st.builds(Operation, st.sampled_from(["launch", "stop", "down"]), holders, times)
string_maps = st.dictionaries(texts, texts, max_size=3)
node_records = st.builds(
    NodeRecord,
    cluster=st.just("c"),
    rank=st.integers(0, 999),
    node_id=texts,
    state=st.sampled_from(["running", "stopped"]),
    endpoint=st.none() | st.builds(Endpoint, texts, string_maps),
    private_ip=texts,
    public_ip=texts,
    host_key=texts,
    seen_at=st.none() | times,
)
owners = st.just(Owner("abcdef", "c", "a123"))
receipts = st.builds(Receipt, texts, st.dictionaries(st.integers(0, 999), texts, max_size=3), money, string_maps)
prepareds = st.builds(
    Prepared,
    owners,
    st.builds(Scope, texts),
    st.lists(st.integers(0, 999), unique=True, max_size=5).map(tuple),
    texts,
    st.uuids().map(str),
)
