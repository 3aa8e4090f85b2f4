"""Where in a task something was written, so that every complaint can point at it."""

from __future__ import annotations

from dataclasses import dataclass

from styx.api.errors import InvalidTask


class Mapped(dict[str, object]):
    """A mapping read from a file, with the line (from 1) on which each key stands."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[object, int] = {}


class Listed(list[object]):
    """A list read from a file, with the line (from 1) on which each item stands."""

    __slots__ = ("line", "lines")

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[object, int] = {}


_SHOWN = 60  # characters of a key that a message shows


@dataclass(frozen=True, slots=True)
class Place:
    """One spot: ``field`` as it is written in messages (``resources.any_of[1].cpus``), file and line when known."""

    file: str | None = None
    field: str = ""
    line: int | None = None

    def at(self, container: object, key: str | int) -> Place:
        """The place of one key or item of ``container``, which stands here."""
        line = self.line
        if isinstance(container, (Mapped, Listed)):
            line = container.lines.get(key, container.line)
        if isinstance(key, int):
            field = f"{self.field}[{key}]"
        else:
            field = f"{self.field}.{_shown(key)}" if self.field else _shown(key)
        return Place(self.file, field, line)

    def error(self, what: str, *, hint: str | None = None) -> InvalidTask:
        """The error to raise: ``what`` is wrong here."""
        where = ""
        if self.file:
            file = self.file if self.file.isprintable() else ascii(self.file)
            where = f"{file}:{self.line}: " if self.line else f"{file}: "
        about = f"{self.field}: " if self.field else ""
        return InvalidTask(f"{where}{about}{what}", hint=hint, file=self.file, line=self.line, field=self.field or None)


def _shown(key: str) -> str:
    """A key as part of a field's name: short, and without characters that could play tricks on a terminal."""
    return key if len(key) <= _SHOWN and key.isprintable() else ascii(key)[:_SHOWN]
