"""Ceilings on what may run and be spent: refused before anything is made, and never passed by two who launch at once.

What counts is what is billed right now, cluster by cluster, also while it cannot be seen; for a month also what was
billed since it began, in UTC. A launch is counted from the commit that says its machines are about to be asked for; in
that same transaction it is compared with the others. What costs nothing (machines you own) is never refused. What has
no known price is refused, and so is whatever would come on top of it: no sum could be told. In a month what runs counts
for an hour at least, so that many who launch at once do not all find the same money.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Self

from styx.api.errors import NoOffer
from styx.config import require_clouds
from styx.engine.context import Context
from styx.optimizer.rank import Choice, label
from styx.store.clusters import Within
from styx.store.records import ClusterRecord, Span
from styx.store.spans import Billed, Paid
from styx.words import count

HINT = (
    "`styx status` shows what runs and `styx down` gives it back; `styx cost-report` shows what was spent; "
    "`styx config list` shows the budgets; --max-cost is for one launch alone."
)
_HOUR = Decimal(3600)
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most that may run at one time, in USD per hour: of everything, of one cloud, of one account, of one user.

    With ``monthly`` the most that may be spent in a month of the calendar, in USD.
    """

    most: Decimal
    cloud: str | None = None
    account: str | None = None
    user: str | None = None
    monthly: bool = False

    @property
    def name(self) -> str:
        """What it is a ceiling of, in words."""
        whole = "the monthly budget" if self.monthly else "the budget"
        if self.user is not None:
            return f"{whole} of user {self.user}"
        return f"{whole} of {label(self.cloud, self.account or '')}" if self.cloud else whole

    def counts(self, cloud: str, account: str, user: str) -> bool:
        """Whether what runs there, for that user, is part of it."""
        return self.cloud in (None, cloud) and self.account in (None, account) and self.user in (None, user)


@dataclass(frozen=True, slots=True)
class Addition:
    """What would come on top of what is billed. ``hourly_cost`` is USD for all nodes, None where it is not known."""

    cloud: str
    account: str
    user: str
    hourly_cost: Decimal | None


@dataclass(frozen=True, slots=True)
class Counted:
    """What is billed ``now``, and where a ceiling is monthly also what was ``paid`` since the first of the month."""

    now: datetime
    spans: Sequence[Span] = ()
    paid: Sequence[Paid] = ()

    @classmethod
    def of(cls, limits: Sequence[Ceiling], billed: Billed) -> Self:
        """As far as these ceilings ask for it."""
        monthly = any(each.monthly for each in limits)
        return cls(billed.now, billed.going_on(), billed.ended(_first_of_month(billed.now)) if monthly else ())

    def spent(self, ceiling: Ceiling) -> Decimal:
        """What counts for it of this month, in whole cents; what goes on for an hour at least."""
        first = _first_of_month(self.now)
        running = [
            Paid(each.cloud, each.account, each.user, each.hourly_cost, max(each.seconds(first, self.now), _HOUR))
            for each in self.spans
            if each.hourly_cost is not None
        ]
        costs = [
            each.hourly_cost * each.seconds / _HOUR
            for each in (*running, *self.paid)
            if ceiling.counts(each.cloud, each.account, each.user)
        ]
        return sum(costs, Decimal(0)).quantize(_CENT, ROUND_HALF_UP)


def ceilings(context: Context) -> list[Ceiling]:
    """Those that are set. Raises InvalidConfig for a cloud that is neither installed, usable or not, nor set up."""
    budget = context.config.budget
    installed = [each.name for each in context.plugins.provided("cloud")]
    require_clouds(budget.accounts, [*installed, *context.config.clouds])
    found = [] if budget.max_hourly_cost is None else [Ceiling(budget.max_hourly_cost)]
    for key, most in budget.accounts.items():
        cloud, _, account = key.partition("/")
        found.append(Ceiling(most, cloud, account or None))
    found += [Ceiling(most, user=user) for user, most in budget.users.items()]
    if budget.monthly is not None:
        found.append(Ceiling(budget.monthly, monthly=True))
    return [*found, *(Ceiling(most, user=user, monthly=True) for user, most in budget.users_monthly.items())]


