"""Records on their way between a server and its clients."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
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

from styx.api.backend import JobInfo, JobState, LogChunk
from styx.api.errors import BadInput, NoOffer
from styx.client import wire
from styx.spec.model import TaskSpec
from styx.store.records import ClusterRecord, NodeRecord
from support.records import NOW, cluster, times
from support.wire_samples import FROZEN, NAMES, RECORDS

OLDER = sorted(FROZEN.glob("wire-*.json"))
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


@pytest.mark.parametrize("older", OLDER, ids=lambda path: path.stem)
def test_what_released_versions_send(older: Path) -> None:
    """Every record is still read as released versions send it, and still says all that it said to these."""
    sent = json.loads(older.read_text())
    known = [kind for kind in RECORDS if kind.__name__ in sent]
    for kind in known:
        before = sent[kind.__name__]
        assert [*_missing(before, wire.dump(wire.load(kind, before)), kind.__name__)] == []
    assert [kind.__name__ for kind in known] == sorted(sent)


def _missing(before: object, after: object, place: str) -> Iterator[str]:
    """Where something that was said is not, or is something else."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, each in before.items():
            yield from _missing(each, after.get(name, "nothing"), f"{place}.{name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, each in enumerate(before):
            yield from _missing(each, after[number], f"{place}.{number}")
    elif before != after:
        yield f"{place}: {before!r} is {after!r}"


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
