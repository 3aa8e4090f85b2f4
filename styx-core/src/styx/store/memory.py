"""The installation's id, kept beside its SQLite file, so that a database that is lost does not take it along.

The id is in the names and tags of every machine: with it they are still ours after the database was made anew, and
nobody need believe that nothing is there because nothing is on record.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from styx.api.names import new_installation_id
from styx.replacing import replacing

_ID = re.compile(r"[a-z0-9]{" + str(len(new_installation_id())) + "}")


@dataclass(frozen=True, slots=True)
class Memory:
    """``remade`` is when a database was made in the place of one that had been lost; None if that never happened."""

    installation: str
    remade: datetime | None = None


def memory_path(database: Path) -> Path:
    """Where the memory of a database is."""
    return database.with_suffix(".id")


def recall(database: Path) -> Memory | None:
    """What is remembered of the database at this path. None when there is nothing, or nothing that makes sense."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        said = json.loads(memory_path(database).read_text(encoding="utf-8"))
        if _ID.fullmatch(said["installation"]):
            remade = said.get("remade")
            return Memory(said["installation"], datetime.fromisoformat(remade) if remade else None)
    return None


def remember(database: Path, memory: Memory) -> None:
    """Keep it, readable by the user alone. Best effort: on a full disk the next to open the database tries again."""
    path = memory_path(database)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    said = {"installation": memory.installation, "remade": memory.remade.isoformat() if memory.remade else None}
    private = partial(os.open, mode=0o600)
    with suppress(OSError), replacing(path, draft), open(draft, "x", opener=private) as file:
        file.write(json.dumps(said) + "\n")
