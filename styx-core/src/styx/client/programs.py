"""The programs that open terminals on nodes, run where the engine is."""

from __future__ import annotations

import os
import signal
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
    ignored = (signal.SIGPIPE, signal.SIGXFSZ)  # by Python, and so they would be by the program
    before = {number: signal.signal(number, signal.SIG_DFL) for number in ignored}
    try:
        os.execvp(argv[0], [*argv])  # noqa: S606 - that is what it is for
    except OSError as error:
        for number, handler in before.items():
            signal.signal(number, handler)
        raise NoProgram.of(argv[0], error.strerror) from error
