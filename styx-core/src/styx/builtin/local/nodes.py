"""Local nodes on disk.

::

    <root>/<attempt>/<rank>/node.json   name, token, when it was made
                            state       "running", "stopped user", "stopped self", "terminated user", ...
                            home/       the node's home directory
    <root>/.new-*                       an attempt being made
    <root>/.gone-<attempt>.*            an attempt being removed
    <root>/.ended-<attempt>             a node of this attempt removed itself

A gang appears and vanishes by one rename, so a process killed at any moment leaves all of an attempt or rubbish whose
name begins with a dot; rubbish is swept by the next call that comes by.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from styx.api import Conflict, Owner
from styx.builtin.disk import write_atomically

RUNNING, STOPPED, TERMINATED = "running", "stopped", "terminated"
BY_USER, BY_ITSELF = "user", "self"

_NEW, _GONE, ENDED = ".new-", ".gone-", ".ended-"
_DRAFT_AGE = 3600.0  # seconds after which an attempt being made was surely abandoned


@dataclass(frozen=True, slots=True)
class LocalNode:
    """One node as its directory tells it. ``cause`` is who brought it into ``state``, where somebody did."""

    owner: Owner
    rank: int
    path: Path
    token: str
    state: str
    cause: str

    @property
    def name(self) -> str:
        """The node's name, which its processes carry in their environment."""
        return self.owner.node_name(self.rank)

    @property
    def home(self) -> Path:
        """The directory in which everything of the node runs."""
        return self.path / "home"


class NodeDirectory:
    """All local nodes below one root. Every method raises OSError as the system does."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def create(self, owner: Owner, ranks: Collection[int], token: str, now: datetime) -> None:
        """Make the ranks of this attempt that are not there yet, in one rename. Raises Conflict for another token's."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        final = self.root / owner.name
        for node in self.read([owner])[0]:
            if node.token != token:
                raise Conflict(f"node {node.name} was made by another launch", owner=owner.name)
        missing = [rank for rank in ranks if not (final / str(rank)).exists()]
        if not missing:
            return
        draft = self.root / f"{_NEW}{secrets.token_hex(4)}"
        try:
            for rank in missing:
                _write_node(draft / str(rank), owner.node_name(rank), token, now)
            _adopt(draft, final, missing)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def read(self, owners: Collection[Owner] | None) -> tuple[list[LocalNode], list[str]]:
        """The nodes of these owners (None: of everybody), and the paths of those that cannot be read."""
        nodes: list[LocalNode] = []
        unreadable: list[str] = []
        for owner in self._everybody() if owners is None else owners:
            for path in _ranks(self.root / owner.name):
                try:
                    nodes.append(_read_node(owner, path))
                except (OSError, ValueError, KeyError):
                    if path.exists():  # else it was removed while we looked
                        unreadable.append(str(path))
        return nodes, unreadable

    def mark(self, node: LocalNode, state: str, cause: str = "") -> None:
        """Record the node's state and who brought it about."""
        write_atomically(node.path / "state", f"{state} {cause}".strip() + "\n")

    def adopt_token(self, node: LocalNode, token: str, now: datetime) -> None:
        """Record that this launch (a start) is the one that brought the node up."""
        write_atomically(node.path / "node.json", _describe(node.name, token, now))

    def remove(self, owner: Owner) -> None:
        """Remove all of this attempt, and what an interrupted removal has left of it. Nothing there is success."""
        rubbish = self.root / f"{_GONE}{owner.name}.{secrets.token_hex(4)}"
        with contextlib.suppress(FileNotFoundError):
            (self.root / owner.name).rename(rubbish)
        for entry in self._entries(f"{_GONE}{owner.name}."):
            shutil.rmtree(entry)
        (self.root / f"{ENDED}{owner.name}").unlink(missing_ok=True)

    def ended(self) -> list[Owner]:
        """The attempts of which some node removed itself and that nobody has cleared away yet."""
        names = (entry.name.removeprefix(ENDED) for entry in self._entries(ENDED))
        return [parsed[0] for name in names if (parsed := Owner.parse(name))]

    def sweep(self, now: datetime) -> None:
        """Clear away what killed processes have left half made or half removed. Best effort."""
        for entry in self._entries(_GONE):
            shutil.rmtree(entry, ignore_errors=True)
        for entry in self._entries(_NEW):
            with contextlib.suppress(FileNotFoundError):
                if now.timestamp() - entry.stat().st_mtime > _DRAFT_AGE:
                    shutil.rmtree(entry, ignore_errors=True)

    def _everybody(self) -> Iterator[Owner]:
        for entry in self._entries("styx-"):
            parsed = Owner.parse(entry.name)
            if parsed is not None and parsed[1] is None:
                yield parsed[0]

    def _entries(self, prefix: str) -> list[Path]:
        try:
            return [self.root / name for name in os.listdir(self.root) if name.startswith(prefix)]  # noqa: PTH208
        except FileNotFoundError:
            return []


def _ranks(attempt: Path) -> list[Path]:
    try:
        names = sorted((name for name in os.listdir(attempt) if name.isdigit()), key=int)  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [attempt / name for name in names]


def _describe(name: str, token: str, now: datetime) -> str:
    return json.dumps({"node": name, "token": token, "created_at": now.isoformat()}) + "\n"


def _write_node(path: Path, name: str, token: str, now: datetime) -> None:
    (path / "home").mkdir(mode=0o700, parents=True)
    (path / "node.json").write_text(_describe(name, token, now), encoding="utf-8")
    (path / "state").write_text(f"{RUNNING}\n", encoding="utf-8")


def _adopt(draft: Path, final: Path, ranks: Collection[int]) -> None:
    try:
        draft.rename(final)  # the whole gang at once
    except OSError:
        if not final.is_dir():
            raise
        for rank in ranks:  # the rest of a gang, or two callers with the same intent: the first to come has it
            with contextlib.suppress(FileExistsError, FileNotFoundError, OSError):
                (draft / str(rank)).rename(final / str(rank))
        absent = [rank for rank in ranks if not (final / str(rank)).exists()]
        if absent:
            raise


def _read_node(owner: Owner, path: Path) -> LocalNode:
    described = json.loads((path / "node.json").read_text(encoding="utf-8"))
    state, _, cause = (path / "state").read_text(encoding="utf-8").strip().partition(" ")
    if state not in (RUNNING, STOPPED, TERMINATED):
        raise ValueError(f"{path}: unknown state {state!r}")
    return LocalNode(owner, int(path.name), path, str(described["token"]), state, cause)
