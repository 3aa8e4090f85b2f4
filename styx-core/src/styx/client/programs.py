"""The programs that open terminals on nodes, run where the engine is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NoReturn

from styx.api.errors import StyxError


class NoProgram(StyxError):
    """The program by which a node is reached cannot be run."""

    code = "no_program"
    exit_code = 127

    @classmethod
    def of(cls, name: str, reason: str | None) -> NoProgram:
        """The program of this name, and what the system says of it."""
        return cls(f"cannot run {name}: {reason}", hint="`styx doctor` shows which programs there are.")


def become(argv: Sequence[str]) -> NoReturn:
    """Let this process be that program from now on. Raises NoProgram."""
    try:
        os.execvp(argv[0], [*argv])  # noqa: S606 - that is what it is for
    except OSError as error:
        raise NoProgram.of(argv[0], error.strerror) from error
