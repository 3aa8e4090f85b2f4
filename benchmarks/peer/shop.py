"""A cloud that sells what its catalog says and launches nothing; copied into the package of each made-up cloud."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from styx.api.cloud import Cloud, Idempotency, Identity, Traits
from styx.api.errors import Unsupported
from styx.api.launch import LaunchRequest, Prepared, Receipt
from styx.api.names import Owner
from styx.api.nodes import Observation
from styx.api.offers import Offer, OfferQuery, Scope


class Shop(Cloud):
    """Named after its package: ``styx_alto`` has the cloud ``alto``."""

    name = __name__.partition(".")[0].removeprefix("styx_")
    traits = Traits(idempotency=Idempotency.NAME)

    def check(self) -> Identity:
        """Anybody."""
        return Identity("anybody")

    def scopes(self) -> Sequence[Scope]:
        """None: there is never anything."""
        return ()

    def offers(self, query: OfferQuery) -> Sequence[Offer]:
        """What the catalog says."""
        assert self.services.catalog is not None
        return self.services.catalog.offers(query)

    def prepare(self, request: LaunchRequest) -> Prepared:
        """Nothing is launched here."""
        raise Unsupported(f"{self.name} has no {request.offer.instance_type}, only its price")

    def launch(self, prepared: Prepared) -> Receipt:
        """Nothing is launched here."""
        raise Unsupported(f"{self.name} has nothing in {prepared.scope.name}, only prices")

    def observe(self, scope: Scope, owners: Collection[Owner] | None) -> Observation:  # noqa: ARG002 - whoever they are
        """Nothing is there."""
        return Observation(scope, self.services.clock.now())

    def terminate(self, scope: Scope, owner: Owner, receipts: Sequence[Receipt]) -> None:
        """There is nothing to remove."""
