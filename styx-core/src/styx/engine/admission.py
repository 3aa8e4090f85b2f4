"""Getting through to machines whose provider lets SSH in from given networks only: the user may have moved."""

from __future__ import annotations

import asyncio

from styx.api.cloud import SupportsAdmit
from styx.api.errors import PluginError, ProviderError
from styx.api.names import Owner
from styx.api.offers import Scope
from styx.engine.account import CloudAccount
from styx.engine.context import Context
from styx.store.records import ClusterRecord


class Admission:
    """Asks the provider to let SSH in to the nodes of one cluster from where this client is: once for all of them."""

    def __init__(self, account: CloudAccount, gate: SupportsAdmit, scope: Scope, owner: Owner) -> None:
        self._account = account
        self._gate = gate
        self._where = scope, owner
        self._asking = asyncio.Lock()
        self._refused: str | None = None  # None: not asked yet

    @classmethod
    def to(cls, context: Context, cluster: ClusterRecord) -> Admission | None:
        """That of the nodes of this cluster; None where its provider bars nobody."""
        account = context.clouds.get(cluster.cloud, cluster.account)
        if not isinstance(account.cloud, SupportsAdmit):
            return None
        return cls(account, account.cloud, Scope(cluster.scope), context.owner(cluster))

    async def ask(self) -> str:
        """Ask, unless that was done; why nobody is let in, or nothing."""
        async with self._asking:
            if self._refused is None:
                try:
                    await self._account.call(self._gate.admit, *self._where, "")
                except (ProviderError, PluginError) as error:
                    self._refused = f"SSH could not be let in from where you are now: {error.message}"
                else:
                    self._refused = ""
            return self._refused
