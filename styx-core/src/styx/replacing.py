"""A file replaced whole: whoever reads it sees the old content or the new, and a writer that dies leaves the old."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def replacing(path: str | os.PathLike[str], draft: str | os.PathLike[str]) -> Iterator[None]:
    """Let what is written to ``draft``, an unused name beside ``path``, take its place at the end.

    The draft is removed where anything is raised, and ``path`` is as it was. Raises OSError.
    """
    try:
        yield
        os.replace(draft, path)
    finally:
        with suppress(OSError):  # it has gone once it has taken the place
            os.unlink(draft)
