"""The storage contract: named places for files that outlive clusters. Synchronous, like clouds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from styx.api.services import Services


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object: its key relative to the bucket, size in bytes, and when it was last written."""

    key: str
    size: int
    modified_at: datetime


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

    @abstractmethod
    def upload(self, source: Path, uri: str) -> None:
        """Copy a file to the key, or a directory's contents below it. Each object is replaced whole or not at all."""

    @abstractmethod
    def download(self, uri: str, target: Path) -> None:
        """Copy one object to a file, or everything below a prefix into a directory. NotFound when there is nothing."""

    def fetch_command(self, uri: str, target: str) -> str | None:
        """A shell command that copies ``uri`` to ``target`` on a node without credentials; None if there is none.

        Core then downloads to the client and copies from there.
        """
        del uri, target
        return None
