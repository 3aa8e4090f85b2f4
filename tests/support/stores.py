"""The stores of an installation without the rest of it: given classes, settings, and a clock that is only counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from styx.api import PluginError, Services, Storage
from styx.engine.storage import StorageWork
from styx.testing import FakeClock, services


class Installed:
    """As much of the plugin manager as finding stores takes."""

    def __init__(self, stores: Mapping[str, tuple[type[Storage], Any]]) -> None:
        self.stores = stores

    def names(self, kind: str) -> list[str]:
        """What can be used."""
        return sorted(self.stores) if kind == "storage" else []

    def provided(self, kind: str) -> list[SimpleNamespace]:
        """What is installed; each by a plugin of its name."""
        return [SimpleNamespace(name=name, plugin=name) for name in self.names(kind)]

    def load(self, kind: str, name: str) -> type[Storage]:
        """The class; one that is broken is a PluginError."""
        del kind
        found = self.stores[name][0]
        if isinstance(found, Exception):
            raise found
        return found

    def create(self, kind: str, name: str, given: Services) -> Storage:
        """The object."""
        return self.load(kind, name)(replace(given, config=self.stores[name][1]))


def broken(name: str) -> tuple[Any, None]:
    """A store whose plugin fails."""
    return PluginError(f"plugin {name!r} failed"), None


def work(home: Path, **stores: tuple[type[Storage], Any]) -> StorageWork:
    """All that can be done to files, in these stores: name -> (class, settings)."""
    clock = FakeClock()

    def surroundings(_kind: str, name: str) -> Services:
        return services(home / name, clock=clock)

    home.mkdir(parents=True, exist_ok=True)
    context: Any = SimpleNamespace(
        plugins=Installed(stores), clouds=SimpleNamespace(services=surroundings), clock=clock, home=home
    )
    return StorageWork(context)
