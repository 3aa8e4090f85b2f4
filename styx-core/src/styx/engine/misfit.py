"""Why nothing fits a task: for each cloud the offers that came closest, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from styx.api.errors import NoOffer
from styx.api.offers import Offer
from styx.optimizer.rank import Miss, Rejection, Rule
from styx.spec.suggest import did_you_mean

_SHOWN = 8  # names in one sentence
_TAKEN = "`styx status` shows which of your clusters hold machines; `styx down` gives them back."
ANY = "`styx check` shows which clouds can be used; loosen the resources or add a cloud."

# What is named in a task and may not be there at all.
_NAMED: Mapping[Rule, tuple[str, Callable[[Offer], str | None]]] = {
    Rule.REGION: ("region", lambda offer: offer.region),
    Rule.ZONE: ("zone", lambda offer: offer.zone),
    Rule.INSTANCE_TYPE: ("instance type", lambda offer: offer.instance_type),
}


def nothing_fits(rejections: Sequence[Rejection], others: Mapping[str, str], mistake: str | None = None) -> NoOffer:
    """The error with a reason for each cloud; ``others`` are those of clouds that had no offer to reject.

    ``mistake`` is what is to be said of a name in the task that nothing has.
    """
    reasons, hint = dict(others), ANY
    for cloud in dict.fromkeys(rejection.source for rejection in rejections):
        closest = _closest(rejection for rejection in rejections if rejection.source == cloud)
        reasons[cloud], better = _story(closest)
        hint = better or hint
    story = "".join(f"\n  {cloud}: {reason}" for cloud, reason in sorted(reasons.items()))
    return NoOffer(
        f"nothing that can be rented fits the task{story or ': no cloud is usable'}",
        hint=mistake or hint,
        reasons=reasons,
    )


def _closest(rejections: Iterable[Rejection]) -> list[tuple[Offer, Miss]]:
    """The offers that failed the latest of the rules."""
    found = [(each.offer, each.miss or Miss(Rule.CLOUD, "", each.reason)) for each in rejections]
    furthest = max(miss.rule for _, miss in found)
    return [(offer, miss) for offer, miss in found if miss.rule is furthest]


def _story(closest: Sequence[tuple[Offer, Miss]]) -> tuple[str, str | None]:
    """The reason, and a hint where there is a better one than for any other."""
    offer, miss = max(closest, key=_size)
    if miss.rule in _NAMED:
        what, name = _NAMED[miss.rule]
        known = sorted({name(each) or "" for each, _ in closest} - {""})
        return f"has no {what} {miss.wanted!r}; {_there_are(what, known)}", did_you_mean(miss.wanted, known)
    if miss.rule is Rule.AVAILABLE:
        places = dict.fromkeys(f"{each.instance_type} in {each.scope.name}: {why.reason}" for each, why in closest)
        return _listed([*places], "; "), _TAKEN
    return f"{offer.instance_type}: {miss.reason}", None


def _size(one: tuple[Offer, Miss]) -> tuple[float, float, float]:
    """How much of what is wanted there is: of devices, where these are what is missing."""
    offer, miss = one
    devices = sum(device.count for device in offer.accelerators) if miss.rule is Rule.ACCELERATORS else 0
    return devices, offer.vcpus, offer.memory_gib


def _there_are(what: str, names: Sequence[str]) -> str:
    return f"there {'is' if len(names) == 1 else 'are'} {_listed(names)}" if names else f"it has no {what}s"


def _listed(names: Sequence[str], comma: str = ", ") -> str:
    more = len(names) - _SHOWN
    return comma.join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
