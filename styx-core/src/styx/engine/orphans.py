"""What is there of this installation, and bills, though no cluster on record stands for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from styx.api.errors import StyxError
from styx.api.names import Owner
from styx.api.nodes import Billing, Leftover, Node, NodeState, Observation
from styx.api.offers import Scope
from styx.engine import answers, costs
from styx.engine.clouds import CloudAccount
from styx.engine.context import Context
from styx.engine.observe import sight
from styx.engine.papers import Papers, papers_of
from styx.optimizer.rank import label
from styx.store.records import AttemptRecord, AttemptState

CLOCKS_DIFFER = timedelta(minutes=5)  # at most, the provider's and ours


@dataclass(frozen=True, slots=True)
class Orphan:
    """All there is of one attempt in one place; or, without an owner, one thing of which nobody can tell whose it is.

    ``given_up`` is what Styx knows of and will remove at the next look: a launch that failed, a forgotten cluster.
    ``cluster`` is the one on record that it belongs to after all: its owner's, which has these machines too many; or
    that of an unfinished launch, which a machine without an owner may have come of.
    """

    cloud: str
    account: str
    identity: str
    scope: Scope
    owner: Owner | None
    nodes: tuple[Node, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    given_up: bool = False
    cluster: str = ""

    @property
    def name(self) -> str:
        """What it is called by: the cluster it belonged to, or the provider's id of the thing."""
        if self.owner is not None:
            return self.owner.cluster
        return self.nodes[0].id if self.nodes else self.leftovers[0].id

    @property
    def infra(self) -> str:
        """Where it is: cloud and region as far as its machines tell, else what was looked at in one go."""
        regions = sorted({node.region for node in self.nodes} - {""})
        return f"{self.cloud}/{', '.join(regions) or self.scope.name}"

    @property
    def place(self) -> tuple[str, str, Scope]:
        """Where it is, as attempts have it."""
        return self.cloud, self.identity, self.scope

    @property
    def key(self) -> object:
        """What it is, whichever of our names the account was looked at under."""
        things = frozenset([*(node.id for node in self.nodes), *(rest.id for rest in self.leftovers)])
        return *self.place, self.owner, things

    @property
    def hourly_cost(self) -> Decimal | None:
        """USD per hour for all of it; None when the price of any part is unknown."""
        return costs.total((*self.nodes, *self.leftovers))


@dataclass(frozen=True, slots=True)
class Search:
    """What was found, dearest first, and what could not be looked at: ``unseen`` has a sentence for each place."""

    orphans: tuple[Orphan, ...]
    unseen: tuple[str, ...] = ()


async def find_orphans(context: Context) -> Search:
    """Look at every place of every account that can be used. Changes nothing that is not a tombstone's."""
    before = context.store.attempts.unclosed()  # what goes while we look is no orphan, nor is what comes
    unseen: list[str] = []
    accounts = list(_accounts(context, unseen))
    sweeps = await asyncio.gather(*(_look_everywhere(context, account, unseen) for account in accounts))
    after = context.store.attempts.unclosed()
    unseen.extend(_out_of_sight(after, sweeps, unseen))
    known = list({attempt.token: attempt for attempt in (*before, *after)}.values())
    # Accounts of one identity may be two names of it, or see different places of it.
    once: dict[object, Orphan] = {}
    for sweep in sweeps:
        for orphan in _sort_out(context, sweep, known):
            once.setdefault(orphan.key, orphan)
    found = list(once.values())
    found.sort(key=lambda orphan: (-(orphan.hourly_cost or 0), orphan.cloud, orphan.scope, orphan.name))
    return Search(tuple(found), tuple(unseen))


def _accounts(context: Context, unseen: list[str]) -> Iterator[CloudAccount]:
    for cloud in context.clouds.names():
        for name in context.clouds.accounts(cloud):
            try:
                yield context.clouds.get(cloud, name)
            except StyxError as error:
                unseen.append(f"{label(cloud, name)}: {error.message}")


@dataclass(frozen=True, slots=True)
class _Sweep:
    """Everything that one account showed."""

    account: CloudAccount
    identity: str
    seen: Sequence[Observation]


