"""The surroundings of one point, all of them in one directory: a provider, an installation, and a neighbour."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from styx.api import StyxError
from styx.engine.engine import Engine
from styx.engine.orphans import Orphan, find_orphans
from styx.store import Store
from styx.store.records import AttemptRecord
from styx.testing.faults import audit, operations
from styx.testing.faults.audit import Book, Keep, Truth
from styx.testing.faults.bench import FaultBench
from styx.testing.faults.client import BYSTANDER, CLUSTER, Step, run
from styx.testing.faults.fork import End, Ended, Forked, forked
from styx.testing.faults.operations import Operation
from styx.testing.faults.tap import FaultTap

KEEP = "keep.json"


class NoGround(StyxError):
    """What has to be there before a fault could not be made, without any fault."""


@dataclass(frozen=True)
class World:
    """Everything below ``root``; ``bench`` is the provider there."""

    root: Path
    bench: FaultBench
    keep: Keep = field(default_factory=Keep)

    @classmethod
    def make(cls, root: Path, kind: type[FaultBench], variant: str, operation: Operation) -> World:
        """A new one with everything that the operation finds. Raises NoGround."""
        (root / "far").mkdir(parents=True)
        world = cls(root, kind(root / "far", variant))
        world.bench.open()
        for home, steps in world._ground(operation):
            for step in steps:
                ended = forked(partial(run, home, world.bench, step))
                if ended.how is not End.DONE:
                    world.close()
                    raise NoGround(f"{step.__name__} without any fault: {ended.how}, {ended.said}")
        keep = world._kept(operation)
        world.bench.ready()
        ids = [sorted(keep.mine), sorted(keep.bystander), sorted(keep.neighbour)]
        (root / KEEP).write_text(json.dumps(ids), encoding="utf-8")
        return cls(root, world.bench, keep)

    @classmethod
    def open(cls, root: Path, kind: type[FaultBench], variant: str) -> World:
        """One that was made and that nobody has used yet."""
        ids = json.loads((root / KEEP).read_text(encoding="utf-8"))
        return cls(root, kind(root / "far", variant), Keep(*map(frozenset, ids)))

    def copy(self, root: Path) -> World:
        """Another world in the same state. Only where the provider is portable."""
        shutil.copytree(self.root, root, symlinks=True)
        bench = type(self.bench)(root / "far", self.bench.variant)
        bench.open()
        return World(root, bench, self.keep)

    @property
    def home(self) -> Path:
        """The installation of the user whom something happens to."""
        return self.root / "home"

    @property
    def _next_door(self) -> Path:
        return self.root / "neighbour"

    def _ground(self, operation: Operation) -> Iterable[tuple[Path, list[Step]]]:
        if self.bench.shared:
            yield self._next_door, [operations.launch]
        yield self.home, [operations.launch_bystander, *operation.before]

    def _kept(self, operation: Operation) -> Keep:
        neighbour = _nodes_of(self._next_door, CLUSTER) if self.bench.shared else frozenset()
        mine = _nodes_of(self.home, CLUSTER) if operation.before else frozenset()
        return Keep(mine, _nodes_of(self.home, BYSTANDER), neighbour)

    def client(self, step: Step) -> Ended:
        """What becomes of a client that takes this step."""
        return forked(partial(run, self.home, self.bench, step))

    def begin(self, step: Step, tap: FaultTap) -> Forked:
        """A client that has begun to take this step, and to which something may happen."""
        return Forked(partial(run, self.home, self.bench, step, tap))

    def truth(self) -> Truth:
        """What the provider has."""
        return Truth(self.bench.truth(), frozenset(self.bench.taken()))

    async def book(self, engine: Engine) -> Book:
        """What is on record; who is shown is looked up only where somebody is not accounted for."""
        store = engine.context.store
        records = store.clusters.list()
        nodes = {record.name: store.nodes.of(record.name) for record in records}
        book = Book(records, nodes, attempts(store))
        if audit.leaks(book, self.truth(), self.keep):
            return Book(records, nodes, book.attempts, ids_of(await shown(engine)))
        return book

    def close(self) -> None:
        """End the provider and remove everything."""
        self.bench.close()
        shutil.rmtree(self.root, ignore_errors=True)


def attempts(store: Store) -> list[AttemptRecord]:
    """Every attempt on record."""
    names = {CLUSTER, BYSTANDER} | {a.cluster for a in (*store.attempts.open(), *store.attempts.tombstones())}
    return [attempt for name in sorted(names) for attempt in store.attempts.of(name)]


async def shown(engine: Engine) -> list[Orphan]:
    """What `styx status --orphans` lists. Raises StyxError when something could not be looked at."""
    search = await find_orphans(engine.context.fresh())
    if search.unseen:
        raise StyxError(f"not everything could be looked at: {'; '.join(search.unseen)}")
    return list(search.orphans)


def ids_of(orphans: Iterable[Orphan]) -> frozenset[str]:
    """The ids of all that they consist of."""
    orphans = list(orphans)
    nodes = {node.id for orphan in orphans for node in orphan.nodes}
    return frozenset(nodes | {leftover.id for orphan in orphans for leftover in orphan.leftovers})


def _nodes_of(home: Path, cluster: str) -> frozenset[str]:
    with Store.open(home=home) as store:
        return frozenset(node.node_id for node in store.nodes.of(cluster))
