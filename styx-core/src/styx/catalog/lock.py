"""A lock that dies with the process that holds it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from styx.plugins.paths import make_private

_PAUSE = 0.02


@contextmanager
def locked(path: str, patience: float) -> Iterator[bool]:
    """Hold the lock that is this file, and say so; it cannot be held on file systems that know no locks.

    Raises TimeoutError after so many seconds, and OSError where the file cannot be made.
    """
    make_private(os.path.dirname(path))
    deadline = time.monotonic() + patience
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while (held := _try(descriptor)) is None:
            if time.monotonic() >= deadline:
                raise TimeoutError(f"{path} is held by another process")
            time.sleep(_PAUSE)
        yield held
    finally:
        os.close(descriptor)


def _try(descriptor: int) -> bool | None:
    """Whether it is held now: None where another process holds it, False where nobody can."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    except OSError:
        return False
    return True
