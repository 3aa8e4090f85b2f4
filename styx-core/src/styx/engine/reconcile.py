"""Making the record say what is there, after an interruption or when the cluster may have stopped itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial

from styx.api.cloud import SupportsDiscard
from styx.api.errors import (
    BadInput,
    ClusterBusy,
    ClusterNotFound,
    ClusterNotUp,
    PluginError,
    ProviderError,
    WrongAccount,
)
from styx.api.offers import Scope
from styx.engine import buckets, costs
from styx.engine.account import ABSENCE_SECONDS
from styx.engine.advice import what_next
from styx.engine.clouds import CloudAccount
from styx.engine.context import Context, quietly
from styx.engine.judge import Verdict, judge
from styx.engine.observe import Sight, record_of, sight
from styx.engine.operation import LOOK, operation
from styx.engine.papers import Papers, papers_of, recovered
from styx.engine.removal import remove
from styx.engine.waiting import Wait
from styx.store.records import AttemptRecord, AttemptState, ClusterRecord
from styx.store.states import ClusterState


async def reconcile(context: Context, name: str) -> ClusterRecord | None:
    """Look at a cluster and record what is there; None when it is gone. Leaves one that somebody works on alone.

    Whoever asks while it is looked at shares the next look, and who waits to work on it comes first.
    """
    return await context.looks.find(("cluster", name), partial(_reconcile, context, name))


async def _reconcile(context: Context, name: str) -> ClusterRecord | None:
    if name in context.wanted:
        return context.store.clusters.get(name)
    try:
        async with operation(context, name, LOOK) as cluster:
            return record_verdict(context, cluster, await look(context, cluster))
    except ClusterBusy:
        return context.store.clusters.get(name)
    except ClusterNotFound:
        return None


async def look(context: Context, cluster: ClusterRecord) -> Verdict:
    """Observe the cluster's present attempt and judge. What cannot be asked is UNKNOWN, with the reason."""
    papers = current(context, cluster)
    if papers is None:  # nothing was ever asked for
        return judge(cluster, Sight())
    try:
        found = await see(context, papers)
    except (ProviderError, PluginError, BadInput) as error:  # also a plugin that is gone or no longer allowed
        hint = await _renamed(context, cluster) or what_next(cluster, ClusterState.UNKNOWN)
        return Verdict(ClusterState.UNKNOWN, error.message, hint)
    if found.nodes:
        now = context.clock.now()
        seen = {node.rank or 0: record_of(cluster.name, node, now) for node in found.nodes}
        before = {record.rank: record for record in context.store.nodes.of(cluster.name)}
        unseen = {} if found.proves_absence else before  # with the host keys they have
        context.store.nodes.replace(cluster.name, list({**unseen, **seen}.values()), holder=context.holder)
        if papers.recovered and seen.keys() - (before.keys() or set(papers.node_ids.values())):
            cluster = _grown(context, cluster, found)
        costs.note(context, cluster.name, found.nodes, found.surplus)
    elif found.proves_absence and _was_partly_left(context, cluster):
        context.store.nodes.replace(cluster.name, [], holder=context.holder)
    return replace(judge(cluster, found), intents=papers.intents)


def _was_partly_left(context: Context, cluster: ClusterRecord) -> bool:
    """Whether some nodes of a cluster that was taken back were still there when it was looked at last."""
    return cluster.state is ClusterState.PREEMPTED and len(context.store.nodes.of(cluster.name)) < cluster.num_nodes


async def _renamed(context: Context, cluster: ClusterRecord) -> str:
    """What to do where the settings know the account of a cluster under another name now; empty where they do not."""
    name = await _name_now(context, cluster)
    if name == cluster.account:
        return ""
    return f"That account is called {name!r} now: call it {cluster.account!r} again in config.yaml."


async def _name_now(context: Context, record: ClusterRecord | AttemptRecord) -> str:
    """What the settings call the account of this record: as it is on record, but where they do not know that name."""
    names = context.clouds.accounts(record.cloud)
    for name in names if record.account not in names else ():
        with suppress(ProviderError, PluginError, BadInput):
            if (await context.clouds.get(record.cloud, name).identity()).account == record.identity:
                return name
    return record.account


def _grown(context: Context, cluster: ClusterRecord, found: Sight) -> ClusterRecord:
    """The record of a cluster that was taken up when not all of it could be seen."""
    return context.store.clusters.update(
        cluster.name,
        holder=context.holder,
        num_nodes=max(cluster.num_nodes, *(1 + (node.rank or 0) for node in found.nodes)),
        hourly_cost=costs.total(found.nodes),
    )


def current(context: Context, cluster: ClusterRecord) -> Papers | None:
    """The papers of the attempt behind the present nodes of a cluster we hold; None when nothing was ever asked for.

    Where taking the cluster up was cut short before there were any, they are written now.
    """
    mine = [a for a in context.store.attempts.of(cluster.name) if a.owner.attempt == cluster.attempt]
    if not mine and cluster.attempt:
        mine = [write_papers(context, cluster, {})]
    return Papers(tuple(mine)) if mine else None


