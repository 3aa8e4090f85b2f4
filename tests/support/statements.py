"""Databases of one process that share what SQLAlchemy has compiled: every test opens its own, and asks it the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from styx.store.database import Database


@contextmanager
def shared_statements() -> Iterator[None]:
    """For SQLite databases that are opened in the block: a statement is compiled once, and not once for each."""
    make = Database.__init__
    first: dict[str, Any] = {}

    def made(self: Database, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        if self.sqlite:
            engine: Any = self._engine
            known = first.setdefault("engine", engine)
            engine.dialect, engine._compiled_cache = known.dialect, known._compiled_cache

    with patch.object(Database, "__init__", made):
        yield
