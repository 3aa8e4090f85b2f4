"""Doing the same to several clusters: one that fails does not keep the others from their turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from styx.cli import failure
from styx.cli.render import clean, note
from styx.words import sentences


def each(names: Iterable[str], work: Callable[[str], None]) -> int:
    """Call ``work`` for every name; return 0 or the exit code of the first failure. A single one's error is raised."""
    from styx.api.errors import StyxError

    chosen = list(names)
    if len(chosen) == 1:
        work(chosen[0])
        return 0
    code = 0
    for name in chosen:
        try:
            work(name)
        except StyxError as error:
            if failure.as_json():
                details = {"cluster": name, **error.details}
                failure.say(error.message, error.hint, code=error.code, details=details)
            else:
                note(f"{clean(name)}: {clean(sentences(error.message, error.hint))}")
            code = code or error.exit_code
    return code
