"""The two ends of a copy: a directory of this machine, or what is below a place in a store; and what is in them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

from styx.api.errors import BadInput, NotFound
from styx.api.storage import Storage, StoredObject
from styx.engine.storage.stores import Stores, paths
from styx.engine.storage.uri import Uri
from styx.transports.ignore import Ignore
from styx.transports.tree import entries

PARTIAL = ".styx-partial-"  # what directories begin with that hold files which are being fetched


class LocalFile(NamedTuple):
    """A file of this machine, and how many bytes it has."""

    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class LocalEnd:
    """A directory, and the files in it by the names they have at both ends. ``left_out``: what cannot be an object."""

    root: Path
    files: dict[str, LocalFile] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes by name."""
        return {name: each.size for name, each in self.files.items()}

    def path(self, name: str) -> Path:
        """Where a file is, or would be."""
        return self.files[name].path if name in self.files else self.root / name

    def show(self, name: str) -> str:
        """The same, for people."""
        return str(self.path(name))


@dataclass(frozen=True, slots=True)
class StoreEnd:
    """A place in a store, and the objects below it by the names they have at both ends."""

    storage: Storage
    place: Uri  # with a key that is empty or ends in a slash
    objects: dict[str, StoredObject] = field(default_factory=dict)

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes by name."""
        return {name: thing.size for name, thing in self.objects.items()}

    def key(self, name: str) -> str:
        """The key that an object has, or would have."""
        return self.objects[name].key if name in self.objects else self.place.key + name

    def show(self, name: str) -> str:
        """The URI of an object."""
        return self.place.at(self.key(name))


End = LocalEnd | StoreEnd


def renamed(end: End, name: str) -> End:
    """An end with one file, which has another name at the other end."""
    if isinstance(end, LocalEnd):
        return replace(end, files=dict.fromkeys((name,), *end.files.values()))
    return replace(end, objects=dict.fromkeys((name,), *end.objects.values()))


def directory(root: Path, *, ignore: bool) -> LocalEnd:
    """The files below a directory; links to files are followed. Raises InvalidTask for what cannot be read."""
    files, left_out = {}, []
    for entry in entries(root, ignore=ignore):
        if entry.path.startswith(PARTIAL) or not (entry.is_file or entry.link is not None):
            continue
        size = entry.size if entry.link is None else _size_behind(entry.source)
        if size is None or not _is_text(entry.path):
            left_out.append(entry.path)
        else:
            files[entry.path] = LocalFile(Path(entry.source), size)
    return LocalEnd(root, files, tuple(left_out))


def file(path: Path) -> LocalEnd:
    """One file, as the only one in its directory."""
    return LocalEnd(path.parent, {path.name: LocalFile(path, path.stat().st_size)})


async def below(stores: Stores, storage: Storage, place: Uri) -> StoreEnd:
    """All objects below a place. What stands for an empty directory is none."""
    listed = await stores.objects(storage, str(place.below))
    objects = {thing.key.removeprefix(place.prefix): thing for thing in listed if thing.key.startswith(place.prefix)}
    return StoreEnd(storage, place.below, {name: o for name, o in objects.items() if name and not name.endswith("/")})


async def one(stores: Stores, storage: Storage, place: Uri) -> StoreEnd | None:
    """The object of exactly this key, as the only one; None when there is none.

    Raises NotFound when there is nothing below it either.
    """
    listed = await stores.objects(storage, str(place), most=2)
    if not listed:
        raise NotFound(f"there is nothing at {place}", hint=f"`styx storage ls {place.scheme}://{place.bucket}` shows.")
    if place.key and listed[0].key == place.key and not place.key.endswith("/"):
        above, slash, name = place.key.rpartition("/")
        return StoreEnd(storage, Uri(place.scheme, place.bucket, above + slash), {name: listed[0]})
    return None


def require_paths(names: Iterable[str], where: Uri) -> None:
    """Raise BadInput for keys that cannot be files below a directory: they would lead out of it, or nowhere."""
    wrong = [n for n in names if any(part in {"", ".", ".."} for part in n.split("/")) or "\0" in n or not _is_text(n)]
    if wrong:
        raise BadInput(
            f"below {where} are keys that cannot be files: {paths(dict.fromkeys(wrong))}",
            hint="Copy the places beside them one by one, or rename them in the store.",
        )


def kept_by(root: Path) -> Callable[[str], bool]:
    """Tells of a path whether the ignore files of the directory name it: then it is nobody's business at either end."""
    rules = Ignore(root)
    entered: set[str] = set()

    def ignored(name: str) -> bool:
        parts = name.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if rules.matches(folder, directory=True):
                return True
            if folder not in entered:
                entered.add(folder)
                rules.enter(folder)
        return rules.matches(name, directory=False)

    return ignored


def _size_behind(link: str) -> int | None:
    """The size of the file that a link leads to; None where it leads elsewhere or nowhere."""
    try:
        found = os.stat(link)  # noqa: PTH116 - a path that may be no text
    except OSError:
        return None
    return found.st_size if S_ISREG(found.st_mode) else None


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
