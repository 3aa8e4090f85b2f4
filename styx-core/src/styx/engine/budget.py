"""Ceilings on what may run at one time: refused before anything is made, and never passed by two who launch at once.

What counts is what is billed right now, cluster by cluster, also while it cannot be seen. A launch is counted from the
commit that says its machines are about to be asked for; in that same transaction it is compared with the others. What
costs nothing (machines you own) is never refused. What has no known price is refused, and so is whatever would come on
top of it: no sum could be told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from styx.api.errors import NoOffer
from styx.config import require_clouds
from styx.engine.context import Context
from styx.optimizer.rank import Choice, label
from styx.store.clusters import Within
from styx.store.records import ClusterRecord, Span
from styx.words import count

HINT = (
    "`styx status` shows what runs and `styx down` gives it back; "
    "`styx config list` shows the budgets; --max-cost is for one launch alone."
)


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most that may run at one time, in USD per hour: of everything, of one cloud, or of one account."""

    most: Decimal
    cloud: str | None = None
    account: str | None = None

    @property
    def name(self) -> str:
        """What it is a ceiling of, in words."""
        return f"the budget of {label(self.cloud, self.account or '')}" if self.cloud else "the budget"

    def counts(self, cloud: str, account: str) -> bool:
        """Whether what runs there is part of it."""
        return self.cloud in (None, cloud) and self.account in (None, account)


def ceilings(context: Context) -> list[Ceiling]:
    """Those that are set. Raises InvalidConfig for a cloud that is neither installed, usable or not, nor set up."""
    budget = context.config.budget
    installed = [each.name for each in context.plugins.provided("cloud")]
    require_clouds(budget.accounts, [*installed, *context.config.clouds])
    found = [] if budget.max_hourly_cost is None else [Ceiling(budget.max_hourly_cost)]
    for key, most in budget.accounts.items():
        cloud, _, account = key.partition("/")
        found.append(Ceiling(most, cloud, account or None))
    return found


def too_much(ceiling: Ceiling, cloud: str, account: str, cost: Decimal | None, others: Sequence[Span]) -> str | None:
    """Why that may not be added to what runs; None when it may."""
    if cost == 0 or not ceiling.counts(cloud, account):
        return None
    limit = f"{ceiling.name} is {_usd(ceiling.most)}/h"
    if cost is None:
        return f"its price is not known, and {limit}"
    running = [span for span in others if ceiling.counts(span.cloud, span.account)]
    for span in running:
        if span.hourly_cost is None:
            return f"cluster {span.cluster!r} runs at a price that is not known, and {limit}"
    paid = [span.hourly_cost for span in running if span.hourly_cost]
    spent = sum(paid, Decimal(0))
    if spent + cost <= ceiling.most:
        return None
    if not paid:
        return f"it costs {_usd(cost)}/h, and {limit}"
    those = f"{count(len(paid), 'cluster')} that {'runs' if len(paid) == 1 else 'run'}"
    return f"with the {_usd(spent)}/h of {those} its {_usd(cost)}/h make {_usd(spent + cost)}/h, and {limit}"


def _first_refusal(
    limits: Sequence[Ceiling], cloud: str, account: str, cost: Decimal | None, others: Sequence[Span]
) -> str | None:
    """Why the first of these ceilings that refuses it does; None where none does."""
    return next((why for each in limits if (why := too_much(each, cloud, account, cost, others))), None)


def _usd(amount: Decimal) -> str:
    """An amount with its cents, and with more digits only where it has them."""
    cents = format(amount, ".2f")
    return f"${cents if Decimal(cents) == amount else amount}"


@dataclass(frozen=True, slots=True)
class Purse:
    """What the budget leaves for one launch as things are now, for many choices to be held against."""

    limits: Sequence[Ceiling]
    others: Sequence[Span]
    most: Decimal | None  # that this launch may cost

    @classmethod
    def of(cls, context: Context, cluster: str, most: Decimal | None = None) -> Purse:
        """The budget, and what runs apart from this cluster. Raises InvalidConfig."""
        limits = ceilings(context)
        others = [span for span in context.store.spans.going_on() if span.cluster != cluster] if limits else ()
        return cls(limits, others, most)

    def refusal(self, choice: Choice) -> str | None:
        """Why this choice is more than the budget allows, or than this launch may cost; else None."""
        where = choice.offer.cloud, choice.account
        return _beyond(self.most, choice) or _first_refusal(self.limits, *where, choice.hourly_cost, self.others)


def _beyond(most: Decimal | None, choice: Choice) -> str | None:
    if most is not None and choice.hourly_cost != 0:
        if choice.hourly_cost is None:
            return f"its price is not known, and this launch may cost {_usd(most)}/h"
        if choice.hourly_cost > most:
            return f"it costs {_usd(choice.hourly_cost)}/h, and this launch may cost {_usd(most)}/h"
    return None


def within(context: Context) -> Within | None:
    """The check of a change of a cluster against the budget, for the store to make in the change's own transaction.

    It raises NoOffer. None where there is no budget.
    """
    limits = ceilings(context)

    def check(cluster: ClusterRecord, others: Sequence[Span]) -> None:
        reason = _first_refusal(limits, cluster.cloud, cluster.account, cluster.hourly_cost, others)
        if reason is not None:
            raise NoOffer(
                f"cluster {cluster.name!r} is more than the budget allows: {reason}",
                hint=HINT,
                reasons={label(cluster.cloud, cluster.account): reason},
            )

    return check if limits else None


def require(context: Context, cluster: ClusterRecord, most: Decimal | None = None) -> None:
    """Raise NoOffer when bringing this cluster up is more than ``most``, or more than the budget allows now."""
    cost = cluster.hourly_cost
    if most is not None and cost != 0 and (cost is None or cost > most):
        price = "an unknown price" if cost is None else f"{_usd(cost)}/h"
        raise NoOffer(
            f"cluster {cluster.name!r} is {cluster.state} and comes back for {price}; "
            f"this launch may cost {_usd(most)}/h",
            hint="Launch on a cluster of another name, or allow for more.",
            reasons={label(cluster.cloud, cluster.account): f"it costs {price}"},
        )
    check = within(context)
    if check is not None:
        check(cluster, [span for span in context.store.spans.going_on() if span.cluster != cluster.name])
