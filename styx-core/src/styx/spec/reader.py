"""YAML text to plain data that remembers its lines, from the parser's events.

The events are turned into data here, rather than by PyYAML's constructor, because that keeps every promise in one
pass: positions, duplicate keys refused, aliases that explode counted, depth limited without recursion, and no tag that
could make an object. Values mean what they mean in PyYAML's safe loader, with one exception: dates, base-60 numbers
(``12:30``), infinity and integers beyond 64 bits, which nobody means as such in a task, stay text. Numbers remember
how they are written, for where text is meant. Keys are always text, as they are written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import yaml

from styx.spec.place import Listed, Mapped, Place
from styx.spec.plain import MAX_BITS, MAX_DEPTH, MAX_VALUES

if TYPE_CHECKING:
    from styx.api.errors import InvalidTask

MAX_BYTES = 1 << 20

_Loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is six times as fast
_RESOLVERS = yaml.SafeLoader.yaml_implicit_resolvers
_TAG = "tag:yaml.org,2002:"
_MERGE = "<<"
_TRUE = frozenset({"yes", "true", "on"})
_KINDS = frozenset({"str", "int", "float", "bool", "null", "timestamp", "value", "merge"})
_CONTAINERS = {"!", _TAG + "map", _TAG + "seq"}


def read_text(text: str, file: str | None) -> list[object]:
    """The documents of a YAML text; null ones are left out. Raises InvalidTask."""
    if len(text) > MAX_BYTES:
        raise Place(file).error(f"more than {MAX_BYTES >> 20} MiB of text, which no task needs")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Place(file).error(f"character {error.start + 1} is half of a surrogate pair, not text") from None
    try:
        return [document for document in _Builder(file).documents(text) if document is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(part for part in (error.context, error.problem) if part)
        line = mark.line + 1 if mark else None
        raise Place(file, line=line).error(f"not valid YAML: {problem or 'it cannot be read'}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1 if isinstance(error.position, int) else None
        raise Place(file, line=line).error(f"not valid YAML: {error.reason}") from None
    except yaml.YAMLError as error:
        raise Place(file).error(f"not valid YAML: {error}") from None


class _Frame:
    """A container that is being read. ``weight`` counts its values with every alias written out."""

    __slots__ = ("anchor", "depth", "key", "key_line", "merged", "value", "weight")

    def __init__(self, value: Mapped | Listed, anchor: str | None) -> None:
        self.value = value
        self.anchor = anchor
        self.key: str | None = None
        self.key_line = 0
        self.merged: list[Mapped] = []
        self.weight = 1
        self.depth = 1


class _Builder:
    """Builds one file's documents out of the parser's events."""

    def __init__(self, file: str | None) -> None:
        self.file = file
        self.stack: list[_Frame] = []
        self.anchors: dict[str, tuple[object, int, int] | None] = {}  # value, weight, depth; None while it is read
        self.total = 0
        self.document: object = None

    def documents(self, text: str) -> Iterator[object]:
        for event in yaml.parse(text, Loader=_Loader):
            line = event.start_mark.line + 1 if event.start_mark else 0
            match event:
                case yaml.ScalarEvent():
                    self._scalar(event, line)
                case yaml.MappingStartEvent():
                    self._open(event, Mapped(line), line)
                case yaml.SequenceStartEvent():
                    self._open(event, Listed(line), line)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self._close(line)
                case yaml.AliasEvent():
                    self._alias(str(event.anchor), line)
                case yaml.DocumentStartEvent():
                    self.document, self.anchors = None, {}
                case yaml.DocumentEndEvent():
                    yield self.document

    def _error(self, line: int, what: str, hint: str | None = None) -> InvalidTask:
        place = Place(self.file)
        for frame in self.stack:
            inside = len(frame.value) if isinstance(frame.value, Listed) else frame.key
            place = place if inside is None else place.at(frame.value, inside)
        return Place(self.file, place.field, line).error(what, hint=hint)

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> None:
        if not event.value.isascii() and any("\ud800" <= each <= "\udfff" for each in event.value):
            raise self._error(line, "not valid YAML: half of a surrogate pair")  # libyaml says so itself
        if self._wants_key():
            if event.anchor is not None:
                self.anchors[event.anchor] = (event.value, 1, 0)
            self._key(event.value, line, plain=event.style in (None, ""))
            return
        value = self._value(event, line)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, 1, 0)
        self._put(value, line, weight=1, depth=0)

    def _open(self, event: yaml.CollectionStartEvent, value: Mapped | Listed, line: int) -> None:
        if self._wants_key():
            raise self._error(
                line,
                "a mapping or list cannot be a key",
                "Quote it: {{ and }} start mappings in YAML, '{{x}}' is text.",
            )
        if event.tag is not None and event.tag not in _CONTAINERS:
            raise self._error(line, f"tag {event.tag!r} is not allowed in a task")
        if len(self.stack) >= MAX_DEPTH:
            raise self._error(line, f"nested more than {MAX_DEPTH} levels deep")
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        self.stack.append(_Frame(value, event.anchor))

    def _close(self, line: int) -> None:
        frame = self.stack.pop()
        if isinstance(frame.value, Mapped):
            for source in frame.merged:  # keys written out win, then the mappings merged first
                for key, value in source.items():
                    if key not in frame.value:
                        frame.value[key] = value
                        frame.value.lines[key] = source.lines.get(key, source.line)
        if frame.anchor is not None:
            self.anchors[frame.anchor] = (frame.value, frame.weight, frame.depth)
        self._put(frame.value, frame.value.line or line, weight=frame.weight, depth=frame.depth)

    def _alias(self, anchor: str, line: int) -> None:
        if anchor not in self.anchors:
            raise self._error(line, f"alias *{anchor} has no anchor &{anchor} before it")
        known = self.anchors[anchor]
        if known is None:
            raise self._error(line, f"alias *{anchor} stands inside of what it stands for")
        value, weight, depth = known
        if self._wants_key():
            if not isinstance(value, str):
                raise self._error(line, f"alias *{anchor} stands for what cannot be a key")
            self._key(value, line, plain=False)
            return
        if len(self.stack) + depth > MAX_DEPTH:
            raise self._error(line, f"nested more than {MAX_DEPTH} levels deep")
        self._put(value, line, weight=weight, depth=depth)

    def _wants_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1].value, Mapped) and self.stack[-1].key is None

    def _key(self, key: str, line: int, *, plain: bool) -> None:
        frame = self.stack[-1]
        merges = plain and key == _MERGE
        if not merges and key in frame.value:
            assert isinstance(frame.value, Mapped)
            raise self._error(
                line,
                f"key {key[:60]!r} is already given on line {frame.value.lines[key]}",
                "Keep one of the two: YAML would silently use the last.",
            )
        frame.key = _MERGE + "\n" if merges else key  # a plain key has no line break, so this cannot be one
        frame.key_line = line

    def _put(self, value: object, line: int, *, weight: int, depth: int) -> None:
        """Place a finished value where it belongs: in the container being read, or as the document."""
        self.total += 1
        if not self.stack:
            self.document = value
            return
        frame = self.stack[-1]
        frame.weight += weight
        frame.depth = max(frame.depth, depth + 1)
        if frame.weight > MAX_VALUES or self.total > MAX_VALUES:
            raise self._error(line, f"more than {MAX_VALUES} values with its aliases written out")
        if isinstance(frame.value, Listed):
            frame.value.lines[len(frame.value)] = line
            frame.value.append(value)
            return
        key, frame.key = frame.key, None
        assert key is not None
        if key == _MERGE + "\n":
            frame.merged.extend(self._mergeable(value, line))
            return
        frame.value[key] = value
        frame.value.lines[key] = frame.key_line

    def _mergeable(self, value: object, line: int) -> list[Mapped]:
        sources = value if isinstance(value, Listed) else [value]
        found = [source for source in sources if isinstance(source, Mapped)]
        if len(found) != len(sources):
            raise self._error(line, "'<<' takes a mapping or a list of mappings")
        return found

    def _value(self, event: yaml.ScalarEvent, line: int) -> object:
        text: str = event.value
        kind = self._kind(event, line)
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() in _TRUE
        try:
            return _as_written(_NUMBERS[kind](text), text) if kind in _NUMBERS else text
        except ValueError:  # !!int with text that is none
            return text

    def _kind(self, event: yaml.ScalarEvent, line: int) -> str:
        tag = event.tag
        if tag is None or tag == "!":
            if tag == "!" or not event.implicit[0]:
                return "str"
            text: str = event.value
            for candidate, pattern in (*_RESOLVERS.get(text[:1], ()), *_RESOLVERS.get(None, ())):
                if pattern.match(text):
                    return str(candidate).removeprefix(_TAG)
            return "str"
        kind: str = tag.removeprefix(_TAG)
        if kind not in _KINDS or kind == tag:
            raise self._error(line, f"tag {tag!r} is not allowed in a task")
        return kind


class _Int(int):
    """An integer that Python would write otherwise: ``0017``, ``0x1F``, ``1_000``."""

    written: str


class _Float(float):
    """A number that Python would write otherwise: ``1.10``."""

    written: str


def _as_written(number: float | str, text: str) -> float | str:
    """The number, which remembers its text where that would be lost: a commit or a version may look like one."""
    if isinstance(number, str) or str(number) == text:
        return number
    kept = _Int(number) if isinstance(number, int) else _Float(number)
    kept.written = text
    return kept


def _integer(text: str) -> int | str:
    """An integer as YAML 1.1 writes it. Base-60 ones, and those of more than 64 bits, stay text."""
    if ":" in text or len(text) > MAX_BITS + 2:
        return text
    digits = text.replace("_", "")
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    octal = digits != "0" and digits.startswith("0") and not digits.startswith(("0b", "0x"))
    number = int(digits, 8 if octal else 0)
    return text if number.bit_length() > MAX_BITS else sign * number


def _float(text: str) -> float | str:
    """A finite number. Base-60 ones, infinity and what is not a number stay text."""
    if ":" in text or text.lower().endswith(("inf", "nan")):
        return text
    number = float(text.replace("_", ""))
    return number if math.isfinite(number) else text


_NUMBERS: Mapping[str, Callable[[str], int | float | str]] = {"int": _integer, "float": _float}
