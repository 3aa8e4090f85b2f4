"""What the server of this home writes: ``<home>/server.log``, and in ``server.log.1`` what it wrote before that."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from styx.config import home

NAME = "server.log"
LONGEST = 8 << 20  # bytes; about twice that is kept

_LINE = 1000  # bytes that one of the last lines may have
_PAUSE = 0.1


def path() -> Path:
    """Where it is."""
    return home() / NAME


def last_lines(count: int) -> list[str]:
    """The last lines; none where nothing was written."""
    return _read_from(max(0, _size() - (count + 1) * _LINE))[0].splitlines()[-count:]


def lines(count: int) -> Iterator[str]:
    """The last lines, and then what is written, line by line and without end."""
    text, at = _read_from(max(0, _size() - (count + 1) * _LINE))
    *whole, rest = text.split("\n")
    yield from whole[-count:]
    while True:
        if _size() < at:  # it began anew
            at = 0
        text, at = _read_from(at)
        *whole, rest = (rest + text).split("\n")
        yield from whole
        if not text:
            time.sleep(_PAUSE)


def _read_from(at: int) -> tuple[str, int]:
    """What is there from a byte on, and where that ends."""
    try:
        with path().open("rb") as file:
            file.seek(at)
            data = file.read()
    except FileNotFoundError:
        return "", at
    return data.decode(errors="replace"), at + len(data)


def _size() -> int:
    try:
        return path().stat().st_size
    except FileNotFoundError:
        return 0


def trim() -> None:
    """Move what a log that has become long holds out of the way, under whoever writes: they append."""
    with suppress(OSError):  # there is none yet; or the disk is full, and then there is no better time
        if _size() > LONGEST:
            shutil.copy(path(), path().with_name(f"{NAME}.1"))
            os.truncate(path(), 0)
