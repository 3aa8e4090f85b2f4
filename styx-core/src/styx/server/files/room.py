"""The room that uploads take on the server's disk: of all of them together, and of each user's.

What is still on its way counts as it comes. When there is no room, what no task names goes, the oldest first: of the
user's own where their share is used up, of anybody's where all of it is. So nobody keeps others out for long.
"""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path

from styx.client.refusals import TooLarge
from styx.server.settings import Settings
from styx.server.tallies import Tally, less

SIZE, OWNER = "size", "owner"  # files beside the contents of each; those of older servers are nobody's
FRESH = 3600.0  # seconds for which it stays in any case: who has sent it is about to name it
_AGAIN = 60.0  # seconds until it is worth another look whether something can go


class Room:
    """Below one directory. Thread-safe; to be asked in threads, for what goes may be large."""

    def __init__(self, root: Path, settings: Settings, named: Callable[[], AbstractSet[str]]) -> None:
        """``named`` tells the names of those, below ``root``, that some task may still need."""
        self._root = root
        self._most = {True: settings.max_uploads, False: settings.user_uploads}
        self._named = named
        self._lock = threading.Lock()
        self._kept: Tally = Counter()  # bytes
        self._coming: Tally = Counter()
        self._in_vain: dict[str, float] = {}

    def look(self) -> None:
        """See what is there, which other servers may have changed as well."""
        with self._lock:
            self._look()

    def more(self, user: str, count: int) -> None:
        """Count so many bytes more that come of this user's. Raises TooLarge, StoreError."""
        gone: list[Path] = []
        try:
            with self._lock:
                self._coming[user] += count
                self._require(user, gone)
        finally:
            for place in gone:
                shutil.rmtree(place, ignore_errors=True)

    def come(self, user: str, count: int) -> None:
        """They are there by now, or will not come."""
        with self._lock:
            less(self._coming, user, count)
            self._look()

    def _require(self, user: str, gone: list[Path]) -> None:
        if self._over(user) and not self._make(user, gone):
            raise TooLarge(
                f"the server keeps {self._kept[user] >> 20} MiB of uploads for {user}, and no more than "
                f"{self._most[False] >> 20} MiB for anybody",
                hint="They go when no task needs them; what is large is better kept in a bucket.",
            )
        if self._over("") and not self._make("", gone):
            raise TooLarge(
                f"the server keeps {self._kept.total() >> 20} MiB of uploads, which is all it may",
                hint="They go when no task needs them; an administrator can remove some below its home.",
            )

    def _over(self, user: str) -> bool:
        """Whether it is too much of this user's, or, of nobody, of all."""
        taken = self._kept[user] + self._coming[user] if user else self._kept.total() + self._coming.total()
        return taken > self._most[not user]

    def _make(self, user: str, gone: list[Path]) -> bool:
        """Let go what can, until it is no more too much, to be removed later; whether it is not."""
        now = time.time()
        if now - self._in_vain.get(user, 0.0) < _AGAIN:
            return False
        old = [place for place in self._places() if age(place) > FRESH and user in {"", _owner(place)}]
        named = self._named() if old else frozenset()
        for place in sorted(old, key=age, reverse=True):
            if place.name not in named and age(place) > FRESH:
                with suppress(OSError):  # another server was faster
                    gone.append(place.rename(self._root / f".{secrets.token_hex(8)}"))
                self._look()
            if not self._over(user):
                return True
        self._in_vain[user] = now
        return False

    def _look(self) -> None:
        self._kept = Counter()
        for place in self._places():
            with suppress(FileNotFoundError):  # it has just gone
                self._kept[_owner(place)] += int((place / SIZE).read_text())

    def _places(self) -> list[Path]:
        return (
            [place for place in self._root.iterdir() if not place.name.startswith(".")] if self._root.is_dir() else []
        )


def age(place: Path) -> float:
    """Seconds since an upload was named last."""
    try:
        return time.time() - place.stat().st_mtime
    except FileNotFoundError:  # it has just gone
        return 0.0


def _owner(place: Path) -> str:
    with suppress(FileNotFoundError):
        return (place / OWNER).read_text(encoding="utf-8")
    return ""
