"""Which regions the account has: asked of AWS, and for offers kept for a day, so that a launch need not ask again."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from styx.api import Clock
from styx_aws.config import Settings
from styx_aws.session import Session

_KEPT_SECONDS = 86400.0
_WHOSE = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID")  # other credentials may be another account's


class Regions:
    """Those of the settings, else all that are enabled. Thread-safe."""

    def __init__(self, session: Session, settings: Settings, path: Path, clock: Clock) -> None:
        self._session, self._settings, self._path, self._clock = session, settings, path, clock
        self._asked: tuple[str, ...] = ()

    def all(self) -> tuple[str, ...]:
        """Where resources may be: as AWS tells it now, once for each client."""
        return self._settings.regions or self.enabled()

    def for_sale(self) -> tuple[str, ...]:
        """Where machines may be rented. One that was switched off within a day is refused at the launch."""
        return self._settings.regions or self._asked or self._kept() or self.enabled()

    def enabled(self) -> tuple[str, ...]:
        """All that are enabled for the account, whatever the settings say."""
        if not self._asked:
            answer = self._session.call("ec2:DescribeRegions")
            self._asked = tuple(sorted(region["RegionName"] for region in answer["Regions"]))
            self._keep(self._asked)
        return self._asked

    def _kept(self) -> tuple[str, ...]:
        with suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            if kept["whose"] == self._whose() and 0 <= self._now() - kept["asked_at"] < _KEPT_SECONDS:
                return tuple(kept["regions"])
        return ()

    def _keep(self, regions: tuple[str, ...]) -> None:
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with suppress(OSError):  # then it is asked for next time
            text = json.dumps({"whose": self._whose(), "asked_at": self._now(), "regions": regions})
            draft.write_text(text, encoding="utf-8")
            draft.replace(self._path)

    def _whose(self) -> list[str]:
        return [self._settings.profile, *(os.environ.get(name, "") for name in _WHOSE)]

    def _now(self) -> float:
        return self._clock.now().timestamp()
