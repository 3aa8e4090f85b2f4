"""Errors as they are written on stderr: a message and a hint for people, or with ``-o json`` an object for programs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

_WAYS = ({"-o", "--output"}, {"-ojson", "--output=json"})  # with json as a word of its own, and without

# Set once, before anything can fail.
_as_json = False


def expect(arguments: Sequence[str]) -> None:
    """See from the command line whether JSON is asked for; what stands after ``--`` is not the program's own."""
    global _as_json  # noqa: PLW0603 - the program has one command line
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    apart, joined = _WAYS
    _as_json = any(
        word in joined or (word == "json" and own[place - 1] in apart) for place, word in enumerate(own) if place
    )


def say(
    message: str, hint: str | None = None, *, code: str = "error", details: Mapping[str, Any] | None = None
) -> None:
    """Write it on stderr. It may quote what a provider or a node said, so it is cleaned, line by line.

    As JSON it is one line: ``{"error": {code, message, hint, details}}``.
    """
    from styx.cli.render import clean, colours

    if _as_json:
        import json

        error = {"code": code, "message": message, "hint": hint or None, "details": dict(details or {})}
        click.echo(json.dumps({"error": error}, default=str), err=True)  # ASCII, which plays no tricks on a terminal
        return
    for title, colour, text in (("Error:", "red", message), ("Hint:", None, hint)):
        if text:
            painted = click.style(title, fg=colour, bold=True) if colours(sys.stderr) else title
            click.echo(f"{painted} " + "\n".join(map(clean, text.split("\n"))), err=True)


def as_json() -> bool:
    """Whether errors are written for programs."""
    return _as_json


def show_usage(error: click.ClickException) -> None:
    """What click has to say of a command line that it cannot read."""
    if not _as_json:
        error.show()
        return
    context = getattr(error, "ctx", None)
    hint = f"`{context.command_path} --help` shows what there is." if context else None
    say(error.format_message(), hint, code="bad_input" if error.exit_code == click.UsageError.exit_code else "error")
