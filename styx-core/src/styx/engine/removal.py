"""Removing everything of an attempt, and believing that it is gone only when that was seen."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from styx.api.cloud import Cloud, Idempotency
from styx.api.errors import OutcomeUnknown, PluginError, ProviderError, StyxError
from styx.api.nodes import Observation
from styx.engine.account import ABSENCE_SECONDS
from styx.engine.clouds import CloudAccount
from styx.engine.context import Context, Progress
from styx.engine.papers import Papers, papers_of
from styx.engine.waiting import Wait
from styx.words import count

REMOVAL_DEADLINE = 900.0
UNSEEN_DEADLINE = 60.0  # how long a removal goes on when part of the place cannot be looked at


def in_doubt(cloud: Cloud, papers: Papers) -> str:
    """What the user has to be told where an answer was lost and nothing else tells whose a machine is; else empty."""
    if cloud.traits.idempotency is not Idempotency.NONE or not papers.unanswered:
        return ""
    calls = count(len(papers.unanswered), "call")
    return f"{calls} to {cloud.name} had no answer: `styx status --orphans` shows whether machines are left of that"


async def give_up(
    context: Context,
    account: CloudAccount,
    papers: Papers,
    error: StyxError,
    progress: Progress,
    *,
    patience: float = REMOVAL_DEADLINE,
) -> None:
    """Never replay this attempt again, and remove what it made, as far as the provider lets us in ``patience`` seconds.

    Raises ClusterBusy, and touches nothing, when another client has taken the cluster over: it may use the machines.
    """
    given_up = context.give_up(papers.newest.cluster, papers.owner, error.to_wire())
    with suppress(ProviderError, PluginError):  # the tombstones stay, and the first error says more
        await remove(context, account, papers_of(given_up), progress, patience=patience)


async def remove(
    context: Context,
    account: CloudAccount,
    attempts: Sequence[Papers],
    progress: Progress,
    *,
    patience: float = REMOVAL_DEADLINE,
) -> None:
    """Terminate everything of these attempts, which are given up, until a complete observation shows nothing.

    Then they are closed. Where another client has done that meanwhile, nothing more is removed: what has turned up
    since may have been taken up by the user. What nobody can tell to be of them may be left, and that is told.

    Raises WrongAccount before touching anything when the credentials are not those the attempts were made with, and
    OutcomeUnknown when something is left after ``patience`` seconds.
    """
    for papers in attempts:
        await account.require_identity(papers.newest.identity)
        if not await _remove(context, account, papers, progress, patience):
            continue
        # Nobody else has seen that nothing is left.
        await account.require_identity(papers.newest.identity, known_for=ABSENCE_SECONDS)
        for intent in papers.intents:
            if not context.store.attempts.close(intent):
                raise OutcomeUnknown(
                    f"an answer to {papers.owner.name} has come only now: it may have made more",
                    hint="Run the command again; nothing is forgotten until it is gone.",
                )
        if doubt := in_doubt(account.cloud, papers):
            progress("note", doubt)


async def _remove(context: Context, account: CloudAccount, papers: Papers, progress: Progress, patience: float) -> bool:
    """True once nothing is left; False when another client has seen to that, while this process was suspended."""
    wait = Wait(context)
    while context.store.attempts.given_up(papers.newest.cluster, papers.owner):
        await account.call(account.cloud.terminate, papers.scope, papers.owner, papers.receipts)
        seen = await context.lookout(account).look(papers.scope, [papers.owner])
        left, rest = len(papers.mine(seen)), len(papers.rest(seen))
        unsettled = 0.0
        if seen.complete and not left and not rest:
            unsettled = wait.until_settled(papers, account.cloud)
            if unsettled <= 0:
                return True
        _lose_patience(papers, seen, wait.seconds, patience)
        progress("terminate", _waited_for(left, unsettled))
        await wait.pause(unsettled)  # looks before that would prove nothing
    return False


def _waited_for(left: int, unsettled: float) -> str:
    if unsettled > 0:
        later = f"{max(unsettled, 1):.0f} s"
        return f"nothing is listed any more; looking again in {later}, when lists are sure to be complete"
    return f"waiting for {count(left, 'node') if left else 'what is beside the nodes'} to go"


def _lose_patience(papers: Papers, seen: Observation, waited: float, patience: float) -> None:
    """Raise OutcomeUnknown, saying what is left, once it has been waited for long enough."""
    owner, scope = papers.owner.name, papers.scope.name
    if not seen.complete and waited >= min(patience, UNSEEN_DEADLINE):
        raise OutcomeUnknown(
            f"whether anything of {owner} is left in {scope} cannot be seen: "
            f"{', '.join(seen.unreachable)} could not be looked at",
            hint="Run the command again when it can; `styx down --forget` drops the record without looking.",
        )
    if waited >= patience:
        left, rest = len(papers.mine(seen)), len(papers.rest(seen))
        raise OutcomeUnknown(
            f"still in {scope}: of {owner}, {count(left, 'node')} and {count(rest, 'leftover')}",
            hint="Run the command again; nothing is forgotten until it is gone.",
        )
