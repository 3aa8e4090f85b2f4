"""One shared look at a place, however many clusters somebody wants to see there.

A look begins after it was asked for, so that what was done before is in it. Whoever asks while one is under way shares
the next. And each look minds what should not be there any more: machines of attempts that were given up die when they
appear, whoever happened to look.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from styx.api.errors import PluginError, ProviderError, Transient
from styx.api.names import Owner
from styx.api.nodes import Observation
from styx.api.offers import Scope
from styx.engine.account import glancing, take_time
from styx.engine.answers import ours
from styx.engine.clouds import CloudAccount
from styx.engine.papers import Papers, papers_of
from styx.plugins.isolation import guard
from styx.store import Store


@dataclass(slots=True)
class _Look:
    """A look that has not begun: whom it is for. ``everything`` is for all of this installation.

    ``patient``: somebody waits for it who does not only glance.
    """

    owners: set[Owner] = field(default_factory=set)
    everything: bool = False
    patient: bool = False
    task: asyncio.Task[Observation] | None = None


class Lookout:
    """What sees for everybody who has business with one account of a cloud. Of one event loop."""

    def __init__(self, account: CloudAccount, store: Store) -> None:
        self._account = account
        self._store = store
        self._next: dict[Scope, _Look] = {}
        self._turns: defaultdict[Scope, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def look(self, scope: Scope, owners: Iterable[Owner] | None) -> Observation:
        """What is there, of these owners at least, or with None of the whole installation. Raises what observe does."""
        coming = self._next.get(scope)
        if coming is None:
            coming = self._next[scope] = _Look()
            coming.task = asyncio.ensure_future(self._run(scope, coming))
            coming.task.add_done_callback(_retrieved)
        if owners is None:
            coming.everything = True
        else:
            coming.owners |= set(owners)
        assert coming.task is not None
        hurry = glancing()
        if hurry is None:
            coming.patient = True
        else:
            await asyncio.wait({coming.task}, timeout=hurry)
            if coming.patient and not coming.task.done():  # else it ends by itself, sooner or later
                raise Transient(f"{self._account.label} has not answered observe within {hurry:g} s")
        return await asyncio.shield(coming.task)  # others may be waiting for it too

    async def _run(self, scope: Scope, look: _Look) -> Observation:
        async with self._turns[scope]:
            del self._next[scope]
            if look.patient:
                take_time()
            cloud = self._account.cloud
            given_up = papers_of(self._store.attempts.tombstones(cloud.name, self._account.account))
            dead = [papers for papers in given_up if papers.scope == scope and papers.owner not in look.owners]
            owners = None if look.everything else look.owners | {papers.owner for papers in dead}
            answer = await self._account.call(cloud.observe, scope, owners)
            with guard(cloud.name, "in observe"):
                seen = ours(answer, scope, self._store.installation)
            for papers in dead:
                await self._bury(papers, seen)
            return seen

    async def _bury(self, papers: Papers, seen: Observation) -> None:
        """Remove what has turned up of an attempt that was given up. Best effort: the next look tries again."""
        if not papers.mine(seen) and not papers.rest(seen):
            return
        with suppress(ProviderError, PluginError):
            await self._account.require_identity(papers.newest.identity)
            if self._store.attempts.given_up(papers.newest.cluster, papers.owner):  # still, however long it took
                await self._account.call(self._account.cloud.terminate, papers.scope, papers.owner, papers.receipts)


def _retrieved(task: asyncio.Task[Observation]) -> None:
    """Take note of an error that nobody has waited for, so that the loop does not complain."""
    if not task.cancelled():
        task.exception()
