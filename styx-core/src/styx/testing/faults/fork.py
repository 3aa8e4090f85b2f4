"""Running something in a forked process, which may be killed, and hearing how it ended."""

from __future__ import annotations

import os
import pickle
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn

from styx.api import StyxError

PATIENCE = 60.0  # real seconds


class End(StrEnum):
    """How a forked client ended."""

    DONE = "done"
    ERROR = "error"  # with an error that a user is shown
    CRASHED = "crashed"  # with any other exception
    KILLED = "killed"
    HUNG = "hung"


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended: ``value`` is what it returned, ``said`` the error's sentence or the traceback."""

    how: End
    value: Any = None
    code: str = ""
    said: str = ""


def forked(work: Callable[[], Any], *, patience: float = PATIENCE) -> Ended:
    """Run ``work`` in a child and hear how it ended; see :class:`Forked`."""
    return Forked(work, patience=patience).ended()


class Forked:
    """A child that runs ``work``; one that takes longer than ``patience`` real seconds is killed and HUNG.

    What it returns must pickle. The child never comes back to the caller's code.
    """

    def __init__(self, work: Callable[[], Any], *, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._reading, writing = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self._child = os.fork()
        if self._child == 0:
            _live(work, writing)
        os.close(writing)

    def stops(self) -> bool:
        """Wait until it has suspended itself, or else has ended; whether it is suspended."""
        give_up_at = time.monotonic() + self._patience
        while time.monotonic() < give_up_at:
            found = os.waitid(os.P_PID, self._child, os.WSTOPPED | os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is not None:
                return found.si_code == os.CLD_STOPPED
            if select.select([self._reading], [], [], 0.002)[0]:
                return False  # it has something to say
        return False

    def ended(self) -> Ended:
        """Let it go on, if it is suspended, and wait until it has ended."""
        os.kill(self._child, signal.SIGCONT)
        try:
            text = _read(self._reading, time.monotonic() + self._patience)
            if text is None:
                os.kill(self._child, signal.SIGKILL)
        finally:
            os.close(self._reading)
        os.waitpid(self._child, 0)
        if text is None:
            return Ended(End.HUNG, said=f"it was still at it after {self._patience:g} s")
        if not text:
            return Ended(End.KILLED)
        ended: Ended = pickle.loads(text)  # our own child wrote it
        return ended


def _read(reading: int, give_up_at: float) -> bytes | None:
    """Everything until the other end is closed; None when that takes too long."""
    text = b""
    while True:
        ready, _, _ = select.select([reading], [], [], max(0.0, give_up_at - time.monotonic()))
        if not ready:
            return None
        more = os.read(reading, 1 << 16)
        if not more:
            return text
        text += more


def _live(work: Callable[[], Any], writing: int) -> NoReturn:
    try:
        with open(writing, "wb") as out:
            out.write(pickle.dumps(_end(work)))
    finally:
        os._exit(0)


def _end(work: Callable[[], Any]) -> Ended:
    try:
        return Ended(End.DONE, work())
    except StyxError as error:
        said = " ".join(filter(None, (error.message, error.hint and f"({error.hint})")))
        return Ended(End.ERROR, code=error.code, said=f"{type(error).__name__}: {said}")
    except BaseException:  # noqa: BLE001 - whatever it is, the parent has to hear of it
        return Ended(End.CRASHED, said=traceback.format_exc())
