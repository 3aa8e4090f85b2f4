"""What core hands to every plugin object it makes."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol


class Clock(Protocol):
    """Where time comes from. Passed in, so that tests never wait for the real one."""

    def now(self) -> datetime:
        """The time of day: timezone-aware, UTC."""

    def monotonic(self) -> float:
        """Seconds on a clock that never jumps."""

    async def sleep(self, seconds: float) -> None:
        """Let this many seconds pass."""


@dataclass(frozen=True, slots=True)
class Services:
    """The surroundings of one plugin object, which lives for one account.

    ``config`` is an instance of the config model named in the plugin's manifest, validated, or an empty mapping when
    it names none. ``state_dir`` is the plugin's own directory on this machine (mode 0700), for caches and pins, never
    for the truth about machines. ``installation`` is the id written into every name and tag.
    """

    installation: str
    account: str
    config: Any
    state_dir: Path
    clock: Clock
    log: logging.Logger
