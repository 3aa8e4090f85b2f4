"""Local nodes on disk.

::

    <root>/<attempt>/<rank>/node.json   name, the token of the launch or start that brought it up, when that was
                            state       "stopping user 1764091022.5", "stopped self 1764091023.1", ...; none: it runs
                            home/       the node's home directory
    <root>/.new-<attempt>.*             an attempt being made
    <root>/.gone-<attempt>.*            an attempt, or one node of it, being removed

A gang appears and vanishes by one rename, so a process killed at any moment leaves all of an attempt or rubbish whose
name begins with a dot; rubbish is swept by the next call that comes by. Several installations may share a root: none
sees, sweeps or removes what has another's id in its name.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from styx.api import Conflict, Owner
from styx.builtin.disk import unmount_below, write_atomically

RUNNING, STOPPING, STOPPED, TERMINATING = "running", "stopping", "stopped", "terminating"
BY_USER, BY_ITSELF = "user", "self"

NEW, GONE = ".new-", ".gone-"
_STATES = frozenset({STOPPING, STOPPED, TERMINATING})
_RANK = re.compile(r"[0-9]{1,3}")
_DRAFT_AGE = 600.0  # seconds after which an attempt being made, which takes milliseconds, was surely abandoned


@dataclass(frozen=True, slots=True)
class LocalNode:
    """One node as its directory tells it. ``cause`` is who brought it into ``state``, ``since`` when, if recorded."""

    owner: Owner
    rank: int
    path: Path
    token: str
    state: str
    cause: str = ""
    since: datetime | None = None

    @property
    def name(self) -> str:
        """The node's name, which its processes carry in their environment."""
        return self.owner.node_name(self.rank)

    @property
    def home(self) -> Path:
        """The directory in which everything of the node runs."""
        return self.path / "home"


class NodeDirectory:
    """The local nodes of one installation below one root. Every method raises OSError as the system does."""

    def __init__(self, root: Path, installation: str) -> None:
        self.root = root
        self._installation = installation

    def create(self, owner: Owner, ranks: Collection[int], token: str, now: datetime) -> None:
        """Make the ranks of this attempt that are not there yet, in one rename. Raises Conflict for another token's."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        final = self.root / owner.name
        missing = [rank for rank in ranks if not (final / str(rank)).exists()]
        if missing:
            draft = self.root / f"{NEW}{owner.name}.{secrets.token_hex(4)}"
            try:
                for rank in missing:
                    _write_node(draft / str(rank), owner.node_name(rank), token, now)
                _adopt(draft, final, missing)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        for node in self.read([owner])[0]:
            if node.rank in ranks and node.token != token:
                raise Conflict(f"node {node.name} was made by another launch", owner=owner.name)

    def read(self, owners: Collection[Owner] | None) -> tuple[list[LocalNode], list[str]]:
        """The nodes of these owners (None: of everybody), and the paths of what cannot be read."""
        nodes: list[LocalNode] = []
        unreadable: list[str] = []
        for owner in self._everybody() if owners is None else owners:
            if owner.installation != self._installation:
                continue
            attempt = self.root / owner.name
            try:
                paths = _ranks(attempt)
            except PermissionError:
                unreadable.append(str(attempt))
                continue
            for path in paths:
                try:
                    nodes.append(_read_node(owner, path))
                except (OSError, ValueError, KeyError, TypeError, OverflowError):
                    if _there(path):  # else it was removed while we looked
                        unreadable.append(str(path))
        return nodes, unreadable

    def exists(self, owner: Owner) -> bool:
        """Whether anything of this attempt is there, readable or not."""
        return _there(self.root / owner.name)

    def mark(self, node: LocalNode, state: str, cause: str, now: datetime) -> None:
        """Record the node's state, and who brought it about when."""
        write_atomically(node.path / "state", _state_line(state, cause, now))

    def start(self, node: LocalNode, token: str, now: datetime) -> None:
        """Record that the node runs, brought up by this launch. Killed in between, it can be called again."""
        write_atomically(node.path / "node.json", _describe(node.name, token, now))
        (node.path / "state").unlink(missing_ok=True)

    def remove(self, owner: Owner) -> None:
        """Remove all of this attempt, and what interrupted calls have left of it. Nothing there is success."""
        if owner.installation != self._installation:
            raise Conflict(f"{owner.name} belongs to another installation", owner=owner.name)
        rubbish = self.root / f"{GONE}{owner.name}.{secrets.token_hex(4)}"
        with contextlib.suppress(FileNotFoundError):
            (self.root / owner.name).rename(rubbish)
        for prefix in (GONE, NEW):
            for entry in self._entries(f"{prefix}{owner.name}."):
                _remove_tree(entry)

    def sweep(self) -> None:
        """Clear away what killed processes have left half made or half removed. Best effort; raises nothing.

        Ages go by the system's clock, as the times of files do.
        """
        with contextlib.suppress(OSError):
            for entry in self._entries("."):
                kind = next((kind for kind in (NEW, GONE) if entry.name.startswith(kind)), None)
                owner = Owner.parse(entry.name[len(kind) :].rpartition(".")[0]) if kind else None
                if owner is None or owner[0].installation != self._installation:
                    continue
                with contextlib.suppress(OSError):
                    if kind == GONE or time.time() - entry.stat().st_mtime > _DRAFT_AGE:
                        _remove_tree(entry)

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


