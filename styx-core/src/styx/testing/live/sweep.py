"""Removing what lanes have launched, whatever became of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from styx.api import Cloud, NodeState, Owner, ProviderError, Scope
from styx.testing.driver import Driver
from styx.testing.live.lane import Place
from styx.testing.live.purse import clean, launched
from styx.testing.verdict import ContractBroken, GaveUp

PATIENCE = 900.0  # seconds for one installation's things to go


@dataclass
class Swept:
    """What was there when it was looked for, and what could not be removed, in words."""

    found: int = 0
    left: list[str] = field(default_factory=list)


def sweep(place: Place, tell: Callable[[str], None]) -> Swept:
    """Remove everything of every installation on record, and look again once an absence counts. Idempotent."""
    swept = Swept()
    clouds = {where: place.make(where[0]) for where in launched(place.record)}
    if not clouds:
        return swept
    for (installation, scope), cloud in clouds.items():
        _remove(cloud, scope, installation, swept, tell)
    first = next(iter(clouds.values()))
    _driver(first).pause(first.traits.settle_after)
    for (installation, scope), cloud in clouds.items():
        _remove(cloud, scope, installation, swept, tell)
    if not swept.left:
        clean(place.record)
    return swept


def _remove(cloud: Cloud, scope: Scope, installation: str, swept: Swept, tell: Callable[[str], None]) -> None:
    driver = _driver(cloud)

    def look() -> set[Owner]:
        seen = driver.call(lambda: cloud.observe(scope, None), what="observe()")
        if seen.unreachable:
            raise GaveUp(f"{scope.name} cannot be seen whole: {', '.join(seen.unreachable)}")
        owners = [node.owner for node in seen.nodes if node.state is not NodeState.TERMINATING]
        owners += [leftover.owner for leftover in seen.leftovers]
        return {owner for owner in owners if owner is not None and owner.installation == installation}

    def again() -> set[Owner]:
        owners = look()
        for owner in owners:
            driver.call(partial(cloud.terminate, scope, owner, []), what="terminate()")
        return owners

    try:
        there = look()
        for owner in sorted(there, key=lambda owner: owner.name):
            tell(f"removing {owner.name} in {scope.name}")
        swept.found += len(there)
        if there:
            driver.until(again, lambda owners: not owners, within=PATIENCE, what=f"the removal in {scope.name}")
    except (ProviderError, ContractBroken, GaveUp) as error:
        swept.left.append(f"{installation} in {scope.name}: {error}")


def _driver(cloud: Cloud) -> Driver:
    return Driver(cloud.services.clock, patience=PATIENCE, interval=1.0, pace=cloud.traits.pace)
