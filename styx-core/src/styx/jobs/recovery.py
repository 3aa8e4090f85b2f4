"""Where a managed job goes on that has lost its cluster: strategies, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from styx.api.errors import BadInput, StyxError
from styx.hookspecs import Leaning, Loss, Site
from styx.jobs.model import word
from styx.plugins.manager import PluginManager

HOOK = "styx_recovery"
_NOTHING = Loss(0, "", 0, Site(""), "", spot=False, preempted=False)


def failover(loss: Loss) -> Leaning:
    """The same zone first, then its region: what the job has there, like its checkpoints, is near. Then by price."""
    return Leaning(prefer=(loss.site, _region(loss)))


def eager_next_region(loss: Loss) -> Leaning:
    """Another region first: where machines were taken back a moment ago more may be."""
    return Leaning(avoid=(_region(loss),))


def _region(loss: Loss) -> Site:
    return Site(loss.site.cloud, loss.site.region)


STRATEGIES: Mapping[str, Callable[[Loss], Leaning]] = {"failover": failover, "eager_next_region": eager_next_region}


def leaning(plugins: PluginManager, strategy: str, loss: Loss) -> tuple[Leaning, str]:
    """What the strategy says, and why it was not the one that is named; the latter empty where it was."""
    if strategy in STRATEGIES:
        return STRATEGIES[strategy](loss), ""
    try:
        found = plugins.first(HOOK, strategy=strategy, loss=loss)
    except StyxError as error:
        return failover(loss), error.message
    if not isinstance(found, Leaning):
        return failover(loss), f"no plugin knows the recovery strategy {strategy!r}"
    return found, ""


def require_known(plugins: PluginManager, strategy: str | None) -> None:
    """Raise BadInput for a strategy of nobody: the first preemption would be late to find out."""
    if strategy is None or (name := word(strategy)) in STRATEGIES:
        return
    try:
        known = isinstance(plugins.first(HOOK, strategy=name, loss=_NOTHING), Leaning)
    except StyxError:
        return  # somebody knows it, and fails at a loss of nothing
    if not known:
        there = ", ".join(STRATEGIES)
        raise BadInput(f"there is no recovery strategy {strategy!r}", hint=f"There are {there}; plugins add others.")
