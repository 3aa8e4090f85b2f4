"""Read and check the tables of a manifest by hand, with messages that name the file, the key and the mistake."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

_TYPE_NAMES = {dict: "a table", list: "a list", str: "a text", int: "a number", float: "a number", bool: "a boolean"}


class ManifestError(Exception):
    """A manifest is wrong; the message says in which file, at which key, and how."""


class Form(NamedTuple):
    """The form a text must have as a whole, and how to say so to people."""

    pattern: re.Pattern[str]
    says: str


class TableReader:
    """One table of a manifest. Reading a key marks it as known; :meth:`finish` complains about the others."""

    def __init__(self, data: Mapping[str, Any], source: str, prefix: str = "") -> None:
        self._data = data
        self._source = source
        self._prefix = prefix
        self._known: set[str] = set()

    def error(self, key: str, problem: str) -> ManifestError:
        """An error about ``key`` of this table, to be raised."""
        path = f"{self._prefix}{key}"
        return ManifestError(f"{self._source}: {path if path.isprintable() else repr(path)} {problem}")

    def text(self, key: str, form: Form | None = None, *, default: str | None = None) -> str:
        """A text that is not empty and has ``form``; required unless there is a default."""
        self._known.add(key)
        value = self._data.get(key, default)
        if value is None:
            raise self._missing(key)
        return default if default is not None and value == default else self._checked(key, value, form)

    def choice(self, key: str, choices: Sequence[str]) -> str:
        """A text that is one of ``choices``; required."""
        value = self.text(key)
        self._check_choice(key, value, choices)
        return value

    def texts(self, key: str, form: Form | None = None, *, choices: Sequence[str] | None = None) -> list[str]:
        """A list of texts, empty when absent; each has ``form`` or is one of ``choices``."""
        values = [self._checked(f"{key}[{n}]", value, form) for n, value in enumerate(self._list(key))]
        if choices is not None:
            for value in values:
                self._check_choice(key, value, choices)
        return values

    def table(self, key: str) -> TableReader:
        """A table below this one, empty when absent."""
        self._known.add(key)
        value = self._data.get(key, {})
        if not isinstance(value, dict):
            raise self._wrong_type(key, "a table", value)
        return TableReader(value, self._source, f"{self._prefix}{key}.")

    def tables(self, key: str) -> list[TableReader]:
        """A list of tables (``[[key]]``), empty when absent."""
        readers = []
        for number, value in enumerate(self._list(key)):
            if not isinstance(value, dict):
                raise self._wrong_type(f"{key}[{number}]", "a table", value)
            readers.append(TableReader(value, self._source, f"{self._prefix}{key}[{number}]."))
        return readers

    def finish(self, also: Iterable[str] = ()) -> None:
        """Raise ManifestError for the first key that nothing has read; ``also`` are read elsewhere."""
        known = self._known.union(also)
        for key in self._data:
            if key not in known:
                raise self.error(key, f"is not known{_suggestion(key, known)}")

    def _list(self, key: str) -> list[Any]:
        self._known.add(key)
        value = self._data.get(key, [])
        if not isinstance(value, list):
            raise self._wrong_type(key, "a list", value)
        return value

    def _checked(self, key: str, value: object, form: Form | None) -> str:
        if not isinstance(value, str):
            raise self._wrong_type(key, "a text", value)
        if not value.strip():
            raise self.error(key, "is empty")
        if form is not None and not form.pattern.fullmatch(value):
            raise self.error(key, f"is {value!r}; it must be {form.says}")
        return value

    def _check_choice(self, key: str, value: str, choices: Sequence[str]) -> None:
        if value not in choices:
            raise self.error(key, f"has {value!r}, which is not known{_suggestion(value, choices)}")

    def _missing(self, key: str) -> ManifestError:
        from difflib import get_close_matches

        near = [word for word in get_close_matches(key, self._data, n=1) if word not in self._known]
        return self.error(key, f"is missing; is {near[0]!r} meant to be it?" if near else "is missing")

    def _wrong_type(self, key: str, wanted: str, value: object) -> ManifestError:
        return self.error(key, f"must be {wanted}, not {_TYPE_NAMES.get(type(value), type(value).__name__)}")


def _suggestion(word: str, choices: Iterable[str]) -> str:
    from difflib import get_close_matches

    known = sorted(choices)
    near = get_close_matches(word, known, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known are: {', '.join(known)}" if known else "; there are none for this kind"