async def _look_everywhere(context: Context, account: CloudAccount, unseen: list[str]) -> _Sweep:
    name, lookout = account.label, context.lookout(account)

    def scopes() -> list[Scope]:
        return answers.scopes(account.cloud.scopes())

    try:
        found = await account.call(scopes)
        identity = (await account.identity()).account if found else ""  # else it is not even set up
    except StyxError as error:
        unseen.append(f"{name}: {error.message}")
        return _Sweep(account, "", ())
    looks = await asyncio.gather(*(lookout.look(scope, None) for scope in found), return_exceptions=True)
    seen: list[Observation] = []
    for scope, answer in zip(found, looks, strict=True):
        if isinstance(answer, StyxError):
            unseen.append(f"{name}/{scope.name}: {answer.message}")
        elif isinstance(answer, BaseException):
            raise answer
        else:
            seen.append(answer)
            unseen.extend(f"{name}/{scope.name}: {what}" for what in answer.unreachable)
    return _Sweep(account, identity, seen)


def _out_of_sight(known: Sequence[AttemptRecord], sweeps: Sequence[_Sweep], said: Sequence[str]) -> Iterable[str]:
    """A sentence for each place where something on record may be and that nobody has looked at, nor said why not."""
    looked = {(sweep.account.cloud.name, sweep.identity, seen.scope) for sweep in sweeps for seen in sweep.seen}
    for papers in papers_of(known):
        newest = papers.newest
        name = label(newest.cloud, newest.account)
        told = any(each.startswith((f"{name}:", f"{name}/{papers.scope.name}:")) for each in said)
        if newest.place not in looked and not told:
            yield f"{name}/{papers.scope.name}: something of {newest.cluster} may be there"


def _sort_out(context: Context, sweep: _Sweep, known: Sequence[AttemptRecord]) -> Iterable[Orphan]:
    """What of it no attempt on record stands for, what of it was given up, and what a cluster has too many."""
    cloud = sweep.account.cloud.name
    for seen in sweep.seen:
        where = cloud, sweep.account.account, sweep.identity, seen.scope
        # What is on record as another's is not this: it may be there as well, and an id is the account's own.
        papers = {p.owner: p for p in papers_of(known) if p.newest.place == (cloud, sweep.identity, seen.scope)}
        ids = {id_: p.owner for p in papers.values() for id_ in p.node_ids}
        parts: dict[Owner | str, tuple[list[Node], list[Leftover]]] = {}
        for node in seen.nodes:
            if node.state is NodeState.TERMINATING and node.billing is Billing.NONE:
                continue  # some providers list what is gone for an hour
            parts.setdefault(node.owner or ids.get(node.id) or node.id, ([], []))[0].append(node)
        for leftover in seen.leftovers:
            parts.setdefault(leftover.owner or leftover.id, ([], []))[1].append(leftover)
        for owner, (nodes, leftovers) in parts.items():
            its = papers.get(owner) if isinstance(owner, Owner) else None
            if not isinstance(owner, Owner):
                orphan = Orphan(*where, None, tuple(nodes), tuple(leftovers))
                yield replace(orphan, cluster=may_be_of(known, orphan))
            elif its is None or its.given_up:
                yield Orphan(*where, owner, tuple(nodes), tuple(leftovers), given_up=its is not None)
            elif surplus := too_many(context, seen, its):
                yield Orphan(*where, owner, surplus, cluster=its.newest.cluster)


def too_many(context: Context, seen: Observation, papers: Papers) -> tuple[Node, ...]:
    """The machines that a cluster in use has besides its own: a lost answer, or one that came late, has made them."""
    kept = context.kept(papers.newest.cluster)
    return sight(seen, papers, kept=kept).surplus if kept else ()


def may_be_of(known: Iterable[AttemptRecord], orphan: Orphan) -> str:
    """The cluster of an unfinished launch that a machine without an owner may have come of; empty where none may.

    Its receipt, which alone tells, is stored a moment after the machine was made, or never.
    """
    for intent in known:
        asked = (
            intent.place == orphan.place
            and intent.state is AttemptState.OPEN
            and intent.kind == "launch"
            and intent.called_at is not None
        )
        named = intent.receipt is not None and set(intent.prepared.ranks) <= set(intent.receipt.node_ids)
        if asked and not named and any(_born_after(node, intent.created_at) for node in orphan.nodes):
            return intent.cluster
    return ""


def _born_after(node: Node, moment: datetime) -> bool:
    return node.created_at is None or node.created_at >= moment - CLOCKS_DIFFER
