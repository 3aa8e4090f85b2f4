"""What the command line asks for that concerns files in stores; and the client that does it in this process."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from styx.api.errors import StyxError
    from styx.api.storage import Moved, StoredObject
    from styx.client.opened import Opened
    from styx.engine.storage import BucketInfo, Found, Mode, StorageWork, Transfer

T = TypeVar("T")


class StorageClient(Protocol):
    """Every method blocks, raises :class:`styx.api.StyxError` and nothing else, and may be interrupted safely."""

    def buckets(self) -> tuple[list[BucketInfo], dict[str, StyxError]]:
        """This installation's buckets in all stores, by URI; and why some stores could not be asked, by name."""

    def objects(self, uri: str) -> list[StoredObject]:
        """The objects at or below a URI, by key. Raises NotFound for a bucket that is not there."""

    def plan(self, source: str, target: str, mode: Mode) -> Transfer:
        """What copying or synchronising comes to; nothing is done yet."""

    def carry_out(self, transfer: Transfer, moved: Moved) -> None:
        """Do what was planned; ``moved`` is told of bytes that have gone over, from any thread."""

    def find(self, uri: str, *, recursive: bool = False) -> Found:
        """What a URI names, to be removed. Raises NotFound, and BadInput for more than one without ``recursive``."""

    def remove(self, found: Found) -> None:
        """Remove objects. Idempotent."""

    def create(self, uri: str) -> None:
        """Make a bucket. Idempotent for our own; raises Conflict when somebody else has the name."""

    def named(self, words: Sequence[str], *, everything: bool = False) -> list[str]:
        """The URIs of the buckets that URIs, names and patterns of names mean, or of all. Raises NotFound."""

    def delete(self, uri: str) -> None:
        """Remove a bucket and all in it. Idempotent."""

    def presign(self, uri: str, seconds: int, *, writing: bool = False) -> str:
        """An address for one object that works for so long. Raises Unsupported."""

    def read(self, uri: str, most: int) -> bytes:
        """The content of one object of at most so many bytes. Raises BadInput, NotFound."""


class EmbeddedStorage:
    """Implements :class:`StorageClient`."""

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    @property
    def _work(self) -> StorageWork:
        return self._opened.engine.storage

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._opened.loop.run(work)

    def buckets(self) -> tuple[list[BucketInfo], dict[str, StyxError]]:
        """See :class:`StorageClient`."""
        return self._run(self._work.buckets())

    def objects(self, uri: str) -> list[StoredObject]:
        """See :class:`StorageClient`."""
        return self._run(self._work.objects(uri))

    def plan(self, source: str, target: str, mode: Mode) -> Transfer:
        """See :class:`StorageClient`."""
        return self._run(self._work.plan(source, target, mode))

    def carry_out(self, transfer: Transfer, moved: Moved) -> None:
        """See :class:`StorageClient`."""
        self._run(self._work.carry_out(transfer, moved))

    def find(self, uri: str, *, recursive: bool = False) -> Found:
        """See :class:`StorageClient`."""
        return self._run(self._work.find(uri, recursive=recursive))

    def remove(self, found: Found) -> None:
        """See :class:`StorageClient`."""
        self._run(self._work.remove(found))

    def create(self, uri: str) -> None:
        """See :class:`StorageClient`."""
        self._run(self._work.create(uri))

    def named(self, words: Sequence[str], *, everything: bool = False) -> list[str]:
        """See :class:`StorageClient`."""
        return self._run(self._work.named(words, everything=everything))

    def delete(self, uri: str) -> None:
        """See :class:`StorageClient`."""
        self._run(self._work.delete(uri))

    def presign(self, uri: str, seconds: int, *, writing: bool = False) -> str:
        """See :class:`StorageClient`."""
        return self._run(self._work.presign(uri, seconds, writing=writing))

    def read(self, uri: str, most: int) -> bytes:
        """See :class:`StorageClient`."""
        return self._run(self._work.read(uri, most))
