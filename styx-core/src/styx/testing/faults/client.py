"""A client of an installation, as a command of Styx is: it opens the engine, does one thing, and ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from styx.api import Cloud, PluginError, Services
from styx.engine.engine import Engine
from styx.plugins.manager import Offered, PluginManager
from styx.plugins.status import OK
from styx.spec import Task
from styx.store import Store
from styx.testing.faults.bench import FaultBench
from styx.testing.faults.runtime import FileBackend
from styx.testing.faults.tap import FaultTap

CLUSTER, BYSTANDER = "mine", "bystander"
NODES = 2
TASK = Task("pair").nodes(NODES).run("true")

Step = Callable[[Engine], Awaitable[Any]]


def quiet(phase: str, sentence: str) -> None:
    """Progress that nobody reads."""


class BenchPlugins(PluginManager):
    """The plugin manager of an installation that has one cloud, the bench's, and the runtime of the harness."""

    def __init__(self, bench: FaultBench, tap: FaultTap) -> None:
        super().__init__(())
        self._bench, self._tap = bench, tap

    def provided(self, kind: str) -> list[Offered]:
        """One cloud, one backend."""
        names: Mapping[str, str] = {"cloud": self._bench.name, "backend": FileBackend.name}
        return [Offered(kind, names[kind], "", "", "faults", (), OK, "", "")] if kind in names else []

    def load(self, kind: str, name: str) -> type[Any]:
        """A class of that kind, for those who want to know whether there is one."""
        if name not in self.names(kind):
            raise PluginError(f"no plugin provides a {kind} named {name!r}", hint=f"Installed: {self.names(kind)}.")
        return Cloud if kind == "cloud" else FileBackend

    def config_model(self, kind: str, name: str) -> None:
        """No settings are checked."""
        del kind, name

    def create(self, kind: str, name: str, services: Services) -> Any:
        """The cloud with the tap in its line, or the runtime."""
        self.load(kind, name)
        if kind == "backend":
            return FileBackend(replace(services, config=self._bench.occupy))
        cloud = self._bench.cloud(services)
        self._bench.tap(cloud, self._tap)
        return cloud


def run(home: Path, bench: FaultBench, step: Step, tap: FaultTap | None = None) -> Any:
    """Open the engine at ``home``, take the step, close it."""
    tap = tap or FaultTap(bench)
    return asyncio.run(_run(home, bench, step, tap))


async def _run(home: Path, bench: FaultBench, step: Step, tap: FaultTap) -> Any:
    store = Store.open(home=home, clock=bench.clock.now)
    tap.mark_commits(store)
    engine = Engine.open(home, store, plugins=BenchPlugins(bench, tap), clock=bench.clock)
    try:
        return await step(engine)
    finally:
        await engine.close()
