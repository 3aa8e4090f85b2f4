"""One intent: committed before the provider is called, called once or as often as is safe, its answer kept at once."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import replace
from typing import Any, NoReturn

from styx.api.cloud import Idempotency, SupportsStop, require
from styx.api.errors import ClusterBusy, NotYet, OutcomeUnknown, PluginError, ProviderError, StoreError
from styx.api.launch import LaunchRequest, Prepared, Receipt, StartRequest
from styx.engine import answers
from styx.engine.clouds import CloudAccount
from styx.engine.context import Context, quietly
from styx.engine.papers import Papers, papers_of
from styx.engine.removal import in_doubt, remove
from styx.plugins.isolation import guard
from styx.store.records import AttemptRecord, AttemptState
from styx.store.states import ClusterState

ASKED_AT_MOST = 3  # times in one go, where asking again makes nothing twice
KEEP_PAUSES = (0.1, 1.0, 5.0)  # seconds between the times that the store is asked to keep an answer


async def prepare(account: CloudAccount, request: LaunchRequest | StartRequest) -> Prepared:
    """What the provider makes of the request: what is given up later is removed by the owner in it.

    Raises PluginError where it is for something else than was asked for.
    """
    cloud = account.cloud
    if isinstance(request, StartRequest):
        scope, prepared = request.scope, await account.call(require(cloud, SupportsStop).prepare_start, request)
    else:
        scope, prepared = request.offer.scope, await account.call(cloud.prepare, request)
    with guard(cloud.name, "in prepare"):
        for what, asked, answered in (
            ("owner", request.owner, prepared.owner),
            ("scope", scope, prepared.scope),
            ("ranks", tuple(request.ranks), tuple(prepared.ranks)),
        ):
            if asked != answered:
                raise ValueError(f"Prepared.{what} is {answered}, and was to be {asked}")
    return prepared


async def commit_intent(
    context: Context, account: CloudAccount, cluster: str, kind: str, prepared: Prepared
) -> AttemptRecord:
    """Store what is about to be asked for. After this, whatever the provider makes can be found again.

    Raises ClusterBusy or ClusterNotFound, and then nothing is stored, when another client has taken the cluster over.
    """
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
        created_at=context.store.now(),
    )
    context.store.attempts.add(attempt, holder=context.holder)
    return attempt


async def ask(context: Context, account: CloudAccount, attempt: AttemptRecord) -> AttemptRecord:
    """Call the provider once, or again where it is safe, and keep its answer.

    Without an answer the attempt comes back without a receipt: only an observation can tell what became of it.
    """
    if attempt.receipt is not None:
        return attempt
    began = context.clock.monotonic()
    for tries in range(ASKED_AT_MOST):
        call = _Call(context, account, attempt, began)
        if not call.allowed():
            break
        if tries:
            await context.clock.sleep(2.0**tries)
        try:
            receipt = await account.call(call.launch, attempt.prepared)
        except OutcomeUnknown as error:
            attempt = replace(attempt, called_at=context.store.now())
            if not call.ours:
                await _remove_late(context, account, attempt)
            if attempt.kind == "launch":
                context.move(attempt.cluster, ClusterState.SETTLING, error.message)
        else:
            attempt = replace(attempt, called_at=context.store.now(), receipt=receipt)
            if not call.ours:
                await _remove_late(context, account, attempt)
            return attempt
    return attempt


class _Call:
    """One call of the provider, with the commits before and after it.

    In one step in the worker thread, so that a cancelled client still keeps the answer it waited for. ``ours`` tells
    afterwards whether the attempt had not been given up meanwhile.
    """

    def __init__(self, context: Context, account: CloudAccount, attempt: AttemptRecord, began: float) -> None:
        self.ours = True
        self._context = context
        self._cloud = account.cloud
        self._attempt = attempt
        self._began = began  # when the asking began, by the monotonic clock; the intent is older

    def allowed(self) -> bool:
        """Whether asking makes nothing twice. Starting machines that are named buys none, however often."""
        traits, clock = self._cloud.traits, self._context.clock
        if self._attempt.called_at is None or self._attempt.kind == "start":
            return True
        if traits.idempotency not in (Idempotency.TOKEN, Idempotency.NAME):
            return False
        age = (self._context.store.now() - self._attempt.created_at).total_seconds()  # the first call was no earlier
        # A clock that was set back tells nothing.
        return age >= 0 and max(age, clock.monotonic() - self._began) < traits.token_lifetime

    def launch(self, prepared: Prepared) -> Receipt:
        """Ask, and keep what is answered; or that nothing was, where machines may have come of it all the same."""
        if not self.allowed():
            raise OutcomeUnknown(f"{self._cloud.name} may have forgotten the first call by the time of the next")
        store = self._context.store
        store.attempts.called(prepared.token, store.now(), holder=self._context.holder)
        receipt: Receipt | None = None
        nothing_done = False
        try:
            answer: Any = self._cloud.launch(prepared)
            named = answers.named(answer, prepared.token)
            taken = {} if named is None else self._taken(named)
            receipt = named and _without(named, taken)  # kept also where something else is wrong
            answers.receipt(answer)
            if taken:
                id_, cluster = min(taken.items())
                raise ValueError(f"the receipt names {id_!r}, which is a machine of cluster {cluster!r}")
            receipt = answer
        except (NotYet, ProviderError) as error:
            nothing_done = not isinstance(error, OutcomeUnknown)
            raise
        finally:
            if not nothing_done:
                self._keep(receipt)
        return receipt

    def _keep(self, receipt: Receipt | None) -> None:
        """Commit the answer, also when that does not work at once: one that is lost is a machine that may be lost."""
        store = self._context.store
        for pause in (*KEEP_PAUSES, None):
            try:
                self.ours = store.attempts.answered(self._attempt, receipt, store.now(), self._context.holder)
            except StoreError:
                if pause is None:
                    raise
                time.sleep(pause)  # in the worker's own thread
            else:
                return

    def _taken(self, answer: Receipt) -> dict[str, str]:
        """The cluster of each machine in it that is another attempt's: they would be removed for this one's sake.

        Two names of one account have the same machines, or each its own where these are the user's; where nothing but
        the id tells whose one is, an id is taken whatever the account is called.
        """
        mine, only_by_id = self._attempt, self._cloud.traits.idempotency is Idempotency.NONE
        taken: dict[str, str] = {}
        for papers in papers_of(self._context.store.attempts.unclosed()):
            newest = papers.newest
            same_account = only_by_id or newest.account == mine.account
            if newest.place == mine.place and same_account and papers.owner != mine.owner:
                taken |= dict.fromkeys(sorted({*answer.node_ids.values()} & {*papers.node_ids}), newest.cluster)
        return taken


def _without(receipt: Receipt, taken: Collection[str]) -> Receipt | None:
    """What of it does not name one of these machines; None where nothing is left."""
    ids = {rank: id_ for rank, id_ in receipt.node_ids.items() if id_ not in taken}
    return replace(receipt, node_ids=ids) if ids else None


async def _remove_late(context: Context, account: CloudAccount, attempt: AttemptRecord) -> NoReturn:
    """Remove what came of a call that outlived our hold of the cluster (this process was suspended), and say so."""
    doubt = in_doubt(account.cloud, Papers((attempt,)))
    stored = context.store.attempts.of(attempt.cluster, attempt.owner)
    hint = "They were given back; launch again."
    try:
        await remove(context, account, papers_of(stored), quietly)
    except (ProviderError, PluginError) as error:  # the tombstone stays
        hint = f"They could not be removed yet ({error.message}): every look at their place tries again."
    raise ClusterBusy(
        f"another client has removed cluster {attempt.cluster!r} while its machines were being asked for",
        hint=f"{hint} Besides, {doubt}." if doubt else hint,
        cluster=attempt.cluster,
    )
