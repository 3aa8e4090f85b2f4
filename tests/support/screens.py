"""Somebody at a terminal: programs that have one, are typed at, and what they show."""

from __future__ import annotations

import os
import pty
import select
import signal
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

PATIENCE = 15.0


class Screen:
    """A terminal with a program on it."""

    def __init__(self, pid: int, fd: int) -> None:
        self.pid = pid
        self._fd = fd
        self.shown = b""
        self._seen = 0

    def until(self, words: str) -> None:
        """Wait until that is shown, after what was waited for before."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.shown.find(words.encode(), self._seen)) < 0:
            assert time.monotonic() < deadline, self.shown
            assert self._read(), self.shown
        self._seen = found + len(words.encode())

    def type(self, text: str) -> None:
        """Press these keys."""
        os.write(self._fd, text.encode())

    def resize(self, rows: int, columns: int) -> None:
        """Change its size, of which the program is told."""
        termios.tcsetwinsize(self._fd, (rows, columns))

    def ended(self) -> int:
        """Wait for the end of the program; its exit code, as a shell tells it."""
        deadline = time.monotonic() + PATIENCE
        while self._read():
            assert time.monotonic() < deadline, self.shown
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.pid = 0
        return code if code >= 0 else 128 - code

    def _read(self) -> bool:
        if not select.select([self._fd], [], [], 0.2)[0]:
            return True
        try:
            data = os.read(self._fd, 1 << 16)
        except OSError:  # the last one has closed it
            return False
        self.shown += data
        return bool(data)


@contextmanager
def screen(argv: Sequence[str], environment: Mapping[str, str], size: tuple[int, int] = (24, 80)) -> Iterator[Screen]:
    """The program on a terminal of its own, killed at the end if it has not ended by then."""
    pid, fd = pty.fork()
    if not pid:
        termios.tcsetwinsize(0, size)
        os.execve(argv[0], [*argv], {**os.environ, **environment})
    found = Screen(pid, fd)
    try:
        yield found
    finally:
        if found.pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(fd)
