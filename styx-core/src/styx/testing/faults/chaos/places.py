"""Where the clusters of the chaos are, and the truth about what is there."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Protocol

from styx.api import Idempotency
from styx.testing.bazaar import Habits, Market
from styx.testing.bazaar.ledger import FileLedger
from styx.testing.faults.bazaar import things_of
from styx.testing.faults.bench import Thing
from styx.testing.faults.local import end_all, things_below


class Place(Protocol):
    """A cloud that real clients can use, seen from its far side."""

    name: ClassVar[str]

    def install(self, root: Path) -> None:
        """Make it usable by an installation: its far side, and a plugin package below ``root/site``."""

    @property
    def settings(self) -> str:
        """Lines of config.yaml below ``clouds:``."""

    def things(self) -> Iterable[Thing]:
        """Everything that is there."""

    def close(self) -> None:
        """End what runs."""


class LocalPlace:
    """This machine, as it is in every installation."""

    name: ClassVar[str] = "local"

    def install(self, root: Path) -> None:
        """It is there."""
        self._nodes = root / "home" / "local" / "nodes"

    @property
    def settings(self) -> str:
        """None are needed."""
        return "  local: {}\n"

    def things(self) -> Iterable[Thing]:
        """Directories and processes."""
        return things_below(self._nodes)

    def close(self) -> None:
        """End the processes."""
        end_all(self._nodes)


# Answers to launches get lost, disks outlive machines, new ones are listed late: and all of it in real time.
HABITS = (
    Habits(lost_answers=True, leftovers=True, late_births=0.3, shared_names=True),
    Habits(idempotency=Idempotency.SEARCH, lost_answers=True, leftovers=True, late_births=0.3),
)


class BazaarPlace:
    """A market in a directory, whose machines are directories, and a plugin package that finds it."""

    name: ClassVar[str] = "bazaar"

    def __init__(self, habits: Habits = HABITS[0]) -> None:
        self._habits = habits

    def install(self, root: Path) -> None:
        """Found the market, and write the package: what pip leaves, without pip."""
        self._root = root / "market"
        self.market = Market.make(self._root, self._habits, real_time=True, homes=root / "m", boot_seconds=0.2)
        with FileLedger(self._root).turn() as state:  # a node's processes carry its id: no two markets may share ids
            state.number = secrets.randbelow(800_000) + 1000
        package = root / "site" / "styx_bazaar"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("", encoding="utf-8")
        (package / "cloud.py").write_text(_CLOUD.format(data=json.dumps(self._habits.to_data())), encoding="utf-8")
        capabilities = ", ".join(f'"{name}"' for name in ("discard", "ports", "selfstop", "spot", "stop"))
        (package / "styx-plugin.toml").write_text(_MANIFEST.format(capabilities=capabilities), encoding="utf-8")
        metadata = root / "site" / "styx_bazaar-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(_METADATA, encoding="utf-8")
        (metadata / "entry_points.txt").write_text(_ENTRY_POINTS, encoding="utf-8")

    @property
    def settings(self) -> str:
        """Where the market is."""
        return f"  bazaar: {{market: {self._root}}}\n"

    def things(self) -> Iterable[Thing]:
        """What the market bills."""
        return things_of(self.market)

    def close(self) -> None:
        """Remove every machine with all that runs on it."""
        end_all(self._root.parent / "m")


_CLOUD = """
import json

from styx.testing.bazaar import Habits, bazaar

Bazaar = bazaar(Habits.from_data(json.loads({data!r})))
"""
_MANIFEST = """
name = "bazaar"
summary = "A marketplace with bad habits."

[contract]
cloud = "1.1"

[[provides]]
kind = "cloud"
name = "bazaar"
target = "styx_bazaar.cloud:Bazaar"
capabilities = [{capabilities}]
"""
_METADATA = "Metadata-Version: 2.1\nName: styx-bazaar\nVersion: 1.0\n"
_ENTRY_POINTS = """
[styx.plugins]
bazaar = styx_bazaar

[styx.clouds]
bazaar = styx_bazaar.cloud:Bazaar
"""
