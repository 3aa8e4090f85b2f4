"""Taking up what no record stands for: as a cluster again, or to remove it. Both only when the user said so."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

from styx.api.errors import ClusterBusy, StyxError
from styx.api.names import Owner, new_attempt_id
from styx.api.nodes import Node, NodeState
from styx.api.offers import Offer, OfferQuery
from styx.engine.answers import offers as checked_offers
from styx.engine.clouds import CloudAccount
from styx.engine.codec import offer_in_words, offer_to_data
from styx.engine.context import Context, Progress
from styx.engine.operation import LEASE_SECONDS, renewing
from styx.engine.orphans import Orphan, may_be_of
from styx.engine.papers import Papers, papers_of, recovered
from styx.engine.reconcile import look, record_verdict, write_papers
from styx.engine.removal import remove
from styx.store.records import AttemptRecord, AttemptState, ClusterRecord, Operation
from styx.store.states import ClusterState

STRANGER = "stranger"


async def adopt(context: Context, orphan: Orphan) -> ClusterRecord:
    """Put an orphan on record as a cluster of the name it was made under. Idempotent.

    What the provider cannot tell stays unknown: the task, autostop (the nodes go on minding theirs), and the machine's
    size where its type is not on sale any more. Raises ClusterBusy when another cluster has the name.
    """
    owner = orphan.owner
    if owner is None or not orphan.nodes:
        raise StyxError(f"{orphan.name} is no cluster", hint="`styx recover --down` removes what can be removed.")
    if any(each.given_up for each in _on_record(context.store.attempts.unclosed(), orphan)):
        raise StyxError(
            f"{orphan.name} was given up and is being removed", hint="Every look at its place removes what is left."
        )
    account = context.clouds.get(orphan.cloud, orphan.account)
    await account.require_identity(orphan.identity)
    present = context.store.clusters.get(owner.cluster)
    if present is None:
        present = context.store.clusters.create(await _record(context, account, orphan, owner))
    elif (present.attempt, present.identity) != (owner.attempt, orphan.identity):
        raise ClusterBusy(
            f"there is another cluster {owner.cluster!r} on record",
            hint=f"Remove that one first, or this with `styx recover --down {owner.cluster}`.",
            cluster=owner.cluster,
        )
    else:  # the last time was cut short
        present = context.store.clusters.acquire(owner.cluster, "recover", context.holder, LEASE_SECONDS)
    async with renewing(context, present.name):
        write_papers(context, present, _ranks(orphan))
        found = record_verdict(context, present, await look(context, present))
        return found or present


async def discard(context: Context, orphan: Orphan, progress: Progress) -> None:
    """Remove all of an orphan, until it is seen to be gone. Raises what a removal does.

    Raises ClusterBusy when it is on record by now, or may be about to come there: somebody took it up, or launches it.
    """
    if orphan.owner is None and not orphan.nodes:
        raise StyxError(
            f"nobody can tell whose the {orphan.leftovers[0].kind} {orphan.name} is: Styx does not remove it",
            hint=f"Remove it with the tools of {orphan.cloud}, once you know.",
        )
    account = context.clouds.get(orphan.cloud, orphan.account)
    await account.require_identity(orphan.identity)
    unclosed = context.store.attempts.unclosed()  # once: a launch may end between two reads
    known = _on_record(unclosed, orphan)
    for papers in known:
        if not papers.given_up:
            name = papers.newest.cluster
            raise ClusterBusy(
                f"{orphan.name} has been on record as cluster {name!r} since it was found: nothing was removed",
                hint=f"`styx down {name}` removes the cluster.",
                cluster=name,
            )
    if not known and orphan.owner is None and (cluster := may_be_of(unclosed, orphan)):
        raise ClusterBusy(
            f"{orphan.name} may have come of the launch of cluster {cluster!r}, which is not over: nothing was removed",
            hint=f"Wait for that launch, or end it with `styx down {cluster}`; then look again.",
            cluster=cluster,
        )
    if known:
        owner = known[0].owner
    else:
        owner = orphan.owner or Owner(context.store.installation, STRANGER, new_attempt_id())
        place = orphan.cloud, orphan.account, orphan.identity, orphan.scope, owner
        context.store.attempts.add(recovered(*place, _ranks(orphan), AttemptState.TOMBSTONE, context.store.now()))
    mine = [each for each in context.store.attempts.unclosed() if each.owner == owner]
    await remove(context, account, papers_of(mine), progress)


def _on_record(unclosed: Sequence[AttemptRecord], orphan: Orphan) -> list[Papers]:
    """What stands for it, or for a part of it, by now."""
    ids = {node.id for node in orphan.nodes}
    return [
        papers
        for papers in papers_of(unclosed)
        if papers.owner == orphan.owner
        or (orphan.owner is None and papers.newest.place == orphan.place and not ids.isdisjoint(papers.node_ids))
    ]


def _ranks(orphan: Orphan) -> dict[int, str]:
    """A node for each rank: as the provider has it, else in the order of their ids."""
    ids: dict[int, str] = {}
    for node in sorted(orphan.nodes, key=lambda node: node.id):
        rank = node.rank if node.rank is not None and node.rank not in ids else _free(ids)
        ids[rank] = node.id
    return dict(sorted(ids.items()))


def _free(ids: dict[int, str]) -> int:
    return next(rank for rank in range(len(ids) + 1) if rank not in ids)


async def _record(context: Context, account: CloudAccount, orphan: Orphan, owner: Owner) -> ClusterRecord:
    offer = await _offer(account, orphan)
    now = context.store.now()  # not earlier: the claim begins with it
    born = min((node.created_at for node in orphan.nodes if node.created_at is not None), default=now)
    asleep = all(node.state is NodeState.STOPPED for node in orphan.nodes)  # nobody can tell since when
    return ClusterRecord(
        name=owner.cluster,
        slug=owner.cluster,
        state=ClusterState.UNKNOWN,
        created_at=born,
        updated_at=now,
        num_nodes=max(_ranks(orphan)) + 1,
        cloud=orphan.cloud,
        account=orphan.account,
        identity=orphan.identity,
        scope=orphan.scope.name,
        region=offer.region,
        zone=offer.zone or "",
        instance_type=offer.instance_type,
        resources=offer_in_words(offer),
        offer=offer_to_data(offer),
        hourly_cost=orphan.hourly_cost,
        backend=context.backend.name,
        attempt=owner.attempt,
        user=context.user,
        launched_at=now if asleep else born,
        operation=Operation("recover", context.holder, now + timedelta(seconds=LEASE_SECONDS)),
    )


async def _offer(account: CloudAccount, orphan: Orphan) -> Offer:
    """What the machines were bought as, where it is still sold; else all that is known of them."""
    cloud, node = account.cloud, orphan.nodes[0]
    sold: list[Offer] = []
    if node.instance_type:
        with suppress(StyxError):
            query = OfferQuery(instance_type=node.instance_type, named=True)
            sold = await account.call(lambda: checked_offers(cloud.offers(query), cloud.name))
    alike = [offer for offer in sold if offer.scope == orphan.scope and _may_be(node, offer)]
    offer = _in_common(alike) if alike else Offer(cloud.name, orphan.scope, node.instance_type, vcpus=0, memory_gib=0)
    return replace(offer, region=node.region or offer.region, zone=node.zone or offer.zone)


def _may_be(node: Node, offer: Offer) -> bool:
    """Whether it is of this type, and where this is sold, as far as it tells."""
    here = node.region in {"", offer.region} and (None in {node.zone, offer.zone} or node.zone == offer.zone)
    return here and offer.instance_type == node.instance_type


def _in_common(offers: Sequence[Offer]) -> Offer:
    """What is sold in several places, of which nobody tells which it is: without what is not the same in all."""
    first = offers[0]
    unknown: dict[str, Any] = {"region": "", "zone": None, "hourly_price": None, "spot_hourly_price": None}
    differs = [name for name in unknown if any(getattr(one, name) != getattr(first, name) for one in offers)]
    return replace(first, **{name: unknown[name] for name in differs})
