"""Random walks: clients that come, go and die, hosts that fail, and providers with several habits at once.

After every step, whatever bills is known; nothing in use is removed that nobody asked to remove, nor anything of
another installation; and in the end nothing of ours is left.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from styx.api import Boot, Idempotency, LaunchRequest, OfferQuery, Owner, StyxError
from styx.engine.engine import Engine
from styx.spec import Resources
from styx.store.states import ClusterState
from styx.testing import services
from styx.testing.bazaar import bazaar
from styx.testing.bazaar.named import HABITS, stage, with_habits
from support.bazaar_world import BazaarWorld, NewBazaar
from support.world import HELLO, Killed, Life, quiet

TASKS = (HELLO, HELLO.nodes(2), HELLO.nodes(2).resources(Resources().spot()))
MOVES = ("launch",) * 3 + ("stop", "start", "down", "down", "forget", "status", "orphans") + ("time", "host", "room")
WALKS = 50
THEIRS = Owner("zzzzzz", "c", "aaaa")


class Walk:
    """One walk: what is done next, and what must hold whatever that was."""

    def __init__(self, world: BazaarWorld, random: Random) -> None:
        self.world = world
        self.random = random
        self.log: list[str] = []
        self.theirs = self._alive()
        self.in_use: set[str] = set()  # machines of clusters that were up or stopped when last looked at

    def _alive(self) -> set[str]:
        return {machine.id for machine in self.world.market.machines()}

    async def step(self) -> None:
        """One move, by a client that may die of it."""
        move, name = self.random.choice(MOVES), self.random.choice("ccd")
        life = Life(self.random.randint(0, 25)) if self.random.random() < 0.35 else None
        self.log.append(f"{move} {name} {life and life.ends_at}")
        if move in {"down", "forget"}:
            self.in_use -= self.world.known_nodes(name)
        with suppress(StyxError, Killed):
            await self._move(move, name, self.world.engine(life))
        self._check()

    async def _move(self, move: str, name: str, engine: Engine) -> None:
        if move == "launch":
            await engine.launch(self.random.choice(TASKS), name, quiet)
        elif move == "start":
            await engine.start(name, None, quiet)
        elif move in {"stop", "down"}:
            await getattr(engine, move)(name, quiet)
        elif move == "forget":
            await engine.down(name, quiet, forget=True)
        elif move == "status":
            await engine.status(refresh=True)
        elif move == "orphans":
            await engine.orphans()
        else:
            self._happen(move)

    def _happen(self, what: str) -> None:
        market = self.world.market
        if what == "time":
            self.world.clock.advance(self.random.choice((1, 5, 20, 100, 400)))
        elif what == "room":
            market.allow(room={f"{place}/small": self.random.choice((0, 1, 2, 100)) for place in ("east", "west")})
        elif ours := sorted(self._alive() - self.theirs):
            id_ = self.random.choice(ours)
            self.in_use.discard(id_)
            self.random.choice((market.fail_host, market.interrupt, market.shut_down))(id_)

    def _check(self) -> None:
        alive, unknown = self._alive(), {machine.id for machine in self.world.unknown_machines()}
        billed = {bill.id for bill in self.world.market.billing()}
        assert self.theirs <= alive, self.log
        if self.world.market.habits.idempotency is not Idempotency.NONE:
            assert not (unknown - self.theirs) & billed, self.log
        assert self.in_use <= alive, self.log
        sound = {machine.id for machine in self.world.market.machines() if machine.going is None}
        for record in self.world.store.clusters.list():
            if record.state in {ClusterState.UP, ClusterState.STOPPED}:
                self.in_use |= self.world.known_nodes(record.name) & sound
            elif record.state is ClusterState.TERMINATING:
                self.in_use -= self.world.known_nodes(record.name)

    async def end(self) -> None:
        """Remove every cluster, and see what is left once all has settled."""
        for _ in range(6):
            for record in self.world.store.clusters.list():
                with suppress(StyxError):
                    await self.world.engine().down(record.name, quiet)
            self.world.clock.advance(70.0)
        await self.world.settle_down()
        assert self.world.store.clusters.list() == [], self.log
        assert self.world.unclosed() == [], self.log
        assert self.theirs <= self._alive(), self.log
        shown = {node.id for orphan in await self.world.strangers() for node in orphan.nodes}
        left = {bill.id for bill in self.world.market.billing()} - self.theirs
        assert left <= (shown if self.world.market.habits.idempotency is Idempotency.NONE else set()), self.log


def some_habits(random: Random) -> tuple[str, ...]:
    """Two to five habits that one provider can have."""
    while True:
        names = random.sample(list(HABITS), random.randint(2, 5))
        if with_habits(*names) is not None:
            return tuple(names)


def a_neighbour(world: BazaarWorld, home: Path) -> None:
    """Another installation of the same account has a machine, of the same cluster and attempt as far as names go."""
    surroundings = services(home, world.market, installation=THEIRS.installation, clock=world.clock)
    cloud = bazaar(world.market.habits)(surroundings)
    offer = min(cloud.offers(OfferQuery()), key=lambda offer: offer.hourly_price or 0)
    world.clock.advance(1.0)
    with suppress(StyxError):  # an answer that is lost is lost
        cloud.launch(cloud.prepare(LaunchRequest(THEIRS, offer, (0,), Boot("ssh-ed25519 key"))))
    assert len(world.market.machines()) == 1


@pytest.mark.parametrize("seed", range(WALKS))
async def test_a_walk_ends_where_it_began(new_bazaar: NewBazaar, tmp_path: Path, seed: int) -> None:
    """Whatever happens, in whatever order, to whatever provider: what is ours is known, and in the end gone."""
    random = Random(seed)
    names = some_habits(random)
    world = new_bazaar(*names, staged=False)
    a_neighbour(world, tmp_path)
    stage(world.market, *names)
    walk = Walk(world, random)
    walk.log.append("+".join(names))
    for _ in range(random.randint(4, 10)):
        await walk.step()
    await walk.end()
