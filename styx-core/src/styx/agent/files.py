"""Learning at once that a file has grown or been renamed: inotify, or polling where there is none."""

from __future__ import annotations

import os
import struct

from . import loop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

GROWN = 0x2  # IN_MODIFY
RENAMED = 0x80  # IN_MOVED_TO, of a directory's files
_NONBLOCK_CLOEXEC = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)
_EVENT = struct.Struct("iIII")
POLL = 0.02
SAFETY = 1.0  # seconds between looks even when nothing is reported: some file systems report nothing


class Watcher:
    """Tells any number of tasks that something has happened to files that they watch."""

    def __init__(self) -> None:
        self._signals: dict[str, tuple[loop.Signal, list[int]]] = {}  # path -> (signal, [watch or -1, users])
        self._paths: dict[int, str] = {}
        self._libc: Any = None
        self._descriptor = -1

    def open(self, path: str, what: int = GROWN, signal: loop.Signal | None = None) -> loop.Signal:
        """Begin to watch an existing file or directory; pair with :meth:`close`.

        Wait on the result, which is ``signal`` if given, with :attr:`patience`.
        """
        if self._libc is None:
            self._start()
        if path not in self._signals:
            watch = -1
            if self._descriptor >= 0:
                watch = self._libc.inotify_add_watch(self._descriptor, os.fsencode(path), what)
                if watch >= 0:
                    self._paths[watch] = path
            self._signals[path] = (loop.Signal() if signal is None else signal, [watch, 0])
        found, uses = self._signals[path]
        uses[1] += 1
        return found

    def close(self, path: str) -> None:
        """End one :meth:`open`."""
        watch, users = self._signals[path][1]
        self._signals[path][1][1] = users - 1
        if users == 1:
            del self._signals[path]
            if self._paths.pop(watch, None) is not None:
                self._libc.inotify_rm_watch(self._descriptor, watch)

    def poke(self, path: str) -> None:
        """Wake those who watch a file, for another reason."""
        if path in self._signals:
            self._signals[path][0].notify()

    def patience(self, path: str, poll: float = POLL) -> float:
        """Return how many seconds to wait for the signal at most before looking anyway; ``poll`` if none will come."""
        return SAFETY if self._signals[path][1][0] >= 0 else poll

    def _start(self) -> None:
        try:
            import ctypes

            self._libc = ctypes.CDLL(None)
            self._descriptor = self._libc.inotify_init1(_NONBLOCK_CLOEXEC)
        except (ImportError, OSError, AttributeError):
            self._libc = False
        if self._descriptor >= 0:
            loop.spawn(self._listen())

    async def _listen(self) -> None:
        while True:
            await loop.ready(self._descriptor, loop.READ)
            events = os.read(self._descriptor, 65536)
            at = 0
            while at < len(events):
                watch, _, _, size = _EVENT.unpack_from(events, at)
                at += _EVENT.size + size
                self.poke(self._paths.get(watch, ""))
