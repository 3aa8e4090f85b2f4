"""The papers of one attempt: every intent that was committed for it, and what the provider answered.

Usually that is one launch, and the starts since. Where a launch's answer was lost and nothing says that it may be sent
again, the ranks that did not come of it are asked for once more under the same owner, and that is another intent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from styx.api.launch import Prepared, Receipt
from styx.api.names import Owner
from styx.api.nodes import Leftover, Node, Observation
from styx.api.offers import Scope
from styx.store.records import AttemptRecord, AttemptState, ClusterRecord

RECOVERED = "recovered"  # the kind of an intent that was written down afterwards, from what was seen


@dataclass(frozen=True, slots=True)
class Papers:
    """Intents of one owner in one place, oldest first; there is at least one."""

    intents: tuple[AttemptRecord, ...]

    @property
    def newest(self) -> AttemptRecord:
        """The intent that was committed last."""
        return self.intents[-1]

    @property
    def owner(self) -> Owner:
        """Whose all of it is."""
        return self.newest.owner

    @property
    def scope(self) -> Scope:
        """Where all of it is."""
        return self.newest.prepared.scope

    @property
    def ranks(self) -> tuple[int, ...]:
        """Every rank that was ever asked for, sorted."""
        return tuple(sorted({rank for intent in self.intents for rank in intent.prepared.ranks}))

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        """What the provider answered."""
        return tuple(intent.receipt for intent in self.intents if intent.receipt is not None)

    @property
    def node_ids(self) -> Mapping[str, int]:
        """The rank of every node that a receipt names, by the node's id."""
        return {id_: rank for receipt in self.receipts for rank, id_ in receipt.node_ids.items()}

    @property
    def open(self) -> tuple[AttemptRecord, ...]:
        """The intents of which it is not known yet what came of them."""
        return tuple(intent for intent in self.intents if intent.state is AttemptState.OPEN)

    @property
    def given_up(self) -> bool:
        """Whether what is there of it should not be."""
        return any(intent.state is AttemptState.TOMBSTONE for intent in self.intents)

    @property
    def recovered(self) -> bool:
        """Whether what was asked for is not known, only what was seen: there may be more of it, and none too many."""
        return any(intent.kind == RECOVERED for intent in self.intents)

    @property
    def last_call(self) -> datetime | None:
        """When the provider may have been called last; None when it certainly never was."""
        return max((intent.called_at for intent in self.intents if intent.called_at is not None), default=None)

    @property
    def unanswered(self) -> tuple[AttemptRecord, ...]:
        """The launches that may have been asked for, and of which neither an answer nor an error is on record."""
        asked = (intent for intent in self.intents if intent.kind == "launch" and intent.called_at is not None)
        return tuple(intent for intent in asked if intent.receipt is None and intent.error is None)

    def unaccepted(self) -> tuple[int, ...]:
        """Ranks that an answered launch asked for and its receipt does not name: the provider did not take them."""
        missing: set[int] = set()
        for intent in self.intents:
            if intent.kind == "launch" and intent.receipt is not None:
                missing |= set(intent.prepared.ranks) - set(intent.receipt.node_ids)
        return tuple(sorted(missing - set(self.node_ids.values())))

    def having(self, intent: AttemptRecord) -> Papers:
        """These papers with the intent as it is now, or with it added."""
        if any(each.token == intent.token for each in self.intents):
            return replace(self, intents=tuple(intent if e.token == intent.token else e for e in self.intents))
        return replace(self, intents=(*self.intents, intent))

    def mine(self, seen: Observation) -> list[Node]:
        """The nodes of this attempt: those with its name, and those without any that a receipt of it names."""
        ids = self.node_ids
        return [n for n in seen.nodes if n.owner == self.owner or (n.owner is None and n.id in ids)]

    def rest(self, seen: Observation) -> list[Leftover]:
        """What the nodes of this attempt have left behind."""
        return [leftover for leftover in seen.leftovers if leftover.owner == self.owner]


def recovered(
    cloud: str,
    account: str,
    identity: str,
    scope: Scope,
    owner: Owner,
    ids: Mapping[int, str],
    state: AttemptState,
    now: datetime,
) -> AttemptRecord:
    """What stands on record for machines found without papers; no intent, for nothing of it is ever asked for again."""
    prepared = Prepared(owner, scope, tuple(ids), payload="", token=f"recovered-{owner.name}")
    return AttemptRecord(
        token=prepared.token,
        cluster=owner.cluster,
        kind=RECOVERED,
        cloud=cloud,
        account=account,
        identity=identity,
        owner=owner,
        prepared=prepared,
        state=state,
        created_at=now,
        receipt=Receipt(prepared.token, ids),
    )


def is_of(attempt: AttemptRecord, cluster: ClusterRecord) -> bool:
    """Whether an attempt of this name is this cluster's, and not one's that was forgotten.

    The present one is by its id: when the machines of a cluster that was taken up were made is the provider's word.
    """
    return attempt.owner.attempt == cluster.attempt or attempt.created_at >= cluster.created_at


def papers_of(attempts: Iterable[AttemptRecord]) -> list[Papers]:
    """One for each owner and place among these records."""
    groups: dict[tuple[Owner, Scope], list[AttemptRecord]] = {}
    for attempt in attempts:
        groups.setdefault((attempt.owner, attempt.prepared.scope), []).append(attempt)
    return [Papers(tuple(group)) for group in groups.values()]
