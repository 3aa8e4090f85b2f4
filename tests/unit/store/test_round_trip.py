"""Whatever is put into a record comes back out of the database."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api.launch import Prepared, Receipt
from styx.store import Store
from styx.store.managed import ManagedState, NewJob
from styx.store.records import AttemptState, NodeRecord, Operation
from styx.store.rows import plain, write_time
from styx.store.states import ClusterState
from support.job_records import ANY, serve
from support.records import (
    HOLDER,
    NOW,
    attempt,
    cleaned,
    cluster,
    cluster_fields,
    mappings,
    money,
    node_records,
    operations,
    prepareds,
    receipts,
    relaxed,
    string_maps,
    texts,
    times,
    wires,
)  # fmt: skip

_SAID = ("name", "user", "pool", "group")


@relaxed
@given(fields=cluster_fields, operation=st.none() | operations, state=st.sampled_from(list(ClusterState)), at=times)
def test_clusters(
    store: Store, fields: dict[str, Any], operation: Operation | None, state: ClusterState, at: datetime
) -> None:
    """Every field of a cluster survives, structured ones to the last surrogate, and created equals read."""
    record = cluster("c", state, created_at=at, operation=operation, **fields)
    store.clusters.create(record)
    try:
        expected = replace(record, **cleaned(fields))
        assert store.clusters.get("c") == expected
        assert store.clusters.list() == [expected]
        changed = store.clusters.update("c", **fields)
        assert changed.request == fields["request"]
        assert store.clusters.get("c") == replace(expected, updated_at=changed.updated_at)
    finally:
        store.clusters.remove("c", "")


@relaxed
@given(nodes=st.lists(node_records, unique_by=lambda node: node.rank, max_size=4))
def test_nodes(store: Store, nodes: list[NodeRecord]) -> None:
    """Every field of a node survives, sorted by rank."""
    if store.clusters.get("c") is None:
        store.clusters.create(cluster("c"))
    store.nodes.replace("c", [])
    store.nodes.replace("c", nodes)
    expected = [
        replace(
            node,
            node_id=plain(node.node_id),
            private_ip=plain(node.private_ip),
            public_ip=plain(node.public_ip),
            host_key=plain(node.host_key),
        )
        for node in sorted(nodes, key=lambda node: node.rank)
    ]
    assert store.nodes.of("c") == expected


@relaxed
@given(prepared=prepareds, receipt=receipts, error=wires, called=times)
def test_attempts(store: Store, prepared: Prepared, receipt: Receipt, error: dict[str, Any], called: datetime) -> None:
    """Intents come back byte for byte, and so do receipts and errors."""
    prepared = replace(prepared, token=secrets.token_hex(16))  # the database outlives one example
    record = attempt(prepared.token, prepared=prepared)
    store.attempts.add(record)
    store.attempts.called(prepared.token, called)
    store.attempts.answered(record, receipt, called, HOLDER)
    store.attempts.settle(prepared.token, AttemptState.TOMBSTONE, error)
    found = next(each for each in store.attempts.of("c") if each.token == prepared.token)
    assert found == replace(
        record, called_at=called.astimezone(UTC), receipt=receipt, state=AttemptState.TOMBSTONE, error=error
    )


@relaxed
@given(
    said=st.fixed_dictionaries(
        {
            "task": mappings,
            "options": mappings,
            **dict.fromkeys(_SAID, texts),
            "primary": st.none() | st.booleans(),
            "grace": st.none() | st.floats(0, 1e9),
        }
    ),
    sealed=st.none() | texts,
    set_later=st.fixed_dictionaries(
        {"outputs": string_maps, "error": st.none() | wires, "cost": money, "cluster": texts, "started_at": times}
    ),
    priority=st.integers(-1000, 1000),
    reason=texts,
)
def test_managed_jobs(
    store: Store, said: dict[str, Any], sealed: str | None, set_later: dict[str, Any], priority: int, reason: str
) -> None:
    """Every field of a managed job survives, those that are said once and those that are set as it runs."""
    if not store.servers.list():
        serve(store, "s")
    key = secrets.token_hex(16)  # the database outlives one example
    (job,) = store.jobs.submit([NewJob(key + said["name"], sealed=sealed, priority=priority, **said)])
    assert cleaned({name: getattr(job, name) for name in said}) == cleaned(said)
    assert (job.priority, job.sealed) == (priority, sealed if sealed is None else plain(sealed))
    assert store.jobs.submit([NewJob(key + said["name"], **said)]) == [job] == [store.jobs.get(job.id)]
    store.jobs.admit("s", ANY)
    mine = store.jobs.own(job.id, "s")
    done = store.jobs.move(job.id, mine.epoch, ManagedState.FAILED, reason=reason, **set_later)
    expected = replace(done, **cleaned({**set_later, "reason": reason}))
    assert store.jobs.get(job.id) == expected
    assert store.jobs.events(job.id)[-1].reason == plain(reason)


@relaxed
@given(kind=texts, reason=texts)
def test_events(store: Store, kind: str, reason: str) -> None:
    """An event's reason may be any text; what no database takes is replaced, and the rest stays."""
    added = store.events.add("c", "note", reason)
    assert store.events.of("c", 1) == [added]
    assert added.reason == plain(reason)
    assert "\0" not in added.reason


@given(text=texts)
def test_plain_text_changes_only_what_no_database_takes(text: str) -> None:
    """Text without NUL and surrogates is stored as it is, and cleaning twice is cleaning once."""
    if "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text):
        assert plain(text) == text
    assert plain(plain(text)) == plain(text)
    plain(text).encode()


@given(first=times, second=times)
def test_times_sort_as_written(first: datetime, second: datetime) -> None:
    """The text of a later time is the greater text, whatever the zones were."""
    assert (write_time(first) < write_time(second)) == (first < second)


def test_a_time_without_a_zone_is_refused() -> None:
    """A time that could be anybody's local time is an error, not a guess."""
    with pytest.raises(ValueError, match="no time zone"):
        write_time(NOW.replace(tzinfo=None))


def test_a_reopened_database_holds_what_was_written(tmp_path: Path) -> None:
    """Closing and opening again loses nothing, the installation's id included."""
    with Store.open(home=tmp_path) as first:
        first.clusters.create(cluster("c", task_name="kept"))
        identity = first.installation
    with Store.open(home=tmp_path) as second:
        assert second.installation == identity
        assert [record.task_name for record in second.clusters.list()] == ["kept"]
