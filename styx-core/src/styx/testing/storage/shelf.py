"""One test's dealings with a store: it asks as core would, and leaves nothing behind."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from styx.api import ProviderError, Storage, StoredObject
from styx.testing.driver import Driver
from styx.testing.verdict import ContractBroken, GaveUp

STORED_TEST = "test_an_uploaded_file_comes_back"


class Shelf:
    """A store under test, with the means to use it. ``at(bucket, key)`` is a URI."""

    def __init__(self, storage: Storage, scheme: str, names: Callable[[], str], driver: Driver, scratch: Path) -> None:
        self.storage = storage
        self.driver = driver
        self._scheme = scheme
        self._names = names
        self._scratch = scratch
        self._numbers = itertools.count(1)
        self._made: list[tuple[Storage, str]] = []

    def at(self, bucket: str, key: str = "") -> str:
        """The URI of a key."""
        return f"{self._scheme}://{bucket}/{key}"

    def name(self, storage: Storage | None = None) -> str:
        """A name for a bucket that nobody has; it is removed in the end, should it come to exist."""
        name = self._names()
        self._made.append((storage or self.storage, name))
        return name

    def scratch(self) -> Path:
        """A path below which there is nothing yet."""
        return self._scratch / str(next(self._numbers))

    def write(self, files: Mapping[str, bytes]) -> Path:
        """A local directory with these files."""
        root = self.scratch()
        root.mkdir(parents=True)
        for name, data in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return root

    # -- one call each, as core makes it

    def create(self, bucket: str, storage: Storage | None = None) -> None:
        """Make a bucket."""
        asked = storage or self.storage
        self.driver.call(lambda: asked.create(bucket), what="create()")

    def delete(self, bucket: str, storage: Storage | None = None) -> None:
        """Remove a bucket."""
        asked = storage or self.storage
        self.driver.call(lambda: asked.delete(bucket), what="delete()")

    def buckets(self, storage: Storage | None = None) -> list[str]:
        """The names of the buckets."""
        asked = storage or self.storage
        return self.driver.call(lambda: list(asked.buckets()), what="buckets()")

    def objects(self, bucket: str, key: str = "", storage: Storage | None = None) -> list[StoredObject]:
        """The objects at or below a key."""
        asked = storage or self.storage
        return self.driver.call(lambda: list(asked.list(self.at(bucket, key))), what="list()")

    def keys(self, bucket: str, key: str = "", storage: Storage | None = None) -> list[str]:
        """The keys at or below a key, as the store orders them."""
        return [found.key for found in self.objects(bucket, key, storage)]

    def keys_after(self, after: str, bucket: str, key: str = "") -> list[str]:
        """Those of the keys at or below a key that come after another."""
        listed = self.driver.call(
            lambda: list(self.storage.list_after(self.at(bucket, key), after)), what="list_after()"
        )
        return [found.key for found in listed]

    def upload(self, source: Path, bucket: str, key: str = "", storage: Storage | None = None) -> None:
        """Copy a file or a directory into the store."""
        asked = storage or self.storage
        self.driver.call(lambda: asked.upload(source, self.at(bucket, key)), what="upload()")

    def download(self, bucket: str, key: str = "", target: Path | None = None) -> Path:
        """Copy an object or all below a prefix to a path, and return it."""
        where = target or self.scratch()
        self.driver.call(lambda: self.storage.download(self.at(bucket, key), where), what="download()")
        return where

    def put_all(self, bucket: str, files: Mapping[str, Path], told: list[int] | None = None) -> None:
        """Copy files to their keys; ``told`` gets what the store tells of bytes that have moved."""
        moved = None if told is None else told.append
        self.driver.call(lambda: self.storage.put(bucket, files, moved), what="put()")

    def get_all(self, bucket: str, files: Mapping[str, Path], told: list[int] | None = None) -> None:
        """Copy objects to files."""
        moved = None if told is None else told.append
        self.driver.call(lambda: self.storage.get(bucket, files, moved), what="get()")

    # -- the ground of a test; without it the test is skipped, for another test says why

    def bucket(self, files: Mapping[str, bytes] | None = None, storage: Storage | None = None) -> str:
        """A new bucket with these objects."""
        asked = storage or self.storage
        name = self.name(asked)
        try:
            self.create(name, asked)
            for key, data in (files or {}).items():
                self.put(name, key, data, asked)
        except (ProviderError, ContractBroken, GaveUp) as error:
            pytest.skip(f"needs a bucket; {STORED_TEST} and those before it show what is wrong ({error})")
        return name

    def put(self, bucket: str, key: str, data: bytes, storage: Storage | None = None) -> None:
        """Store one object."""
        self.upload(self.write({"file": data}) / "file", bucket, key, storage)

    def get(self, bucket: str, key: str) -> bytes | None:
        """One object's bytes; None when it cannot be had."""
        try:
            target = self.download(bucket, key)
        except (ProviderError, ContractBroken, GaveUp):
            return None
        return target.read_bytes() if target.is_file() else None

    def clean_up(self) -> None:
        """Remove the buckets that the test made. Fails only when one is left: the rest is other tests' business."""
        for storage, name in self._made:
            try:
                if name in self.buckets(storage):
                    self.delete(name, storage)
            except (ProviderError, ContractBroken, GaveUp) as error:
                pytest.fail(f"STILL THERE: the bucket {name}: {error}")


def read_tree(root: Path) -> dict[str, bytes]:
    """All files below a directory, by their relative paths."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
