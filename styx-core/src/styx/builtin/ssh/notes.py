"""On which machines an attempt can have nodes at all, noted before the first of them is asked.

A machine that is down says nothing about what it holds, so a pool with one that is would never be seen as empty. But an
attempt only ever asks the machines named in its intent, which were up when it was prepared. The notes are a copy of
that, and of the users it asked as: another has another home, where nothing of it is. Where they are missing, every
machine that cannot be reached leaves the question open; and so does an attempt that no machine shows, for it may have
been made from a client that has other machines under the same name.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from styx.api import Owner
from styx.builtin.disk import write_atomically
from styx.builtin.ssh.config import HostConfig

_KEEP = 1000  # notes; the oldest of attempts that hold no machine are dropped first


@dataclass(frozen=True, slots=True)
class Note:
    """``may``: the machines of the intent, as ``place_of`` has them; ``asked``: those that may hold a node now."""

    may: frozenset[str]
    asked: frozenset[str] = frozenset()


def place_of(host: HostConfig) -> str:
    """The home that nodes on this machine are in: whose it is counts."""
    return f"{host.user}@{host.label}" if host.user else host.label


class Notes:
    """One file for each attempt below one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write(self, owner: Owner, may: Collection[str], asked: Collection[str]) -> None:
        """Replace the attempt's note. Where nothing can be written, nothing is known later."""
        with contextlib.suppress(OSError):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            text = json.dumps({"may": sorted(may), "asked": sorted(asked)})
            write_atomically(self._directory / owner.name, text + "\n")
            self._sweep()

    def read(self, owner: Owner) -> Note | None:
        """What is known of the attempt, if anything."""
        try:
            data = json.loads((self._directory / owner.name).read_text(encoding="utf-8"))
            return Note(frozenset(map(str, data["may"])), frozenset(map(str, data["asked"])))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _sweep(self) -> None:
        notes = list(self._directory.iterdir())
        if len(notes) > _KEEP:
            for note in sorted(notes, key=_worth)[:-_KEEP]:
                note.unlink(missing_ok=True)


def _worth(note: Path) -> tuple[bool, float]:
    return '"asked": []' not in note.read_text(encoding="utf-8", errors="replace"), note.stat().st_mtime
