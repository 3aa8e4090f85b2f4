"""Two clients side by side, killed or suspended anywhere, on a provider that answers late and lists late.

Whatever they do in whatever order, every machine has an intent on record from before it existed until it is gone, what
was launched is not lost, and in the end all of it can be removed.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from styx.api import Idempotency, OutcomeUnknown, StyxError
from styx.engine.operation import LEASE_SECONDS
from styx.store.states import ClusterState
from styx.testing.bazaar import Habits
from support.bazaar_world import BazaarWorld
from support.commands import perform
from support.puppets import Puppet
from support.world import quiet

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

NAMES = ("a", "b")
SCRATCH = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
MARKETS = (
    Habits(late_births=20.0, late_deaths=20.0),
    Habits(Idempotency.NAME, late_births=20.0, late_deaths=20.0),
    Habits(Idempotency.SEARCH, late_births=20.0, late_deaths=20.0, lost_answers=True),
    Habits(Idempotency.SEARCH, no_discard=True, late_births=20.0),
    Habits(slow_removal=30.0, leftovers=True, late_refusals=5.0),
)

clients = st.sampled_from((0, 1))
names = st.sampled_from(NAMES)
operations = st.sampled_from(("launch", "launch", "down", "stop", "start", "status", "forget"))


class TwoClients(RuleBasedStateMachine):
    """Commands are carried out in part or whole, and killed; time passes; answers get lost."""

    @initialize(habits=st.sampled_from(MARKETS))
    def open(self, habits: Habits) -> None:
        """An empty market."""
        self.home = Path(tempfile.mkdtemp(prefix="styx-two-clients-", dir=SCRATCH))
        self.world = BazaarWorld(self.home, habits)
        self.clients = [Puppet(self.world), Puppet(self.world)]
        self.doing: list[tuple[str, str] | None] = [None, None]
        self.kept: set[str] = set()  # clusters that are up, and that nobody has begun to do anything about

    @rule(
        client=clients,
        operation=operations,
        name=names,
        steps=st.integers(0, 60),
        then=st.sampled_from(("finish", "finish", "stand still", "stand still", "die")),
    )
    def command(self, client: int, operation: str, name: str, steps: int, then: str) -> None:
        """A client that has nothing to do gets a command, and comes to its end or not."""
        puppet = self.clients[client]
        if puppet.busy:
            return
        self.kept -= {name} if operation != "status" else set()
        self.doing[client] = (operation, name)
        puppet.begin(lambda engine: perform(engine, operation, name))
        self.go_on(client, steps, then)

    @rule(client=clients, steps=st.integers(0, 60), then=st.sampled_from(("finish", "stand still", "die")))
    def go_on(self, client: int, steps: int, then: str) -> None:
        """A client takes some steps while the other stands still; then it ends, stands still too, or dies."""
        for _ in range(steps):
            self.clients[client].step()
        if then == "finish":
            self.clients[client].finish()
        self._note_end(client)
        if then == "die":
            self.clients[client].kill()
            self.doing[client] = None
            self.clients[client] = Puppet(self.world)
        self.look()

    @rule(seconds=st.sampled_from((1.0, 15.0, LEASE_SECONDS + 1.0, 600.0)))
    def wait(self, seconds: float) -> None:
        """Time passes, and claims with it: a client that stands still loses what it held."""
        self.world.clock.advance(seconds)
        self.look()

    @rule(after=st.booleans())
    def lose_an_answer(self, after: bool) -> None:
        """The next launch is not answered; whether it was carried out is another matter."""
        self.world.market.fail_next("launch", OutcomeUnknown("no answer"), after=after)

    def look(self) -> None:
        """Every machine has an intent that stands for it."""
        assert self.world.unknown_machines() == [], self._story()

    def _note_end(self, client: int) -> None:
        """Remember a launch that has succeeded, unless somebody is at the same cluster by now."""
        puppet, doing = self.clients[client], self.doing[client]
        if doing is None or puppet.busy:
            return
        operation, name = doing
        other = self.doing[1 - client]
        if operation == "launch" and puppet.outcome() is None and (other is None or other[1] != name):
            self.kept.add(name)
        self.doing[client] = None

    def teardown(self) -> None:
        """However it stands: what was launched is there, and all of it can be removed."""
        if not hasattr(self, "world"):
            return
        try:
            for client, puppet in enumerate(self.clients):
                self._note_end(client)
                if self.doing[client] is not None:
                    self.kept.discard(self.doing[client][1])  # type: ignore[index]
                puppet.kill()
            self.look()
            asyncio.run(self._settle())
        finally:
            asyncio.run(self.world.close())
            shutil.rmtree(self.home, ignore_errors=True)

    async def _settle(self) -> None:
        self.world.clock.advance(LEASE_SECONDS + 1.0)
        await self.world.settle_down()
        self.look()
        for name in self.kept:
            record = self.world.record(name)
            assert record is not None, f"{name} is lost: {self._story()}"
            assert record.state is ClusterState.UP, f"{name} is {record.state}: {self._story()}"
            there = {machine.id for machine in self.world.market.machines()}
            assert self.world.known_nodes(name) <= there, self._story()
        for name in NAMES:
            if self.world.record(name) is not None:
                with suppress(StyxError):
                    await self.world.engine().down(name, quiet)
        await self.world.settle_down()
        assert self.world.market.billing() == [], self._story()
        assert self.world.unclosed() == [], self._story()
        assert self.world.store.clusters.list() == [], self._story()

    def _story(self) -> str:
        lines: list[Any] = [f"{client}: {puppet.gate.steps[-12:]}" for client, puppet in enumerate(self.clients)]
        lines += [[self.world.unclosed()], [m.name for m in self.world.market.machines()], self.world.reasons("a")]
        return "\n".join(map(str, lines))


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits in real time for a client that stands still."""
    monkeypatch.setattr("styx.engine.operation.LOOK_SECONDS", 0.05)


TwoClients.TestCase.settings = settings(
    max_examples=60, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
)
TestTwoClients = TwoClients.TestCase
