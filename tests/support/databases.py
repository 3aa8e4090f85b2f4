"""Databases of one process that share what takes long: every test opens its own, and asks it the same."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

from styx.store import store
from styx.store.create import create_file
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


@contextmanager
def copied_databases() -> Iterator[None]:
    """New SQLite databases of the block are copies of one: to make tables takes longer than most tests work on them."""
    with tempfile.TemporaryDirectory(prefix="styx-new-") as place:
        new = Path(place, "state.db")
        create_file(new)

        def copy(path: Path) -> None:
            if path.exists():
                return
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = path.with_name(secrets.token_hex(8))
            shutil.copy(new, draft)
            with suppress(FileExistsError):
                os.link(draft, path)
            draft.unlink()

        with patch.object(store, "create_file", copy):
            yield
