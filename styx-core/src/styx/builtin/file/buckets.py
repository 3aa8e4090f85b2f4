"""Buckets as directories below one root: made at once, marked with whose they are, removed at once.

::

    <root>/<bucket>/                objects, each a file under its key
                    .styx/owner     the installation that made it
                    .styx/drafts/   objects being written
    <root>/.new-*, .gone-*          a bucket being made or removed
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from pathlib import Path

from styx.builtin.file.uri import PRIVATE

_NEW, _GONE = ".new-", ".gone-"
_DRAFT_AGE = 3600.0  # seconds after which a bucket being made was surely abandoned


class Buckets:
    """All buckets below ``root``. Methods raise OSError as the system does."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def owner(self, name: str) -> str | None:
        """The installation that made the bucket; "" when nobody has marked it, None when there is none."""
        path = self.root / name
        if path.is_symlink() or not path.is_dir():
            return None
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return (path / PRIVATE / "owner").read_text(encoding="utf-8", errors="replace").strip()
        return "" if path.is_dir() else None  # else it was removed while we looked

    def make(self, name: str, installation: str) -> None:
        """Make the bucket, unless something of that name is there."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self.root / f"{_NEW}{secrets.token_hex(4)}"
        try:
            (draft / PRIVATE).mkdir(parents=True)
            (draft / PRIVATE / "owner").write_text(f"{installation}\n", encoding="utf-8")
            if not os.path.lexists(self.root / name):  # an empty directory would be replaced
                with contextlib.suppress(FileExistsError, NotADirectoryError):
                    draft.rename(self.root / name)
        except OSError:
            if not (self.root / name).is_dir():  # else another caller was faster
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        self._sweep(self.root.stat().st_mtime)

    def remove(self, name: str) -> None:
        """Remove the bucket with all in it. Nothing there is success."""
        rubbish = self.root / f"{_GONE}{name}.{secrets.token_hex(4)}"
        with contextlib.suppress(FileNotFoundError):
            (self.root / name).rename(rubbish)
        for entry in self._entries():
            if entry.startswith(f"{_GONE}{name}."):
                shutil.rmtree(self.root / entry)

    def names(self) -> list[str]:
        """Whatever could be a bucket, sorted."""
        return sorted(name for name in self._entries() if not name.startswith("."))

    def _sweep(self, now: float) -> None:
        for entry in self._entries():
            with contextlib.suppress(FileNotFoundError):
                if entry.startswith(_NEW) and now - (self.root / entry).stat().st_mtime > _DRAFT_AGE:
                    shutil.rmtree(self.root / entry, ignore_errors=True)

    def _entries(self) -> list[str]:
        try:
            return os.listdir(self.root)  # noqa: PTH208 - names are all that is wanted
        except FileNotFoundError:
            return []
