"""What clusters have cost: the spans during which they were billed, added up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from styx.store.records import ClusterRecord, Span

GONE = "gone"
_HOUR = Decimal(3600)
_CENTURY = 36500  # days


@dataclass(frozen=True, slots=True)
class Bill:
    """What one cluster has cost on one account. Money is USD; ``state`` is ``gone`` when the cluster is no more.

    ``seconds`` is how long it was billed. For ``unpriced`` of them the price was not known, and they are not in
    ``cost``. ``hourly_cost`` is what it costs right now, None when it is not known; zero once it is over.
    """

    cluster: str
    created_at: datetime
    state: str
    cloud: str
    account: str
    region: str
    instance_type: str
    resources: str
    num_nodes: int
    spot: bool
    task: str
    user: str
    began_at: datetime
    ended_at: datetime | None
    seconds: Decimal
    unpriced: Decimal
    hourly_cost: Decimal | None
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Total:
    """What one account has cost; see :class:`Bill`."""

    cloud: str
    account: str
    unpriced: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True)
class CostReport:
    """What was billed from ``since`` (None: ever) until ``until``, dearest first, and the totals."""

    since: datetime | None
    until: datetime
    bills: tuple[Bill, ...]
    totals: tuple[Total, ...]

    @property
    def cost(self) -> Decimal:
        """All of it, in USD, as far as prices are known."""
        return sum((total.cost for total in self.totals), Decimal(0))


def days_ago(days: int | None, now: datetime) -> datetime | None:
    """Where the last days begin; None is ever. More than a century is one."""
    return None if days is None else now - timedelta(days=min(days, _CENTURY))


def report(
    spans: Iterable[Span], clusters: Iterable[ClusterRecord], since: datetime | None, until: datetime
) -> CostReport:
    """Add up. ``clusters`` are those on record, for their states; what lies before ``since`` does not count."""
    states = {(record.name, record.created_at): str(record.state) for record in clusters}
    groups: dict[tuple[str, datetime, str, str], list[Span]] = {}
    for span in spans:
        groups.setdefault((span.cluster, span.born, span.cloud, span.account), []).append(span)
    bills = [_bill(group, states, since, until) for group in groups.values()]
    bills.sort(key=lambda bill: (-bill.cost, bill.cluster, bill.created_at))
    sums: dict[tuple[str, str], list[Bill]] = {}
    for bill in bills:
        sums.setdefault((bill.cloud, bill.account), []).append(bill)
    totals = [_total(cloud, account, group) for (cloud, account), group in sorted(sums.items())]
    return CostReport(since, until, tuple(bills), tuple(totals))


def _bill(
    spans: Sequence[Span], states: Mapping[tuple[str, datetime], str], since: datetime | None, until: datetime
) -> Bill:
    first, last = spans[0], spans[-1]
    lengths = [span.seconds(since, until) for span in spans]
    priced = [(span.hourly_cost, length) for span, length in zip(spans, lengths, strict=True)]
    return Bill(
        cluster=last.cluster,
        created_at=last.born,
        state=states.get((last.cluster, last.born), GONE),
        cloud=last.cloud,
        account=last.account,
        region=last.region,
        instance_type=last.instance_type,
        resources=last.resources,
        num_nodes=last.num_nodes,
        spot=last.spot,
        task=last.task_name,
        user=last.user,
        began_at=first.began_at,
        ended_at=last.ended_at,
        seconds=sum(lengths, Decimal(0)),
        unpriced=sum((length for price, length in priced if price is None), Decimal(0)),
        hourly_cost=Decimal(0) if last.ended_at is not None else last.hourly_cost,
        cost=sum((price * length / _HOUR for price, length in priced if price is not None), Decimal(0)),
    )


def _total(cloud: str, account: str, bills: Sequence[Bill]) -> Total:
    return Total(
        cloud,
        account,
        sum((bill.unpriced for bill in bills), Decimal(0)),
        sum((bill.cost for bill in bills), Decimal(0)),
    )