def too_much(ceiling: Ceiling, addition: Addition, counted: Counted) -> str | None:
    """Why that may not be added to what is billed; None when it may."""
    cost = addition.hourly_cost
    if cost == 0 or not ceiling.counts(addition.cloud, addition.account, addition.user):
        return None
    limit = f"{ceiling.name} is {_usd(ceiling.most)}{'' if ceiling.monthly else '/h'}"
    if cost is None:
        return f"its price is not known, and {limit}"
    running = [span for span in counted.spans if ceiling.counts(span.cloud, span.account, span.user)]
    for span in running:
        if span.hourly_cost is None:
            return f"cluster {span.cluster!r} runs at a price that is not known, and {limit}"
    paid = [span.hourly_cost for span in running if span.hourly_cost]
    spent = counted.spent(ceiling) if ceiling.monthly else sum(paid, Decimal(0))
    if spent + cost <= ceiling.most:
        return None
    told = _this_month(cost, spent) if ceiling.monthly else _at_one_time(cost, spent, len(paid))
    return f"{told}, and {limit}"


def _at_one_time(cost: Decimal, spent: Decimal, clusters: int) -> str:
    if not clusters:
        return f"it costs {_usd(cost)}/h"
    those = f"{count(clusters, 'cluster')} that {'runs' if clusters == 1 else 'run'}"
    return f"with the {_usd(spent)}/h of {those} its {_usd(cost)}/h make {_usd(spent + cost)}/h"


def _this_month(cost: Decimal, spent: Decimal) -> str:
    if not spent:
        return f"its first hour costs {_usd(cost)}"
    return f"with the {_usd(spent)} of this month its first hour makes {_usd(spent + cost)}"


def _first_refusal(limits: Sequence[Ceiling], addition: Addition, counted: Counted) -> str | None:
    """Why the first of these ceilings that refuses it does; None where none does."""
    return next((why for each in limits if (why := too_much(each, addition, counted))), None)


def _first_of_month(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _usd(amount: Decimal) -> str:
    """An amount with its cents, and with more digits only where it has them."""
    cents = format(amount, ".2f")
    return f"${cents if Decimal(cents) == amount else amount}"


@dataclass(frozen=True, slots=True)
class Purse:
    """What the budget leaves for one launch as things are now, for many choices to be held against."""

    limits: Sequence[Ceiling]
    counted: Counted
    user: str
    most: Decimal | None  # that this launch may cost an hour

    @classmethod
    def of(cls, context: Context, cluster: str, most: Decimal | None = None) -> Purse:
        """The budget, and what is billed apart from this cluster. Raises InvalidConfig."""
        limits = ceilings(context)
        counted = _counted(context, limits, cluster) if limits else Counted(context.clock.now())
        return cls(limits, counted, context.user, most)

    def refusal(self, choice: Choice) -> str | None:
        """Why this choice is more than the budget allows, or than this launch may cost; else None."""
        addition = Addition(choice.offer.cloud, choice.account, self.user, choice.hourly_cost)
        return _beyond(self.most, choice) or _first_refusal(self.limits, addition, self.counted)


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
    return (lambda cluster, billed: _check(limits, cluster, Counted.of(limits, billed))) if limits else None


def _check(limits: Sequence[Ceiling], cluster: ClusterRecord, counted: Counted) -> None:
    addition = Addition(cluster.cloud, cluster.account, cluster.user, cluster.hourly_cost)
    reason = _first_refusal(limits, addition, counted)
    if reason is not None:
        raise NoOffer(
            f"cluster {cluster.name!r} is more than the budget allows: {reason}",
            hint=HINT,
            reasons={label(cluster.cloud, cluster.account): reason},
        )


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
    limits = ceilings(context)
    if limits:
        _check(limits, cluster, _counted(context, limits, cluster.name))


def _counted(context: Context, limits: Sequence[Ceiling], but: str) -> Counted:
    """What is billed beside this cluster, as things are now."""
    with context.store.spans.billed(but) as billed:
        return Counted.of(limits, billed)
