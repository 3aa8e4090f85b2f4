"""Where a market keeps its state: in this process, or in files that outlive it and that other processes share.

On files a call is all or nothing, wherever the process that makes it is killed: the state is replaced by a rename,
under a lock that the kernel gives back. Put the directory on tmpfs (``/dev/shm``) to keep a call near a millisecond.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from styx.testing.bazaar.state import State
from styx.testing.clock import EPOCH

STATE, TIME, LOCK, CALLS = "state.json", "time", "lock", "calls.jsonl"


class Ledger(Protocol):
    """Keeps the state of one market, and the log of what was asked of it."""

    def turn(self) -> contextlib.AbstractContextManager[State]:
        """The state, for one call at a time; what was changed is kept unless the caller's process ends first."""

    def log(self, entry: dict[str, Any]) -> None:
        """Add a line to the log of calls."""

    def calls(self) -> list[dict[str, Any]]:
        """The log of calls, oldest first."""


class MemoryLedger:
    """Keeps everything in this process. Thread-safe."""

    def __init__(self) -> None:
        self._state = State()
        self._calls: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def turn(self) -> Iterator[State]:
        """The state itself, under the lock."""
        with self._lock:
            yield self._state

    def log(self, entry: dict[str, Any]) -> None:
        """Add to the list."""
        self._calls.append(entry)

    def calls(self) -> list[dict[str, Any]]:
        """A copy of the list."""
        return list(self._calls)


class FileLedger:
    """Keeps everything in a directory that any number of processes share. Holds nothing open between two calls."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def turn(self) -> Iterator[State]:
        """The state as it is on file, written back when the block ends, with an error or without."""
        with locked(self.directory / LOCK):
            path = self.directory / STATE
            before = path.read_bytes() if path.exists() else b""
            state = State.from_data(json.loads(before)) if before else State()
            try:
                yield state
            finally:
                after = json.dumps(state.to_data()).encode()
                if after != before:
                    replace_bytes(path, after)

    def log(self, entry: dict[str, Any]) -> None:
        """Append a line, whole or not at all."""
        descriptor = os.open(self.directory / CALLS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, json.dumps(entry).encode() + b"\n")
        finally:
            os.close(descriptor)

    def calls(self) -> list[dict[str, Any]]:
        """Read the log."""
        path = self.directory / CALLS
        return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


class FileClock:
    """Virtual time kept in a file, so that it goes on in the next process. Otherwise like the kit's FakeClock."""

    def __init__(self, directory: Path, start: datetime = EPOCH) -> None:
        self._directory = directory
        self._path = directory / TIME
        self._start = start
        directory.mkdir(parents=True, exist_ok=True)

    def now(self) -> datetime:
        """The virtual time of day: timezone-aware, UTC."""
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Virtual seconds since the market was opened."""
        try:
            return float(self._path.read_bytes())
        except FileNotFoundError:
            return 0.0

    async def sleep(self, seconds: float) -> None:
        """Let others run once, then be at least this many virtual seconds later."""
        wake = self.monotonic() + max(seconds, 0.0)
        await asyncio.sleep(0)
        with locked(self._directory / f"{TIME}.lock"):
            if wake > self.monotonic():
                replace_bytes(self._path, repr(wake).encode())

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        with locked(self._directory / f"{TIME}.lock"):
            replace_bytes(self._path, repr(self.monotonic() + max(seconds, 0.0)).encode())


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that threads and processes share and that ends with whoever holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def replace_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all. Whoever calls holds the file's lock, so one name for the draft will do."""
    draft = path.with_suffix(".new")
    draft.write_bytes(data)
    draft.replace(path)