def _there(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # something is, or we would be told that nothing is
    return True


def _ranks(attempt: Path) -> list[Path]:
    try:
        names = [name for name in os.listdir(attempt) if _RANK.fullmatch(name)]  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [attempt / name for name in sorted(names, key=int)]


def _describe(name: str, token: str, now: datetime) -> str:
    return json.dumps({"node": name, "token": token, "up_since": now.isoformat()}) + "\n"


def _state_line(state: str, cause: str, now: datetime) -> str:
    return f"{state} {cause} {now.timestamp():.3f}\n"


def _write_node(path: Path, name: str, token: str, now: datetime) -> None:
    (path / "home").mkdir(mode=0o700, parents=True)
    (path / "node.json").write_text(_describe(name, token, now), encoding="utf-8")


def _adopt(draft: Path, final: Path, ranks: Collection[int]) -> None:
    try:
        draft.rename(final)  # the whole gang at once
    except OSError:
        if not final.is_dir():
            raise
        for rank in ranks:  # the rest of a gang, or two callers with the same intent: the first to come has it
            with contextlib.suppress(OSError):
                (draft / str(rank)).rename(final / str(rank))
        if any(not (final / str(rank)).exists() for rank in ranks):
            raise


def _read_node(owner: Owner, path: Path) -> LocalNode:
    described = json.loads((path / "node.json").read_text(encoding="utf-8"))
    token = str(described["token"])
    try:
        state, cause, since = (path / "state").read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return LocalNode(owner, int(path.name), path, token, RUNNING)
    if state not in _STATES:
        raise ValueError(f"{path}: unknown state {state!r}")
    return LocalNode(owner, int(path.name), path, token, state, cause, datetime.fromtimestamp(float(since), UTC))


def _remove_tree(path: Path) -> None:
    """Remove a tree that others may be removing too, and whose directories may forbid their owner to write."""
    opened = False
    if _mounts_below(path):
        unmount_below(path)
    while _there(path):
        try:
            shutil.rmtree(path)
        except FileNotFoundError:
            continue  # somebody else was faster with some of it
        except PermissionError:
            if opened:
                raise
            _open_up(path)
            opened = True


def _mounts_below(path: Path) -> bool:
    """Whether anything may be mounted in there; asked without starting a program, as it hardly ever is."""
    try:
        return f"{path.resolve()}/" in Path("/proc/self/mounts").read_text(errors="replace").replace("\\040", " ")
    except OSError:  # no such thing here: then it is for the system to refuse
        return False


def _open_up(path: Path) -> None:
    """Let the owner of every directory below ``path`` change it: a package cache may have been written read-only."""
    _let_owner_in(str(path))
    for directory, names, _ in os.walk(path):
        for name in names:
            below = f"{directory}/{name}"
            if not os.path.islink(below):  # noqa: PTH114
                _let_owner_in(below)  # before it is walked into


def _let_owner_in(directory: str) -> None:
    with contextlib.suppress(OSError):
        os.chmod(directory, stat.S_IRWXU)  # noqa: PTH101
