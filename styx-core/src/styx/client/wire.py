"""The records of the client's protocol as JSON data, and back: how a server and its clients exchange them.

Dataclasses are objects, tuples and sets lists, times ISO 8601, money and paths text, bytes base64. What is declared
with ``repr=False`` is secret, and no part of it. An unknown field is ignored and one that is missing has its default,
so that a client and a server one version apart understand each other. The standard library does it all: pydantic, which
describes the same records for servers (:func:`adapter`), takes longer to load than most answers take to be read.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from styx.api.errors import StyxError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_VERSIONS = "Both sides should be of one version, or of two that follow."

T = TypeVar("T")
Read = Callable[[Any], Any]


class Unreadable(StyxError):
    """What the other side sent is not what was agreed on."""

    code = "unreadable"


class Said(dict[str, Any]):
    """A JSON object of the other side's. What it ought to have and lacks is Unreadable."""

    def __missing__(self, name: str) -> Any:
        raise Unreadable(f"an answer has no {name!r}", hint=_VERSIONS)


def dump(value: object) -> Any:
    """The value as JSON data."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(dump(key)): dump(each) for key, each in value.items()}
    if dataclasses.is_dataclass(value):
        return {each.name: dump(getattr(value, each.name)) for each in dataclasses.fields(value) if each.repr}
    for kind, write in _WRITTEN.items():
        if isinstance(value, kind):
            return write(value)
    raise TypeError(f"{type(value).__name__} is nothing that is sent")


def load(kind: type[T], data: object) -> T:
    """The value of this type that :func:`dump` made the data of. Raises Unreadable, which names the place."""
    try:
        return cast("T", _reader(cast("Any", kind))(data))
    except _Mismatch as error:
        place = ".".join(reversed(error.place)) or "the answer"
        raise Unreadable(f"{place} is {error}", hint=_VERSIONS) from None


def adapter(kind: Any) -> TypeAdapter[Any]:
    """What pydantic makes of a record, for servers: it checks and describes the same JSON data."""
    from pydantic import TypeAdapter

    from styx.api.backend import Autostop  # noqa: F401 - pydantic looks for names here, as _later says
    from styx.optimizer.lots import Choice  # noqa: F401

    return TypeAdapter(kind)


class _Mismatch(Exception):
    """Data of another form than its type's; ``place`` is where, innermost first."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.place: list[str] = []


@cache
def _reader(kind: Any) -> Read:
    """What reads data of this type."""
    if kind in _SCALARS:
        return _SCALARS[kind]
    if get_origin(kind) is not None:
        return _composed(get_origin(kind), get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _converted(str, kind)
    if dataclasses.is_dataclass(kind):
        return _record(kind)
    raise TypeError(f"{kind} is nothing that is sent")


def _composed(origin: Any, arguments: tuple[Any, ...]) -> Read:
    if origin in (Union, UnionType):
        return _either([_reader(each) for each in arguments])
    if origin is tuple and Ellipsis not in arguments:
        return _parts([_reader(each) for each in arguments])
    if origin in _COLLECTIONS:
        return _many(_COLLECTIONS[origin], _reader(arguments[0]))
    if origin in (dict, Mapping):
        return _mapping(_key(arguments[0]), _reader(arguments[1]))
    raise TypeError(f"{origin} is nothing that is sent")


def _exactly(*kinds: type) -> Read:
    names = " or ".join(kind.__name__ for kind in kinds if kind is not Said)

    def read(data: Any) -> Any:
        if type(data) not in kinds:
            raise _Mismatch(f"{_shown(data)}, not {names}")
        return data

    return read


def _converted(source: type, convert: Callable[[Any], Any]) -> Read:
    check = _exactly(source)

    def read(data: Any) -> Any:
        try:
            return convert(check(data))
        except (ValueError, InvalidOperation, binascii.Error):
            raise _Mismatch(f"{_shown(data)}, which cannot be read") from None

    return read


def _bytes(data: str) -> bytes:
    return base64.b64decode(data, validate=True)


def _either(readers: Sequence[Read]) -> Read:
    def read(data: Any) -> Any:
        problems: list[_Mismatch] = []
        for each in readers:
            try:
                return each(data)
            except _Mismatch as error:
                problems.append(error)
        raise max(problems, key=lambda problem: len(problem.place))  # the one that got furthest

    return read


def _many(collect: Callable[[Any], Any], item: Read) -> Read:
    check = _exactly(list)
    return lambda data: collect([_at(str(number), item, each) for number, each in enumerate(check(data))])


def _parts(items: Sequence[Read]) -> Read:
    check = _exactly(list)

    def read(data: Any) -> Any:
        if len(check(data)) != len(items):
            raise _Mismatch(f"a list of {len(data)}, not {len(items)}")
        return tuple(_at(str(number), *pair) for number, pair in enumerate(zip(items, data, strict=True)))

    return read


def _key(kind: Any) -> Read:
    """Names of JSON objects are text."""
    return _converted(str, kind) if kind is int else _reader(kind)


def _mapping(key: Read, item: Read) -> Read:
    check = _exactly(dict, Said)
    return lambda data: {key(name): _at(name, item, each) for name, each in check(data).items()}


def _record(kind: Any) -> Read:
    """A dataclass; the readers of its fields are made when the first one comes, for it may hold its own kind."""
    check = _exactly(dict, Said)

    @cache
    def readers() -> dict[str, Read]:
        hints = get_type_hints(kind, localns=_later())
        return {each.name: _reader(hints[each.name]) for each in dataclasses.fields(kind) if each.repr}

    def read(data: Any) -> Any:
        given = check(data)
        values = {name: _at(name, item, given[name]) for name, item in readers().items() if name in given}
        try:
            return kind(**values)
        except TypeError:
            missing = [name for name in _required(kind) if name not in values]
            raise _Mismatch(f"without {', '.join(missing)}") from None

    return read


def _required(kind: Any) -> list[str]:
    unset = dataclasses.MISSING
    return [each.name for each in dataclasses.fields(kind) if each.default is each.default_factory is unset]


def _at(place: str, read: Read, data: object) -> object:
    try:
        return read(data)
    except _Mismatch as error:
        error.place.append(place)
        raise


def _later() -> dict[str, Any]:
    """What annotations of records name and their modules do not import, to be loaded fast."""
    from styx.api.backend import Autostop
    from styx.optimizer.lots import Choice

    return {"Autostop": Autostop, "Choice": Choice}


def _shown(data: object) -> str:
    """What was sent, without saying it: it may be anything."""
    return {NoneType: "null", dict: "an object", list: "a list"}.get(type(data), f"a {type(data).__name__}")


def _anything(data: object) -> object:
    return data


_WRITTEN: dict[type, Callable[[Any], Any]] = {
    datetime: datetime.isoformat,
    Decimal: str,
    Path: str,
    bytes: lambda value: base64.b64encode(value).decode(),
    StyxError: StyxError.to_wire,
    Collection: lambda value: [dump(each) for each in value],
}
_SCALARS: dict[Any, Read] = {
    Any: _anything,
    object: _anything,
    NoneType: _exactly(NoneType),
    bool: _exactly(bool),
    int: _exactly(int),
    float: _exactly(float, int),
    str: _exactly(str),
    datetime: _converted(str, datetime.fromisoformat),
    Decimal: _converted(str, Decimal),
    Path: _converted(str, Path),
    bytes: _converted(str, _bytes),
}
_COLLECTIONS: dict[Any, Callable[[Any], Any]] = {
    list: list,
    tuple: tuple,
    frozenset: frozenset,
}
