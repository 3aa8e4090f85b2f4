"""Buckets as directories, on this machine or on a disk that machines share.

Reading is open to whoever may read the directory, as everywhere in a file system; only the installation that made a
bucket writes to it and removes it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from shlex import quote
from shutil import copyfileobj
from typing import BinaryIO, ClassVar

from styx.api import (
    Conflict,
    InvalidRequest,
    Moved,
    NotFound,
    PermissionDenied,
    Services,
    Storage,
    StoredObject,
    Unsupported,
)
from styx.builtin.disk import draft_beside, refusals
from styx.builtin.file import tree
from styx.builtin.file.buckets import Buckets
from styx.builtin.file.config import FileConfig
from styx.builtin.file.several import several
from styx.builtin.file.uri import PRIVATE, SCHEME, Place, check_bucket, parse, single
from styx.replacing import replacing


class FileStorage(Storage):
    """See :class:`styx.api.Storage`."""

    name: ClassVar[str] = "file"
    schemes: ClassVar[tuple[str, ...]] = (SCHEME,)

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        config = services.config
        config = config if isinstance(config, FileConfig) else FileConfig.model_validate(config)
        self._root = config.root or services.state_dir / "buckets"
        self._shared = config.shared
        self._buckets = Buckets(self._root)

    def check(self) -> None:
        """Whether the root can be written, or made."""
        with refusals(f"use {self._root}"):
            place = self._root
            while not os.path.lexists(place) and place != place.parent:
                place = place.parent
            if not place.is_dir():
                raise InvalidRequest(f"{place} is not a directory", field="root", hint="Change storage.file.root.")
            if not os.access(place, os.W_OK | os.X_OK):
                raise PermissionDenied(
                    f"{place} cannot be written", action=f"write to {place}",
                    hint="Let the present user write there, or change storage.file.root.",
                )  # fmt: skip

    def create(self, bucket: str) -> None:
        """Make the bucket's directory."""
        check_bucket(bucket)
        with refusals(f"make the bucket {bucket}"):
            self._buckets.make(bucket, self.services.installation)
            self._require_ours(bucket)

    def delete(self, bucket: str) -> None:
        """Remove the bucket's directory."""
        check_bucket(bucket)
        with refusals(f"remove the bucket {bucket}"):
            if os.path.lexists(self._root / bucket):
                self._require_ours(bucket)
            self._buckets.remove(bucket)  # also what an interrupted removal has left

    def buckets(self) -> Iterable[str]:
        """The directories that bear our mark."""
        with refusals(f"list the buckets in {self._root}"):
            return [name for name in self._buckets.names() if self._buckets.owner(name) == self.services.installation]

    def list(self, uri: str) -> Iterable[StoredObject]:
        """The files at or below the key, a directory at a time."""
        return self.list_after(uri, "")

    def list_after(self, uri: str, key: str) -> Iterable[StoredObject]:
        """Those whose keys sort after this one: no directory is looked into that has none of them."""
        place = parse(uri)
        with refusals(f"list {uri}"):
            yield from self._objects(place, key)

    def upload(self, source: Path, uri: str) -> None:
        """Copy a file, or the files below a directory. Links to files are followed, links to directories are not."""
        place = parse(uri)
        with refusals(f"upload {source} to {uri}"):
            self._require_ours(place.bucket)
            if source.is_dir():
                targets = {path: place.below(path.relative_to(source).as_posix()) for path in _files(source)}
            elif not source.is_file():
                raise InvalidRequest(f"there is no file or directory {source}", field="source")
            elif place.prefix:
                raise InvalidRequest(f"{uri} is a place for directories; a file needs a key of its own", field="uri")
            else:
                targets = {source: place}
            for path, target in targets.items():
                with path.open("rb") as file:
                    tree.replace(self._root / target.bucket, target.parts, file, PRIVATE)

    def download(self, uri: str, target: Path) -> None:
        """Copy one file to ``target``, or the files below a prefix into it."""
        place = parse(uri)
        with refusals(f"download {uri}"):
            found = list(self._objects(place))  # before anything is written, which may be below it
            if not found:
                raise NotFound(f"there is nothing at {uri}")
            for thing in found:
                single = not place.prefix and thing.key == place.key
                relative = "" if single else thing.key.removeprefix("".join(f"{part}/" for part in place.parts))
                with tree.read(self._root / place.bucket, thing.key.split("/")) as file:
                    _write(file, target / relative if relative else target)

    def put(self, bucket: str, files: Mapping[str, Path], moved: Moved | None = None) -> None:
        """Copy files, each to its place at once; what is there already stays until then."""

        def put(place: Place, path: Path) -> None:
            with path.open("rb") as file:
                size = tree.replace(self._root / bucket, place.parts, file, PRIVATE)
            if moved is not None:
                moved(size)

        check_bucket(bucket)
        with refusals(f"copy files to {SCHEME}://{bucket}"):
            self._require_ours(bucket)
            places = [(single(bucket, key), path) for key, path in files.items()]
            several(partial(put, place, path) for place, path in places)

    def get(self, bucket: str, files: Mapping[str, Path], moved: Moved | None = None) -> None:
        """Copy files, each to its place at once."""

        def get(place: Place, path: Path) -> None:
            with tree.read(self._root / bucket, place.parts) as file:
                size = _write(file, path)
            if moved is not None:
                moved(size)

        check_bucket(bucket)
        with refusals(f"copy files from {SCHEME}://{bucket}"):
            self._require_there(bucket)
            places = [(single(bucket, key), path) for key, path in files.items()]
            several(partial(get, place, path) for place, path in places)

    def remove(self, bucket: str, keys: Collection[str]) -> None:
        """Remove files, and directories that are empty then."""
        check_bucket(bucket)
        with refusals(f"remove from {SCHEME}://{bucket}"):
            self._require_ours(bucket)
            for place in [single(bucket, key) for key in keys]:
                tree.remove(self._root / bucket, place.parts)

    def mount_command(self, uri: str, target: str, *, cached: bool = False, read_only: bool = False) -> str | None:
        """A link to the directory, where the settings say that nodes see the root.

        What removes a node's files never follows a link, and it needs no privileges. The cache is the kernel's.

        Raises Unsupported for one that is to be read only.
        """
        del cached
        place = parse(uri)
        if not self._shared:
            return None
        if read_only:
            raise Unsupported("a directory cannot be mounted read-only", hint="Use mode: COPY.", capability="mount")
        bucket, to = quote(str(self._root / place.bucket)), quote(target.removeprefix("~/"))
        source = quote("/".join((str(self._root / place.bucket), *place.parts)))
        return (
            f"[ -d {bucket} ] || {{ echo there is no directory {bucket} on this node >&2; exit 1; }}; "
            f'mkdir -p -- {source} "$(dirname -- {to})" && '
            f"if [ -d {to} ] && [ ! -h {to} ]; then rmdir -- {to}; fi && "  # one that is empty, and no other
            f"ln -sfn -- {source} {to}"
        )

    def fetch_command(self, uri: str, target: str) -> str | None:
        """A copy on the node itself, where the settings say that nodes see the root."""
        place = parse(uri)
        if not self._shared:
            return None
        source = quote("/".join((str(self._root / place.bucket), *place.parts)))
        to = quote(target.removeprefix("~/"))  # commands run in the home
        skip = f"-path ./{PRIVATE} -prune -o " if not place.parts else ""
        copy = 'for file; do mkdir -p -- "$0/${file%/*}" && cp -- "$file" "$0/$file" || exit; done'
        whole = (
            f"mkdir -p -- {to} && to=$(cd -- {to} && pwd) && cd -- {source} && "
            f'find . {skip}-type f -exec sh -c {quote(copy)} "$to" {{}} +'
        )
        single = f'mkdir -p -- "$(dirname -- {to})" && cp -- {source} {to}'
        return f"if [ -d {source} ]; then {whole}; else {single}; fi"

    def _objects(self, place: Place, after: str = "") -> Iterator[StoredObject]:
        self._require_there(place.bucket)
        root = self._root / place.bucket
        if not place.prefix and place.key > after and (itself := tree.look(root, place.parts)):
            yield itself
        yield from (each for each in tree.walk(root, place.parts, after) if not each.key.startswith(f"{PRIVATE}/"))

    def _require_there(self, bucket: str) -> None:
        if self._buckets.owner(bucket) is None:
            raise NotFound(f"there is no bucket {bucket!r}", hint=f"Buckets are directories in {self._root}.")

    def _require_ours(self, bucket: str) -> None:
        owner = self._buckets.owner(bucket)
        if owner is None:
            if os.path.lexists(self._root / bucket):
                raise Conflict(f"{self._root / bucket} is there and is not a directory")
            raise NotFound(f"there is no bucket {bucket!r}", hint="`create` makes one; a slip in a URI does not.")
        if owner != self.services.installation:
            whose = f"belongs to the installation {owner}" if owner else "was not made by Styx"
            raise Conflict(f"the bucket {bucket!r} {whose}", hint="Choose another name.", owner=owner or None)


def _files(directory: Path) -> Iterable[Path]:
    """The ordinary files below a directory, sorted, so that an interrupted upload goes on in the same order."""
    for folder, folders, names in os.walk(directory, onerror=_raise):
        folders.sort()
        yield from (path for name in sorted(names) if (path := Path(folder, name)).is_file())


def _raise(error: OSError) -> None:
    raise error


def _write(source: BinaryIO, target: Path) -> int:
    """Replace the file at ``target`` at once; how many bytes it has."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = draft_beside(target)
    with replacing(target, draft), draft.open("xb") as file:
        copyfileobj(source, file, 1 << 20)
        return file.tell()
