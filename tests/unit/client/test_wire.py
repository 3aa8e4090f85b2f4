"""Records on their way between a server and its clients."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.api.backend import Autostop, JobInfo, JobState, LogChunk
from styx.api.errors import BadInput, NoOffer
from styx.api.offers import Offer
from styx.api.storage import StoredObject
from styx.client import wire
from styx.client.costs import CostReport
from styx.client.protocol import CheckResult, DagLaunch, LaunchOptions, LaunchResult
from styx.dags.model import DagResult, RunOptions
from styx.engine.explain import Explanation
from styx.engine.orphans import Orphan, Search
from styx.engine.storage import BucketInfo
from styx.hookspecs import DoctorFinding
from styx.jobs.model import JobOptions
from styx.optimizer.lots import Choice
from styx.spec.model import TaskSpec
from styx.store.access import AuditEntry, RequestRecord, Token, User
from styx.store.managed import JobEvent, JobQuery, ManagedJob, ServerRecord
from styx.store.records import ClusterRecord, EventRecord, NodeRecord
from support.records import NOW, cluster, times

RECORDS = [
    AuditEntry, BucketInfo, CheckResult, ClusterRecord, CostReport, DagLaunch, DagResult, DoctorFinding, EventRecord,
    Explanation, JobEvent, JobInfo, JobOptions, JobQuery, LaunchOptions, LaunchResult, LogChunk, ManagedJob, NodeRecord,
    Offer, Orphan, RequestRecord, RunOptions, Search, ServerRecord, StoredObject, Token, User,
]  # fmt: skip
NAMES = {"Autostop": Autostop, "Choice": Choice}
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    Any: st.none() | st.integers(0, 9) | st.lists(st.text("ab", max_size=2), max_size=2),
    object: st.none() | st.integers(0, 9) | st.dictionaries(st.text("ab", max_size=2), st.booleans(), max_size=2),
    NoneType: st.none(),
    bool: st.booleans(),
    int: st.integers(-(2**62), 2**62),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: st.text(st.characters(codec="utf-8"), max_size=8),
    bytes: st.binary(max_size=8),
    datetime: times,
    Decimal: st.decimals(allow_nan=False, allow_infinity=False, places=6, max_value=10**9, min_value=0),
    Path: st.text("ab/.", min_size=1, max_size=8).map(Path),
}


@cache
def values(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of this type."""
    if kind in PLAIN:
        return PLAIN[kind]
    if get_origin(kind) is not None:
        return composed(get_origin(kind), get_args(kind))
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    hints = get_type_hints(kind, localns=NAMES)
    return st.builds(kind, **{each.name: values(hints[each.name]) for each in dataclasses.fields(kind) if each.repr})


def composed(origin: Any, arguments: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    """Any value of a type that is made of others."""
    parts = [values(each) for each in arguments if each is not Ellipsis]
    if origin in (Union, UnionType):
        return st.one_of(parts)
    if origin is tuple and Ellipsis not in arguments:
        return st.tuples(*parts)
    if origin in (dict, Mapping):
        return st.dictionaries(*parts, max_size=2)
    return st.lists(*parts, max_size=2).map(origin)


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_round_trip(kind: type) -> None:
    """Every record is the same after a way through JSON; pydantic reads what is sent, and what it writes is read."""
    adapter = wire.adapter(kind)

    @given(values(kind))
    def check(value: object) -> None:
        sent = json.loads(json.dumps(wire.dump(value)))
        assert wire.load(kind, sent) == value
        if kind is not LogChunk:  # bytes are sent by us alone
            assert adapter.validate_python(sent) == value
            assert wire.load(kind, json.loads(adapter.dump_json(value))) == value

    check()


def test_secrets_stay() -> None:
    """The values of secrets are no part of what is sent."""
    spec = TaskSpec(name="t", secrets={"TOKEN": "hunter2"})
    assert "hunter2" not in json.dumps(wire.dump(spec))
    assert wire.load(TaskSpec, wire.dump(spec)).secrets == {}


def test_another_version() -> None:
    """A field that is not known is ignored, and one that is not sent has its default."""
    sent = {"name": "c", "slug": "c", "state": "up", "created_at": NOW.isoformat(), "updated_at": NOW.isoformat()}
    assert wire.load(ClusterRecord, {**sent, "mood": "bright"}) == cluster()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"rank": 0, "offset": 0, "data": 7}, "data is a int, not str"),
        ({"rank": "0", "offset": 0, "data": ""}, "rank is a str, not int"),
        ({"rank": True, "offset": 0, "data": ""}, "rank is a bool, not int"),
        ({"rank": 0, "offset": 0, "data": "?"}, "data is a str, which cannot be read"),
        ({"rank": 0}, "the answer is without offset, data"),
        ([], "the answer is a list, not dict"),
    ],
)
def test_what_is_none(data: object, message: str) -> None:
    """Data that no value was made into is refused with the place, and never with a traceback."""
    with pytest.raises(wire.Unreadable, match=message):
        wire.load(LogChunk, data)


def test_what_is_none_within() -> None:
    """The place of what is wrong is told from the outside in, and of a choice that which came closest."""
    with pytest.raises(wire.Unreadable, match=r"^endpoint\.options\.port is a int, not str"):
        wire.load(NodeRecord, {"endpoint": {"kind": "ssh", "options": {"port": 22}}})


def test_keys_of_mappings() -> None:
    """The exit codes of ranks come back under numbers, though JSON knows only names."""
    job = JobInfo(1, "", JobState.FAILED, NOW, ranks={0: 0, 12: 3})
    assert wire.load(JobInfo, json.loads(json.dumps(wire.dump(job)))).ranks == {0: 0, 12: 3}


def test_errors_are_their_wire_form() -> None:
    """An error among what is sent is what it is written as."""
    assert wire.dump({"s3": BadInput("no", hint="do")}) == {"s3": {"code": "bad_input", "message": "no", "hint": "do"}}
    assert wire.dump(NoOffer("none", reasons={"a": "b"}))["details"] == {"reasons": {"a": "b"}}


def test_what_is_not_sent() -> None:
    """Something that is no record is a mistake of whoever sends it."""
    with pytest.raises(TypeError, match="object"):
        wire.dump(object())
    with pytest.raises(TypeError, match="set"):
        wire.load(set[str], [])
