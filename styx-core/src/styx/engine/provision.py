"""From an intent to running nodes, or to the truth about why not. Nothing here may lose a machine.

The life of an attempt: committed, called, answered (the receipt), observed until every rank runs, settled. Killed at
any point, it can be driven on from what is stored; given up, it leaves a tombstone until a complete observation shows
that nothing of it is left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from styx.api.cloud import Idempotency, SupportsDiscard
from styx.api.errors import InsufficientCapacity, OutcomeUnknown, PluginError, ProviderError, StyxError
from styx.api.launch import LaunchRequest
from styx.api.nodes import LaunchState, Node, NodeState, Observation
from styx.engine.clouds import CloudAccount
from styx.engine.context import Context, Progress
from styx.engine.intent import ASKED_AT_MOST, ask, commit_intent, prepare
from styx.engine.observe import Sight, sight
from styx.engine.papers import Papers
from styx.engine.removal import REMOVAL_DEADLINE, give_up, in_doubt
from styx.engine.waiting import Wait
from styx.store.records import AttemptState
from styx.store.states import ClusterState
from styx.words import count

# What to ask for when only these ranks are still wanted.
Again = Callable[[tuple[int, ...]], LaunchRequest]


async def drive(
    context: Context, account: CloudAccount, papers: Papers, progress: Progress, again: Again | None = None
) -> list[Node]:
    """Take an attempt with an open intent to running nodes, wherever it was left. All or nothing.

    Raises the provider's error after everything of the attempt has been removed; if the removal fails too, or nobody
    waits for it to be proved, the tombstones stay and it is repeated by whoever works on the cluster next. A start
    (whose machines hold the user's disks) has no ``again``: a failure then removes nothing and only ends the intent.
    """
    attempt, asked = _Attempt(context, account, papers, progress, again), False
    try:
        for intent in papers.open:
            attempt.papers = attempt.papers.having(await ask(context, account, intent))
        asked = True
        nodes = await attempt.until_running()
    except (ProviderError, PluginError) as error:  # a provider that breaks may have done anything before it did
        if again is None:
            for intent in attempt.papers.open:
                context.settle(intent, AttemptState.SETTLED, error.to_wire())
        else:
            _tell_of_strangers(context, account, attempt.papers, error)
            outright = not asked and isinstance(error, ProviderError) and not _in_doubt(context, papers)
            # It has made nothing, says the provider. The proof of that is left to whoever tidies up at the end: other
            # places need not wait for it.
            patience = 0.0 if outright else REMOVAL_DEADLINE
            await give_up(context, account, attempt.papers, error, progress, patience=patience)
        raise
    cluster = context.require_hold(papers.newest.cluster)
    if cluster.state is ClusterState.SETTLING:
        context.move(cluster.name, ClusterState.PROVISIONING, "the launch turned out to have worked")
    stored = context.store.attempts.of(cluster.name, papers.owner)
    answered = {each.token for each in stored if each.receipt is not None}
    for intent in attempt.papers.open:
        late = intent.receipt is None and intent.token in answered
        if not late:  # else it stays open, and the next look finds what came of it
            context.settle(intent, AttemptState.SETTLED)
    if again is not None and (doubt := in_doubt(account.cloud, Papers(tuple(stored)))):
        progress("note", doubt)
    return nodes


def _in_doubt(context: Context, papers: Papers) -> bool:
    """Whether a call of the attempt was not answered, so that machines may have come of it."""
    cluster = context.store.clusters.get(papers.newest.cluster)
    return cluster is None or cluster.state is ClusterState.SETTLING or bool(papers.receipts or papers.last_call)


def _tell_of_strangers(context: Context, account: CloudAccount, papers: Papers, error: StyxError) -> None:
    """Let the error of an attempt say where to look for what came of it and cannot be removed with it."""
    lost = {intent.token for intent in papers.unanswered}
    broken = isinstance(error, PluginError)  # perhaps in a call, which only the store knows of then
    stored = context.store.attempts.of(papers.newest.cluster, papers.owner)
    mine = [each for each in stored if broken or each.token in lost]
    if mine and (doubt := in_doubt(account.cloud, Papers(tuple(mine)))):
        error.message = f"{error.message}; {doubt}"


class _Attempt:
    """An attempt on its way: what has been asked for so far, and which nodes were met."""

    def __init__(
        self, context: Context, account: CloudAccount, papers: Papers, progress: Progress, again: Again | None
    ) -> None:
        self.context = context
        self.account = account
        self.papers = papers
        self.progress = progress
        self.again = again
        self.wanted = len(papers.ranks)
        self.met: set[str] = set()
        self.quiet: Wait  # since nobody was asked for anything any more

    async def until_running(self) -> list[Node]:
        """Look until every rank runs, once. Raises what makes that certain not to happen."""
        cloud = self.account.cloud
        self.quiet = Wait(self.context)
        while True:
            found, late = await self._look(), self.quiet.seconds >= cloud.traits.boot_deadline
            running = found.count(NodeState.RUNNING) if found is not None else 0
            if found is not None:
                if self.again is not None:
                    self._require_hope(found)
                    if await self._ask_for_missing(found):
                        self.quiet = Wait(self.context)
                if running == self.wanted and not await self._discard(found):
                    return list(found.nodes)
            if late:
                raise InsufficientCapacity(
                    f"{running} of {count(self.wanted, 'node')} were running after {cloud.traits.boot_deadline:g} s",
                    scope=self.papers.scope.name,
                )
            self.progress(
                "provision", f"waiting for {self.wanted - running} of {count(self.wanted, 'node')} on {cloud.name}"
            )
            await self.quiet.pause()

    async def _look(self) -> Sight | None:
        """What there is of the attempt; None when the provider cannot say just now."""
        try:
            seen = await self.context.lookout(self.account).look(self.papers.scope, [self.papers.owner])
        except ProviderError as error:
            if not error.retryable:
                raise
            return None
        _raise_refusal(seen, self.papers)
        settled = self.quiet.settled(self.papers, self.account.cloud)
        kept = self.context.kept(self.papers.newest.cluster)
        return sight(seen, self.papers, settled=settled, kept=kept)

    def _require_hope(self, found: Sight) -> None:
        """Raise InsufficientCapacity when it is certain that the ranks will never all run."""
        scope = self.papers.scope.name
        refused = self.papers.unaccepted()
        if refused and not self._may_go_on():
            raise InsufficientCapacity(
                f"{scope} gave {self.wanted - len(refused)} of {count(self.wanted, 'node')}", scope=scope
            )
        here = {node.id for node in found.nodes}
        gone = self.met - here
        if found.proves_absence and gone:
            why = f": {found.evidence}" if found.evidence else ""
            raise InsufficientCapacity(
                f"{len(gone)} of {count(self.wanted, 'node')} vanished while they booted{why}", scope=scope
            )
        self.met |= here

    def _may_go_on(self) -> bool:
        """Whether ranks that a receipt leaves out may be asked for once more, for the last call took some.

        So a provider that finds machines again by the ids in a receipt alone can hand over each as soon as it has it,
        and one that really has no more says so, and why, when it is asked again.
        """
        newest, traits = self.papers.newest, self.account.cloud.traits
        took_some = newest.receipt is None or bool(newest.receipt.node_ids)
        return self.again is not None and took_some and traits.idempotency in (Idempotency.SEARCH, Idempotency.NONE)

    async def _discard(self, found: Sight) -> bool:
        """Keep one node a rank; whether others had to be given back.

        Raises OutcomeUnknown where new machines are too many and single ones cannot be removed.
        """
        if not found.surplus:
            return False
        cloud, scope, owner = self.account.cloud, self.papers.scope, self.papers.owner
        if not isinstance(cloud, SupportsDiscard):
            if self.again is None:
                return False
            turned_up = len(found.nodes) + len(found.surplus)
            raise OutcomeUnknown(f"{count(turned_up, 'node')} turned up in {scope.name}, wanted {self.wanted}")
        self.progress("provision", f"giving back {count(len(found.surplus), 'node')} too many")
        self.context.require_hold(self.papers.newest.cluster)  # else they may be what another client has kept
        await self.account.call(cloud.discard, scope, owner, [node.id for node in found.surplus])
        return True

    async def _ask_for_missing(self, found: Sight) -> bool:
        """Ask once more for the ranks of which it is now certain that no earlier call made them; whether it did.

        Raises OutcomeUnknown where that cannot be certain, or was tried often enough.
        """
        refused = self.papers.unaccepted()
        if refused and self.papers.newest.receipt is not None:
            if len(self.papers.intents) >= self.wanted + ASKED_AT_MOST:
                raise OutcomeUnknown(f"{self.account.cloud.name} names other ranks than it was asked for")
            self.progress("provision", f"asking for the other {count(len(refused), 'node')}")
            await self._ask_again(refused)
            return True
        unanswered = [intent for intent in self.papers.open if intent.receipt is None]
        missing = tuple(sorted(set(self.papers.ranks) - {node.rank for node in found.nodes}))
        if not (unanswered and missing and found.proves_absence):
            return False
        cloud = self.account.cloud
        may_ask = cloud.traits.idempotency in (Idempotency.SEARCH, Idempotency.NONE)
        if self.again is None or not may_ask or len(unanswered) >= ASKED_AT_MOST:
            raise OutcomeUnknown(
                f"{cloud.name} did not answer, and {len(found.nodes)} of {count(self.wanted, 'node')} could be found "
                f"in {self.papers.scope.name}"
            )
        known = cloud.traits.idempotency is not Idempotency.NONE  # else it may have made what is now nobody's
        why = "nothing came of the last call" if known else "the last call had no answer"
        self.progress("provision", f"{why}: asking again for {count(len(missing), 'node')}")
        await self._ask_again(missing)
        return True

    async def _ask_again(self, ranks: tuple[int, ...]) -> None:
        assert self.again is not None
        prepared = await prepare(self.account, self.again(ranks))
        if any(intent.token == prepared.token for intent in self.papers.intents):  # the same ranks: another call
            prepared = replace(prepared, token=f"{prepared.token}+{len(self.papers.intents)}")
        cluster = self.papers.newest.cluster
        intent = await commit_intent(self.context, self.account, cluster, "launch", prepared)
        self.papers = self.papers.having(intent)
        self.papers = self.papers.having(await ask(self.context, self.account, intent))


def _raise_refusal(seen: Observation, papers: Papers) -> None:
    tokens = {intent.token for intent in papers.intents}
    for outcome in seen.launches:
        ours = outcome.token in tokens or (not outcome.token and outcome.owner == papers.owner)
        if ours and outcome.state is LaunchState.FAILED:
            raise outcome.error or InsufficientCapacity(
                f"the launch failed in {seen.scope.name}", scope=seen.scope.name
            )