def write_papers(context: Context, cluster: ClusterRecord, ids: Mapping[int, str]) -> AttemptRecord:
    """Put on record what stands for the machines of a cluster that is taken up: those with these ids, if not more."""
    place = cluster.cloud, cluster.account, cluster.identity, Scope(cluster.scope), context.owner(cluster)
    papers = recovered(*place, ids, AttemptState.SETTLED, context.store.now())
    context.store.attempts.add(papers, holder=context.holder)
    return papers


async def see(context: Context, papers: Papers) -> Sight:
    """What there is of this attempt. Raises WrongAccount with other credentials than those it was made with."""
    newest = papers.newest
    account = context.clouds.get(newest.cloud, newest.account)
    await account.require_identity(newest.identity)
    seen = await context.lookout(account).look(papers.scope, [papers.owner])
    settled = Wait(context).settled(papers, account.cloud)
    records = context.store.nodes.of(newest.cluster)
    kept = {node.node_id for node in records}
    noticed = [node.node_id for node in records if node.noticed_at is not None]
    found = sight(seen, papers, settled=settled, kept=kept, noticed=noticed)
    if not found.nodes and found.proves_absence:  # to somebody else nothing of it would ever show
        await account.require_identity(newest.identity, known_for=ABSENCE_SECONDS)
    in_use = len(found.nodes) == len(papers.ranks) and {node.id for node in found.nodes} <= kept
    if in_use and not papers.given_up:
        return await _tidied(context, account, papers, found)
    return found


async def _tidied(context: Context, account: CloudAccount, papers: Papers, found: Sight) -> Sight:
    """Give back machines too many that came late; and once none can come any more, be done with what is still open.

    Best effort: the next look tries again. What another client uses by now is not ours to give back.
    """
    surplus = () if papers.recovered else found.surplus  # of what was taken up nobody knows how many there should be
    with suppress(ProviderError, PluginError, ClusterBusy):
        if surplus and isinstance(account.cloud, SupportsDiscard):
            context.require_hold(papers.newest.cluster)
            ids = [node.id for node in surplus]
            await account.call(account.cloud.discard, papers.scope, papers.owner, ids)
            return replace(found, surplus=())
        if found.proves_absence and not surplus:
            for intent in papers.open:
                if intent.kind == "launch":
                    context.settle(intent, AttemptState.SETTLED)
    return found


async def refuse_strangers(context: Context, cluster: ClusterRecord) -> None:
    """Raise WrongAccount when the credentials are known to be others than those the cluster was made with.

    Who cannot be asked is no stranger: what comes next will find that out, and say so.
    """
    if not cluster.identity:
        return
    try:
        await context.clouds.get(cluster.cloud, cluster.account).require_identity(cluster.identity)
    except WrongAccount:
        raise
    except (ProviderError, PluginError, BadInput):
        return


def record_verdict(context: Context, cluster: ClusterRecord, verdict: Verdict) -> ClusterRecord | None:
    """Write the verdict down, if it says anything new."""
    if verdict.state is None and not _close(context, verdict.intents):
        hint = what_next(cluster, ClusterState.UNKNOWN)
        verdict = Verdict(ClusterState.UNKNOWN, "a call has come back only now: it may have made more", hint)
    if verdict.state is None:
        context.give_up(cluster.name)  # the others were not looked at
        context.tell(context.store.clusters.remove(cluster.name, verdict.reason, holder=context.holder))
        return None
    explained = {"code": ClusterNotUp.code, "message": verdict.reason, "hint": verdict.hint}
    error = None if verdict.state in (ClusterState.UP, ClusterState.STOPPED) else explained
    if verdict.state is cluster.state:
        if _says_more(cluster, error):
            return context.store.clusters.update(cluster.name, holder=context.holder, error=error)
        return context.store.clusters.get(cluster.name)
    return context.move(cluster.name, verdict.state, verdict.reason, error=error)


def _says_more(cluster: ClusterRecord, error: Mapping[str, str] | None) -> bool:
    """Whether a look at a cluster in the state on record has something new: why it is unseen, or what to do."""
    before = cluster.error or {}
    if cluster.state is ClusterState.UNKNOWN:
        return error != cluster.error
    new = error is not None and error["hint"] != before.get("hint")
    if cluster.state is ClusterState.PREEMPTED:  # the provider's words are kept after it has forgotten them
        return new
    of_a_look = before.get("code") in (None, ClusterNotUp.code)  # what a launch or a start has failed of is kept
    return new and of_a_look and cluster.state in (ClusterState.FAILED, ClusterState.LOST)


def _close(context: Context, intents: Iterable[AttemptRecord]) -> bool:
    """Close what was seen to be gone; whether all of it is as it was when it was looked for."""
    return all(context.store.attempts.close(intent, holder=context.holder) for intent in intents)


async def sweep(context: Context) -> None:
    """Remove what has turned up of attempts that were given up and that no cluster on record stands for any more.

    And buckets whose clusters have gone without them.

    Best effort: what cannot be asked or does not go at once stays a tombstone, for the next time.
    """
    for papers in papers_of(context.store.attempts.tombstones()):
        newest = papers.newest
        cluster = context.store.clusters.get(newest.cluster)
        if cluster is not None and cluster.attempt in ("", papers.owner.attempt):
            continue  # whoever works on the cluster next removes it
        with suppress(ProviderError, PluginError, BadInput):
            account = context.clouds.get(newest.cloud, await _name_now(context, newest))
            await remove(context, account, [papers], quietly, patience=0.0)
    await buckets.sweep(context)
