"""What the wrong stores share."""

# ruff: noqa: D102 - the class says what is wrong with its methods

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from registry import Registry

from styx.api import StoredObject
from styx.testing.memory import MemoryStorage

WRONG = Registry()


def pause() -> None:
    """Let other threads run; not a sleep that the kit would count."""
    threading.Event().wait(0.002)


class Misstores(MemoryStorage):
    """Puts single files otherwise than the reference."""

    def keep(self, objects: dict[str, Any], name: str, data: bytes) -> None:
        """Store one file's bytes."""
        raise NotImplementedError

    def upload(self, source: Path, uri: str) -> None:
        if not source.is_file():
            super().upload(source, uri)
            return
        bucket, key = self._split(uri)
        self.keep(self._find(bucket).objects, key, source.read_bytes())

    def stamped(self, data: bytes) -> Any:
        """An object of now."""
        return (data, self.services.clock.now())


class Mislists(MemoryStorage):
    """Lists otherwise than the reference."""

    def changed(self, key: str, found: list[StoredObject], everything: list[StoredObject]) -> list[StoredObject]:
        """What is listed instead of ``found``, of ``everything`` in the bucket."""
        raise NotImplementedError

    def list(self, uri: str) -> Iterable[StoredObject]:
        bucket, key = self._split(uri)
        everything = [*super().list(f"memory://{bucket}/")]
        return self.changed(key, [*super().list(uri)], everything)
