"""Which machines did not answer a moment ago, for all processes: waiting for them is not worth it yet."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime, timedelta
from pathlib import Path

from styx.builtin.disk import write_atomically
from styx.builtin.ssh.config import HostConfig
from styx.builtin.ssh.pins import file_name

MAX_AGE = timedelta(minutes=1)


class Silence:
    """A file for each such machine below one directory. What cannot be read or written is not known."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, host: HostConfig, now: datetime) -> str | None:
        """Why the machine is taken to be silent, unless that is a minute ago."""
        try:
            data = json.loads((self._directory / file_name(host)).read_text(encoding="utf-8"))
            if timedelta(0) <= now - datetime.fromisoformat(data["asked_at"]) < MAX_AGE:
                return str(data["problem"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return None

    def write(self, host: HostConfig, problem: str, now: datetime) -> None:
        """Note that the machine has just not answered."""
        text = json.dumps({"asked_at": now.isoformat(), "problem": problem})
        with contextlib.suppress(OSError):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(self._directory / file_name(host), text + "\n")

    def end(self, host: HostConfig) -> None:
        """Note that the machine answers. Idempotent."""
        with contextlib.suppress(OSError):
            (self._directory / file_name(host)).unlink()
