"""From an offer to running nodes, or to the truth about why not. Nothing here may lose a machine.

An attempt is one intent for one offer. Its life: committed, called, answered (the receipt), observed until every rank
runs, settled. Killed at any point, it can be driven on from what is stored; given up, it leaves a tombstone until a
complete observation shows that nothing of it is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NoReturn

from styx.api.cloud import Idempotency
from styx.api.errors import ClusterBusy, InsufficientCapacity, OutcomeUnknown, PluginError, ProviderError, StyxError
from styx.api.launch import Prepared, Receipt
from styx.api.names import Owner
from styx.api.nodes import LaunchState, Node, NodeState, Observation
from styx.api.offers import Scope
from styx.engine import answers
from styx.engine.clouds import CloudAccount
from styx.engine.context import Context, Progress
from styx.engine.observe import Sight, sight
from styx.store.records import AttemptRecord, AttemptState
from styx.store.states import ClusterState
from styx.words import count

POLL_FIRST, POLL_MOST = 0.02, 5.0  # seconds between observations: quick at first, for clouds that are
REMOVAL_DEADLINE = 900.0
UNSEEN_DEADLINE = 60.0  # how long a removal goes on when part of the place cannot be looked at
ASKED_AT_MOST = 3  # times in one go, where asking again makes nothing twice


async def commit_intent(
    context: Context, account: CloudAccount, cluster: str, kind: str, prepared: Prepared
) -> AttemptRecord:
    """Store what is about to be asked for. After this, whatever the provider makes can be found again."""
    identity = await account.identity()
    attempt = AttemptRecord(
        token=prepared.token,
        cluster=cluster,
        kind=kind,
        cloud=account.cloud.name,
        account=account.account,
        identity=identity.account,
        owner=prepared.owner,
        prepared=prepared,
        state=AttemptState.OPEN,
        created_at=context.clock.now(),
    )
    context.store.attempts.add(attempt)
    return attempt


async def drive(
    context: Context, account: CloudAccount, attempt: AttemptRecord, progress: Progress, *, keep: bool = False
) -> list[Node]:
    """Take an open attempt to running nodes, wherever it was left. All or nothing.

    Raises the provider's error after everything of the attempt has been removed; if the removal fails too, the
    tombstone stays and the removal is repeated by whoever works on the cluster next. With ``keep`` (a start: the
    machines hold the user's disks) a failure removes nothing and only ends the attempt.
    """
    try:
        attempt = await _ask(context, account, attempt)
        nodes = await _until_running(context, account, attempt, progress, keep=keep)
    except (ProviderError, PluginError) as error:  # a provider that breaks may have done anything before it did
        if keep:
            context.store.attempts.settle(attempt.token, AttemptState.SETTLED, error.to_wire())
        else:
            await give_up(context, account, attempt, error, progress)
        raise
    context.store.attempts.settle(attempt.token, AttemptState.SETTLED)
    cluster = context.store.clusters.get(attempt.cluster)
    if cluster is not None and cluster.state is ClusterState.SETTLING:
        context.move(attempt.cluster, ClusterState.PROVISIONING, "the launch turned out to have worked")
    return nodes


async def _ask(context: Context, account: CloudAccount, attempt: AttemptRecord) -> AttemptRecord:
    """Call the provider once, or again where it is safe, and keep its answer.

    Without an answer the attempt comes back without a receipt: only an observation can tell what became of it.
    """
    if attempt.receipt is not None:
        return attempt
    cloud = account.cloud

    def launch(prepared: Prepared) -> tuple[Receipt, bool]:
        # In one step in the worker thread, so that a cancelled client still keeps the answer it waited for.
        context.store.attempts.called(prepared.token, context.clock.now())
        receipt = answers.receipt(cloud.launch(prepared))
        return receipt, context.store.attempts.answered(attempt, receipt)

    for tries in range(ASKED_AT_MOST):
        if attempt.called_at is not None and not _may_replay(context, account, attempt):
            break
        if tries:
            await context.clock.sleep(2.0**tries)
        try:
            receipt, ours = await account.call(launch, attempt.prepared)
        except OutcomeUnknown as error:
            attempt = replace(attempt, called_at=context.clock.now())
            if attempt.kind == "launch":
                context.move(attempt.cluster, ClusterState.SETTLING, error.message)
        else:
            attempt = replace(attempt, called_at=context.clock.now(), receipt=receipt)
            if not ours:
                await _remove_late(context, account, attempt)
            return attempt
    return attempt


async def _remove_late(context: Context, account: CloudAccount, attempt: AttemptRecord) -> NoReturn:
    """Remove what came of a call that outlived our hold of the cluster (this process was suspended), and say so."""
    with suppress(ProviderError, PluginError):  # the tombstone stays
        await remove(context, account, [attempt], lambda _phase, _sentence: None)
    raise ClusterBusy(
        f"another client has removed cluster {attempt.cluster!r} while its machines were being asked for",
        hint="They were given back; launch again.",
        cluster=attempt.cluster,
    )


def _may_replay(context: Context, account: CloudAccount, attempt: AttemptRecord) -> bool:
    """Whether asking again makes nothing twice. Starting machines that are named buys none, however often."""
    traits = account.cloud.traits
    if attempt.kind == "start":
        return True
    if traits.idempotency not in (Idempotency.TOKEN, Idempotency.NAME):
        return False
    age = (context.clock.now() - attempt.created_at).total_seconds()  # the first call was no earlier than that
    return traits.token_lifetime <= 0 or age < traits.token_lifetime


async def _until_running(
    context: Context, account: CloudAccount, attempt: AttemptRecord, progress: Progress, *, keep: bool
) -> list[Node]:
    traits = account.cloud.traits
    give_up_at = context.clock.monotonic() + traits.boot_deadline
    wanted = len(attempt.prepared.ranks)
    pause = POLL_FIRST
    met: set[str] = set()
    while True:
        found, late = await _look(context, account, attempt), context.clock.monotonic() >= give_up_at
        running = found.count(NodeState.RUNNING) if found is not None else 0
        if found is not None:
            if not keep:
                _raise_shortage(account, attempt, found, met)
            if running == wanted:
                return list(found.nodes)
        if late:
            raise InsufficientCapacity(
                f"{running} of {count(wanted, 'node')} were running after {traits.boot_deadline:g} s",
                scope=attempt.prepared.scope.name,
            )
        progress("provision", f"waiting for {wanted - running} of {count(wanted, 'node')} on {account.cloud.name}")
        await context.clock.sleep(pause)
        pause = min(pause * 1.5, POLL_MOST)


async def _look(context: Context, account: CloudAccount, attempt: AttemptRecord) -> Sight | None:
    """What there is of the attempt; None when the provider cannot say just now."""
    try:
        seen = await account.call(account.cloud.observe, attempt.prepared.scope, [attempt.owner])
    except ProviderError as error:
        if not error.retryable:
            raise
        return None
    _raise_refusal(seen, attempt)
    return sight(seen, attempt, settled=has_settled(context, account, [attempt]))


def _raise_refusal(seen: Observation, attempt: AttemptRecord) -> None:
    for outcome in seen.launches:
        if outcome.token == attempt.token and outcome.state is LaunchState.FAILED:
            raise outcome.error or InsufficientCapacity(
                f"the launch failed in {seen.scope.name}", scope=seen.scope.name
            )


def _raise_shortage(account: CloudAccount, attempt: AttemptRecord, found: Sight, met: set[str]) -> None:
    """Raise when it is certain that the ranks will never all run, or that there are more machines than ranks."""
    wanted, scope = len(attempt.prepared.ranks), attempt.prepared.scope.name
    if found.surplus:
        raise OutcomeUnknown(f"{len(found.nodes) + found.surplus} nodes turned up in {scope}, wanted {wanted}")
    if attempt.receipt is not None and len(attempt.receipt.node_ids) < wanted:
        raise InsufficientCapacity(
            f"{scope} gave {len(attempt.receipt.node_ids)} of {count(wanted, 'node')}", scope=scope
        )
    here = {node.id for node in found.nodes}
    if found.proves_absence and met - here:
        raise InsufficientCapacity(
            f"{len(met - here)} of {count(wanted, 'node')} vanished while they booted", scope=scope
        )
    met |= here
    if attempt.receipt is None and found.proves_absence and len(here) < wanted:
        raise OutcomeUnknown(
            f"{account.cloud.name} did not answer, and {len(here)} of {count(wanted, 'node')} came of it in {scope}"
        )


async def give_up(
    context: Context, account: CloudAccount, attempt: AttemptRecord, error: StyxError, progress: Progress
) -> None:
    """Never replay this attempt again, and remove what it made, as far as the provider lets us."""
    context.store.attempts.settle(attempt.token, AttemptState.TOMBSTONE, error.to_wire())
    stored = [each for each in context.store.attempts.of(attempt.cluster) if each.token == attempt.token]
    with suppress(ProviderError, PluginError):  # the tombstone stays, and the first error says more
        await remove(context, account, stored, progress)


async def remove(
    context: Context,
    account: CloudAccount,
    attempts: Sequence[AttemptRecord],
    progress: Progress,
    *,
    patience: float = REMOVAL_DEADLINE,
) -> None:
    """Terminate everything of these attempts until a complete observation shows nothing; then close them.

    Raises WrongAccount before touching anything when the credentials are not those the attempts were made with, and
    OutcomeUnknown when something is left after ``patience`` seconds.
    """
    for (owner, scope), group in _groups(attempts).items():
        await account.require_identity(group[0].identity)
        receipts = [attempt.receipt for attempt in group if attempt.receipt is not None]
        since = context.clock.monotonic()
        pause = POLL_FIRST
        while True:
            await account.call(account.cloud.terminate, scope, owner, receipts)
            seen = await account.call(account.cloud.observe, scope, [owner])
            left = [node for node in seen.nodes if node.owner == owner]
            rest = [leftover for leftover in seen.leftovers if leftover.owner == owner]
            if seen.complete and not left and not rest and has_settled(context, account, group):
                break
            waited = context.clock.monotonic() - since
            if not seen.complete and waited >= min(patience, UNSEEN_DEADLINE):
                raise OutcomeUnknown(
                    f"whether anything of {owner.name} is left in {scope.name} cannot be seen: "
                    f"{', '.join(seen.unreachable)} could not be looked at",
                    hint="Run the command again when it can; `styx down --forget` drops the record without looking.",
                )
            if waited >= patience:
                raise OutcomeUnknown(
                    f"still in {scope.name}: of {owner.name}, "
                    f"{count(len(left), 'node')} and {count(len(rest), 'leftover')}",
                    hint="Run the command again; nothing is forgotten until it is gone.",
                )
            progress("terminate", f"waiting for {count(len(left), 'node') if left else 'the last nodes'} to go")
            await context.clock.sleep(pause)
            pause = min(pause * 1.5, POLL_MOST)
        for attempt in group:
            context.store.attempts.settle(attempt.token, AttemptState.CLOSED, attempt.error)


def _groups(attempts: Sequence[AttemptRecord]) -> dict[tuple[Owner, Scope], list[AttemptRecord]]:
    groups: dict[tuple[Owner, Scope], list[AttemptRecord]] = {}
    for attempt in attempts:
        groups.setdefault((attempt.owner, attempt.prepared.scope), []).append(attempt)
    return groups


def has_settled(context: Context, account: CloudAccount, attempts: Sequence[AttemptRecord]) -> bool:
    """Whether an absence counts yet: listings may lag behind the last call."""
    calls = [attempt.called_at for attempt in attempts if attempt.called_at is not None]
    if not calls:
        return True
    return (context.clock.now() - max(calls)).total_seconds() >= account.cloud.traits.settle_after
