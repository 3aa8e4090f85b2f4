"""The storage contract: named places for files that outlive clusters. Synchronous, like clouds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from styx.api.errors import Unsupported
from styx.api.services import Services

# Told how many bytes have gone over since it was last called, from any thread. Since 1.1.
Moved = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object: its key relative to the bucket, size in bytes, and when it was last written.

    ``checksum`` is of the content, as the store tells it in a listing: the plugin's own text, to be understood by its
    :meth:`Storage.same`; empty when it tells none (since 1.1).
    """

    key: str
    size: int
    modified_at: datetime
    checksum: str = ""


class Storage(ABC):
    """One kind of object store. A URI is ``scheme://bucket/key``; a key ending in ``/`` or empty names all below it."""

    name: ClassVar[str]
    schemes: ClassVar[tuple[str, ...]]

    def __init__(self, services: Services) -> None:
        """Keep ``services``. No network here."""
        self.services = services

    @abstractmethod
    def check(self) -> None:
        """Raise AuthFailed or another ProviderError when the store cannot be used. Safe to repeat."""

    @abstractmethod
    def create(self, bucket: str) -> None:
        """Make the bucket. Idempotent for our own; Conflict when somebody else has the name."""

    @abstractmethod
    def delete(self, bucket: str) -> None:
        """Remove the bucket and all in it. Idempotent: a missing bucket is success."""

    @abstractmethod
    def buckets(self) -> Iterable[str]:
        """The names of the buckets that belong to this installation."""

    @abstractmethod
    def list(self, uri: str) -> Iterable[StoredObject]:
        """The objects at or below ``uri``, sorted by key. A missing bucket is NotFound; an empty prefix is empty."""

    def list_after(self, uri: str, key: str) -> Iterable[StoredObject]:
        """Those of :meth:`list` whose keys sort after ``key``, which need not be there. Since 1.1.

        By default all are listed, and those before are passed over: who lists page by page then waits for each page
        as long as for all before it.
        """
        return (thing for thing in self.list(uri) if thing.key > key)

    @abstractmethod
    def upload(self, source: Path, uri: str) -> None:
        """Copy a file to the key, or a directory's contents below it. Each object is replaced whole or not at all."""

    @abstractmethod
    def download(self, uri: str, target: Path) -> None:
        """Copy one object to a file, or everything below a prefix into a directory. NotFound when there is nothing."""

    def put(self, bucket: str, files: Mapping[str, Path], moved: Moved | None = None) -> None:
        """Copy files to the keys that they are named by, several at a time. Since 1.1; by default one by one.

        Each object is replaced whole or not at all. Called again after an interruption it goes on where it was, as far
        as the store lets it.
        """
        for key, path in files.items():
            self.upload(path, f"{self.schemes[0]}://{bucket}/{key}")
            if moved is not None:
                moved(path.stat().st_size)

    def get(self, bucket: str, files: Mapping[str, Path], moved: Moved | None = None) -> None:
        """Copy the objects with these keys to files, several at a time. Since 1.1; by default one by one.

        Each file is replaced whole or not at all, and directories are made. NotFound for a key that is not there.
        """
        for key, path in files.items():
            self.download(f"{self.schemes[0]}://{bucket}/{key}", path)
            if moved is not None:
                moved(path.stat().st_size)

    def remove(self, bucket: str, keys: Collection[str]) -> None:
        """Remove the objects with these keys. Idempotent: one that is not there is success. Since 1.1."""
        del bucket, keys
        raise Unsupported(f"single objects cannot be removed from {self.name}", capability="remove")

    def same(self, path: Path, thing: StoredObject) -> bool:
        """Whether the file has the content of the object, so that it need not be copied. Since 1.1.

        By default, whether they have one size and the object is not older than the file.
        """
        status = path.stat()
        return status.st_size == thing.size and status.st_mtime <= thing.modified_at.timestamp()

    def presign(self, uri: str, seconds: int, *, writing: bool = False) -> str:
        """An address under which anybody can read (or write) the object for a while. Asks nobody. Since 1.1."""
        del uri, seconds, writing
        raise Unsupported(f"{self.name} has no addresses for single objects", capability="presign")

    def mount_command(self, uri: str, target: str, *, cached: bool = False, read_only: bool = False) -> str | None:
        """A shell command that makes ``uri`` appear at ``target`` on a node. Since 1.1; None where that cannot be.

        It is run on every node by the user that jobs run as, and again after every start: what is mounted already is
        success. It installs what it needs. With ``cached`` writes go to the node's disk first and over later. Whatever
        credentials it needs on the node it brings itself, in a file of mode 0600: a task that mounts asks for that.
        """
        del uri, target, cached, read_only
        return None

    def unmount_command(self, uri: str, target: str, *, cached: bool = False) -> str | None:
        """A shell command that takes a mount away once all that was written through it is stored. Since 1.1.

        It is run as :meth:`mount_command` is, when jobs have ended and before their nodes are stopped or removed; what
        is not mounted is success. By default core unmounts by itself, and waits for nothing that is on its way.
        """
        del uri, target, cached
        return None

    def fetch_command(self, uri: str, target: str) -> str | None:
        """A shell command that copies ``uri`` to ``target`` on a node without credentials; None if there is none.

        Core then downloads to the client and copies from there.
        """
        del uri, target
        return None
