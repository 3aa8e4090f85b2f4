"""The reference store: buckets in memory, with every rule of the contract kept."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import ClassVar

from styx.api import Conflict, InvalidRequest, Moved, NotFound, Services, Storage, StoredObject

SCHEME = "memory"


@dataclass(slots=True)
class Bucket:
    """One bucket: whose it is, and its objects as (bytes, time of writing)."""

    owner: str
    objects: dict[str, tuple[bytes, datetime]] = field(default_factory=dict)


class MemoryObjects:
    """The far side of the store: what every Storage object of one account shares. Thread-safe under ``lock``."""

    def __init__(self) -> None:
        self.buckets: dict[str, Bucket] = {}
        self.lock = threading.RLock()


class MemoryStorage(Storage):
    """The reference store. Its :class:`MemoryObjects` are given as ``services.config``, so that objects share them."""

    name: ClassVar[str] = SCHEME
    schemes: ClassVar[tuple[str, ...]] = (SCHEME,)

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        if not isinstance(services.config, MemoryObjects):
            raise TypeError("MemoryStorage takes its MemoryObjects as services.config")
        self.far: MemoryObjects = services.config

    def check(self) -> None:
        """Memory is always there."""

    def create(self, bucket: str) -> None:
        """Make the bucket, unless it is ours already."""
        with self.far.lock:
            there = self.far.buckets.setdefault(bucket, Bucket(self.services.installation))
            self._must_be_ours(bucket, there)

    def delete(self, bucket: str) -> None:
        """Forget the bucket."""
        with self.far.lock:
            there = self.far.buckets.get(bucket)
            if there is not None:
                self._must_be_ours(bucket, there)
                del self.far.buckets[bucket]

    def buckets(self) -> Iterable[str]:
        """List our buckets."""
        with self.far.lock:
            return sorted(name for name, b in self.far.buckets.items() if b.owner == self.services.installation)

    def list(self, uri: str) -> Iterable[StoredObject]:
        """List the object of this key and everything below it."""
        bucket, key = self._split(uri)
        with self.far.lock:
            objects = self._find(bucket).objects
            return [StoredObject(k, len(objects[k][0]), objects[k][1]) for k in sorted(objects) if covers(key, k)]

    def upload(self, source: Path, uri: str) -> None:
        """Store a file, or a directory's files; each is read whole before it replaces anything."""
        bucket, key = self._split(uri)
        if source.is_dir():
            prefix = key if not key or key.endswith("/") else f"{key}/"
            found = sorted(path for path in source.rglob("*") if path.is_file())
            files = {prefix + path.relative_to(source).as_posix(): path for path in found}
        elif source.is_file():
            files = {key + source.name if not key or key.endswith("/") else key: source}
        else:
            raise InvalidRequest(f"{source} is neither a file nor a directory", field="source")
        for name, path in files.items():
            data = path.read_bytes()
            with self.far.lock:
                self._find(bucket).objects[name] = (data, self.services.clock.now())

    def download(self, uri: str, target: Path) -> None:
        """Write one object to a file, or those below a prefix into a directory."""
        bucket, key = self._split(uri)
        with self.far.lock:
            objects = dict(self._find(bucket).objects)
        if key in objects:
            replace_file(target, objects[key][0])
            return
        prefix = key if not key or key.endswith("/") else f"{key}/"
        below = {name: data for name, (data, _) in objects.items() if name.startswith(prefix)}
        if not below:
            raise NotFound(f"there is nothing at {uri}")
        for name, data in below.items():
            replace_file(target / name.removeprefix(prefix), data)

    def put(self, bucket: str, files: Mapping[str, Path], moved: Moved | None = None) -> None:
        """Store files; each is read whole before it replaces anything."""
        for key, path in files.items():
            self._split(f"{SCHEME}://{bucket}/{key}")
            data = path.read_bytes()
            with self.far.lock:
                self._find(bucket).objects[key] = (data, self.services.clock.now())
            if moved is not None:
                moved(len(data))

    def get(self, bucket: str, files: Mapping[str, Path], moved: Moved | None = None) -> None:
        """Write objects to files."""
        for key, path in files.items():
            with self.far.lock:
                found = self._find(bucket).objects.get(key)
            if found is None:
                raise NotFound(f"there is no object {key!r} in {bucket!r}")
            replace_file(path, found[0])
            if moved is not None:
                moved(len(found[0]))

    def remove(self, bucket: str, keys: Collection[str]) -> None:
        """Forget these objects."""
        with self.far.lock:
            objects = self._find(bucket).objects
            for key in keys:
                objects.pop(key, None)

    def _split(self, uri: str) -> tuple[str, str]:
        """Bucket and key. A key is taken as it is: no character of it is special but the slash."""
        scheme, separator, rest = uri.partition("://")
        bucket, _, key = rest.partition("/")
        if not separator or scheme not in self.schemes or not bucket:
            raise InvalidRequest(f"{uri!r} is not {SCHEME}://bucket/key", field="uri")
        if ".." in PurePosixPath(key).parts or key.startswith("/"):
            raise InvalidRequest(f"{uri!r} leaves its bucket", field="uri")
        return bucket, key

    def _find(self, bucket: str) -> Bucket:
        if bucket not in self.far.buckets:
            raise NotFound(f"there is no bucket {bucket!r}")
        self._must_be_ours(bucket, self.far.buckets[bucket])
        return self.far.buckets[bucket]

    def _must_be_ours(self, name: str, bucket: Bucket) -> None:
        if bucket.owner != self.services.installation:
            raise Conflict(f"the bucket {name!r} belongs to another installation", owner=bucket.owner)


def covers(key: str, name: str) -> bool:
    """Whether the object ``name`` is at or below ``key``."""
    return name == key or name.startswith(key if not key or key.endswith("/") else f"{key}/")


def replace_file(target: Path, data: bytes) -> None:
    """Write a file whole or not at all, making the directories above it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".styx-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
