"""What Styx has on record against what the provider really has. Pure: two pictures in, a list of flaws out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from styx.api import Owner
from styx.api.names import slug
from styx.store.records import AttemptRecord, AttemptState, ClusterRecord, NodeRecord
from styx.store.states import ClusterState
from styx.testing.faults.bench import Thing


class Harm(StrEnum):
    """How bad a flaw is."""

    LEAKED = "leaked"  # it bills, and Styx does not know of it
    LOST = "lost"  # it was there, nobody asked for it to go, and it is gone, or the record of it is
    WRONG = "wrong"  # what Styx says or does is not right, and neither of the above


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that must not be."""

    harm: Harm
    what: str

    def __str__(self) -> str:
        return f"{self.harm}: {self.what}"


@dataclass(frozen=True, slots=True)
class Book:
    """What is on record. ``shown`` are the ids that `styx status --orphans` lists."""

    clusters: Sequence[ClusterRecord] = ()
    nodes: Mapping[str, Sequence[NodeRecord]] = field(default_factory=dict)
    attempts: Sequence[AttemptRecord] = ()
    shown: frozenset[str] = frozenset()

    def cluster(self, name: str) -> ClusterRecord | None:
        """The record of that name."""
        return next((record for record in self.clusters if record.name == name), None)

    def stands_for(self, thing: Thing) -> list[AttemptRecord]:
        """The attempts by which Styx knows of the thing and will deal with it."""
        return [a for a in self.attempts if a.state is not AttemptState.CLOSED and _is_of(thing, a)]


@dataclass(frozen=True, slots=True)
class Keep:
    """Ids that must outlive a point: of our cluster before the operation, of the bystander, of another installation."""

    mine: frozenset[str] = frozenset()
    bystander: frozenset[str] = frozenset()
    neighbour: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Truth:
    """What the provider has, and what it took away of its own accord."""

    things: Sequence[Thing] = ()
    taken: frozenset[str] = frozenset()

    def missing(self, ids: Collection[str]) -> list[str]:
        """Those that are gone though the provider did not take them."""
        return sorted(set(ids) - {thing.id for thing in self.things} - self.taken)


def leaks(book: Book, truth: Truth, keep: Keep) -> list[Flaw]:
    """What bills though nothing on record stands for it and nobody is shown it."""
    found = []
    for thing in _billing(truth, keep):
        if thing.id in book.shown:
            continue
        if not book.stands_for(thing):
            found.append(Flaw(Harm.LEAKED, f"{_named(thing)} bills, and nothing on record stands for it"))
        elif (record := _settled_without(book, thing)) is not None:
            found.append(
                Flaw(Harm.LEAKED, f"{_named(thing)} bills, and is none of the {record.num_nodes} of {record.name}")
            )
    return found


def left_over(truth: Truth, keep: Keep, shown: Collection[str]) -> list[Flaw]:
    """What bills after everything of ours was removed and given time to go; what is shown as a stranger may."""
    return [
        Flaw(Harm.LEAKED, f"{_named(thing)} bills after everything was removed")
        for thing in _billing(truth, keep)
        if thing.id not in keep.bystander and thing.id not in shown
    ]


def losses(book: Book, truth: Truth, kept: Iterable[tuple[str, Collection[str]]]) -> list[Flaw]:
    """What is gone that should be there. ``kept`` names groups of ids that must be."""
    found = []
    for whose, ids in kept:
        found += [Flaw(Harm.LOST, f"{id_} of {whose} is gone") for id_ in truth.missing(ids)]
    names = {slug(record.name) for record in book.clusters}
    for thing in truth.things:
        for attempt in book.stands_for(thing):
            if attempt.state is not AttemptState.TOMBSTONE and slug(attempt.cluster) not in names:
                found.append(Flaw(Harm.LOST, f"the record of {attempt.cluster} is gone, and {_named(thing)} is there"))
    for record in book.clusters:
        if record.state is ClusterState.UP:
            found += _not_up(book, truth, record)
    return found


def untruths(book: Book, truth: Truth) -> list[Flaw]:
    """What a status that has just been looked up says wrongly."""
    found = []
    for record in book.clusters:
        mine = {node.node_id for node in book.nodes.get(record.name, ())}
        running = sorted(thing.id for thing in truth.things if thing.id in mine and thing.runs)
        if record.state is ClusterState.STOPPED and running:
            found.append(Flaw(Harm.WRONG, f"{record.name} is said to be stopped, and {', '.join(running)} run"))
        if record.state is ClusterState.LOST and running:
            found.append(Flaw(Harm.WRONG, f"{record.name} is said to be lost, and {', '.join(running)} run"))
        if record.operation is not None:
            found.append(Flaw(Harm.WRONG, f"{record.name} is still held for {record.operation.kind}"))
    return found


def unfinished(book: Book) -> list[Flaw]:
    """Attempts that nobody is done with though everything was removed and given time to go."""
    names = {record.name for record in book.clusters}
    return [
        Flaw(Harm.WRONG, f"attempt {a.owner.name} of {a.cluster} is still {a.state}")
        for a in book.attempts
        if a.state is not AttemptState.CLOSED and a.cluster not in names
    ]


def _billing(truth: Truth, keep: Keep) -> list[Thing]:
    return [thing for thing in truth.things if thing.bills and thing.id not in keep.neighbour]


def _is_of(thing: Thing, attempt: AttemptRecord) -> bool:
    receipt = attempt.receipt
    return thing.owner == attempt.owner or (receipt is not None and thing.id in receipt.node_ids.values())


def _settled_without(book: Book, thing: Thing) -> ClusterRecord | None:
    """The cluster that is up with all its nodes, of which this is not one though it was made for it."""
    if any(a.state is not AttemptState.SETTLED for a in book.stands_for(thing)):
        return None
    for attempt in book.stands_for(thing):
        record = book.cluster(attempt.cluster)
        if record is not None and record.state is ClusterState.UP:
            ids = {node.node_id for node in book.nodes.get(record.name, ())}
            if len(ids) == record.num_nodes and thing.runs and thing.id not in ids:
                return record
    return None


def _not_up(book: Book, truth: Truth, record: ClusterRecord) -> list[Flaw]:
    ids = {node.node_id for node in book.nodes.get(record.name, ())} - truth.taken
    running = {thing.id for thing in truth.things if thing.runs}
    missing = sorted(ids - running)
    if missing:
        return [Flaw(Harm.LOST, f"{record.name} is said to be up, and {', '.join(missing)} is not running")]
    if not truth.taken and len(ids) != record.num_nodes:
        return [Flaw(Harm.WRONG, f"{record.name} is said to be up with {len(ids)} of {record.num_nodes} nodes")]
    return []


def _named(thing: Thing) -> str:
    owner: Owner | None = thing.owner
    return f"{thing.id} ({owner.name})" if owner is not None else thing.id
