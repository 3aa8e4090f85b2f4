"""Environment variables from the command line and from files of ``NAME=VALUE`` lines."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def collect(pairs: Sequence[str], files: Sequence[str], flag: str) -> dict[str, str]:
    """The variables of ``files`` in order, then ``pairs``; later ones win.

    A name without ``=`` takes the value it has in this process. Raises click.BadParameter, naming ``flag``.
    """
    from pathlib import Path

    values: dict[str, str] = {}
    for file in files:
        values.update(read_file(Path(file), f"{flag}-file"))
    for pair in pairs:
        name, value = _assignment(pair, flag)
        values[name] = value
    return values


def read_file(path: Path, flag: str) -> dict[str, str]:
    """Read a file of ``NAME=VALUE`` lines: ``#`` comments, an optional ``export``, single or double quotes.

    Nothing is expanded. Raises click.BadParameter with file and line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise click.BadParameter(f"cannot read {str(path)!r}: {reason}", param_hint=flag) from error
    values: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, value = _assignment(stripped.removeprefix("export ").lstrip(), f"{flag} {path}:{number}", file=True)
        values[name] = value
    return values


def _assignment(text: str, where: str, *, file: bool = False) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if file:
        name = name.rstrip()
    if not re.fullmatch(_NAME, name):
        # A secret may have been given without its name, by mistake: show the word only where a value follows.
        what = f"{name!r}" if equals else "this"
        raise click.BadParameter(f"{what} is not a variable name; write NAME=VALUE or NAME", param_hint=where)
    if equals:
        return name, _unquote(value.strip(), where) if file else value
    if name not in os.environ:
        raise click.BadParameter(f"{name} has no value, and is not set in this shell either", param_hint=where)
    return name, os.environ[name]


def _unquote(value: str, where: str) -> str:
    if value[:1] not in {"'", '"'}:
        return re.split(r"\s#", value, maxsplit=1)[0].rstrip()
    quote = value[0]
    body = r"'((?:[^'])*)'" if quote == "'" else r'"((?:[^"\\]|\\.)*)"'
    match = re.fullmatch(body + r"\s*(?:#.*)?", value)
    if match is None:
        raise click.BadParameter(f"the {quote} is not closed, or something follows it", param_hint=where)
    text = match.group(1)
    return text if quote == "'" else re.sub(r"\\(.)", lambda m: _ESCAPES.get(m.group(1), m.group(1)), text)
