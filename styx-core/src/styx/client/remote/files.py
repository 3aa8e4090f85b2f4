"""The files that a task brings along, on their way to a server that puts them on the nodes.

Each file or directory that the task names goes as an archive of what a copy to a node would take, and is called by its
SHA-256: unchanged it is not sent again.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from styx.api.errors import InvalidTask
from styx.spec.files import absolute, is_uri
from styx.spec.model import StorageMount, TaskSpec
from styx.transports.tree import Entry, entries, pieces, single

if TYPE_CHECKING:
    from styx.client.remote.http import Http
    from styx.spec import Task

CONTENT = "content"  # what everything in an archive lies below, or the only file is called


@dataclass(frozen=True, slots=True)
class Archive:
    """What is to be sent: its entries, size in bytes and SHA-256."""

    found: Sequence[Entry]
    size: int
    digest: str


def sent(http: Http, task: Task) -> dict[str, Any]:
    """A task as a server takes it, its files sent ahead. Raises InvalidTask for what is missing here."""
    task.check_secrets()
    task.check_files()
    task = _named(task)
    files = {}
    for path, wrapped in local_sources(task.spec).items():
        archive = archived(Path(path), wrapped=wrapped)
        if not http.has(f"/v1/files/{archive.digest}"):
            http.put(f"/v1/files/{archive.digest}", partial(pieces, archive.found), archive.size)
        files[path] = archive.digest
    return {**plain(task), "files": files}


def plain(task: Task) -> dict[str, Any]:
    """A task of which nothing will run yet, as a server takes it: its files are its own business."""
    return {"task": task.to_dict(), "secrets": dict(task.spec.secrets)}


def local_sources(spec: TaskSpec) -> dict[str, bool]:
    """The absolute paths of this machine that a task names; and whether what is there has to keep its name."""
    found: dict[str, bool] = {}
    if isinstance(spec.workdir, str) and not is_uri(spec.workdir):
        found[absolute(spec, spec.workdir)] = False
    for mount in spec.file_mounts.values():
        sources = _sources(mount)
        found |= {absolute(spec, each): isinstance(mount, StorageMount) for each in sources if not is_uri(each)}
    return found


def _sources(mount: str | StorageMount) -> Sequence[str]:
    if isinstance(mount, str):
        return (mount,)
    return (mount.source,) if isinstance(mount.source, str) else mount.source or ()


def _named(task: Task) -> Task:
    """The task with the names of files that go into a directory: at the server they have another."""
    spec = task.spec
    mounts = {
        f"{target}{_name(spec, mount)}" if target.endswith("/") else target: mount
        for target, mount in spec.file_mounts.items()
    }
    return task.from_spec(replace(spec, file_mounts=mounts))


def _name(spec: TaskSpec, mount: str | StorageMount) -> str:
    """The name of a local file; nothing for all else."""
    if not isinstance(mount, str) or is_uri(mount):
        return ""
    path = Path(absolute(spec, mount))
    return "" if path.is_dir() else path.name


def archived(path: Path, *, wrapped: bool) -> Archive:
    """What a node would be sent of a file or directory; a file that is ``wrapped`` lies in a directory of its own."""
    if path.is_dir():
        found = [replace(each, path=f"{CONTENT}/{each.path}") for each in entries(path, ignore=True)]
        _require_inside(path, found)
        found.insert(0, Entry(str(path), CONTENT, path.stat().st_mode, 0, 0))
    else:
        found = [single(path, f"{CONTENT}/{path.name}" if wrapped else CONTENT)]
    digest, size = hashlib.sha256(), 0
    for piece in pieces(found):
        digest.update(piece)
        size += len(piece)
    return Archive(found, size, digest.hexdigest())


def _require_inside(root: Path, found: Sequence[Entry]) -> None:
    """Raise InvalidTask for a link that leads out of the directory: at the server it would lead to what is there."""
    for entry in found:
        if entry.link is not None and not _leads_inside(entry.path, entry.link):
            raise InvalidTask(
                f"{root / entry.path.removeprefix(f'{CONTENT}/')} is a link to {entry.link!r}, which is not sent",
                hint="List it in .styxignore, or put what it leads to in its place: servers take links within a "
                "directory only.",
                file=str(root),
            )


def _leads_inside(path: str, link: str) -> bool:
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), link))
    return not link.startswith("/") and (target == CONTENT or target.startswith(f"{CONTENT}/"))
