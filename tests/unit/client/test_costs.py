"""Adding up what was billed."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from styx.client.costs import GONE, days_ago, report
from styx.store.records import Span
from styx.store.states import ClusterState
from support.records import NOW, cluster

HOURS = st.integers(0, 100)


def span(
    name: str = "a", began: float = 0, hours: float | None = 1, price: Decimal | None = Decimal(1), **changes: object
) -> Span:
    """A span that began so many hours after all began."""
    at = NOW + timedelta(hours=began)
    values: dict[str, object] = {
        "cluster": name, "born": NOW, "cloud": "acme", "account": "default", "region": "", "instance_type": "",
        "resources": "", "num_nodes": 1, "spot": False, "task_name": "", "user": "", "billing": "full",
        "hourly_cost": price, "began_at": at, "ended_at": None if hours is None else at + timedelta(hours=hours),
    }  # fmt: skip
    return Span(**{**values, **changes})  # type: ignore[arg-type]


spans = st.builds(
    span,
    st.sampled_from(["a", "b"]),
    HOURS,
    st.none() | HOURS,
    st.none() | st.decimals(0, 100, places=4),
    account=st.sampled_from(["dev", "prod"]),
)


def test_where_the_last_days_begin() -> None:
    """However many there are: of a number that no calendar has, a century counts."""
    assert days_ago(None, NOW) is None
    assert days_ago(2, NOW) == NOW - timedelta(days=2)
    assert days_ago(10**30, NOW) == days_ago(36500, NOW)


def test_each_cluster_and_account() -> None:
    """Two clusters of one name have a bill each, and so has one that moved to another account before it was made."""
    later = NOW + timedelta(hours=1)
    found = report(
        [span(), span(born=later, began=1, hours=None), span(account="dev"), span("b", price=None)],
        [cluster("a", ClusterState.UP, created_at=later)],
        None,
        NOW + timedelta(hours=3),
    )
    assert [(bill.cluster, bill.account, bill.state, bill.cost) for bill in found.bills] == [
        ("a", "default", "up", 2), ("a", "default", GONE, 1), ("a", "dev", GONE, 1), ("b", "default", GONE, 0),
    ]  # fmt: skip
    assert [(total.account, total.cost, total.unpriced) for total in found.totals] == [
        ("default", 3, 3600), ("dev", 1, 0),
    ]  # fmt: skip
    assert found.cost == 4
    assert [bill.hourly_cost for bill in found.bills] == [1, 0, 0, 0]


def test_money_is_exact() -> None:
    """Cents are not lost to floating point, however often they are added."""
    found = report([span(began=n, price=Decimal("0.1")) for n in range(30)], [], None, NOW + timedelta(hours=99))
    assert found.cost == 3


@given(found=st.lists(spans, max_size=8), cut=st.integers(0, 250))
def test_two_times_add_up_to_both(found: list[Span], cut: int) -> None:
    """What was billed until a moment and since then is what was billed; the totals are the sums of the bills."""
    end, middle = NOW + timedelta(hours=250), NOW + timedelta(hours=cut)
    whole, first, second = (report(found, [], *times) for times in ((None, end), (None, middle), (middle, end)))
    assert abs(whole.cost - first.cost - second.cost) < Decimal("1e-20")
    assert abs(whole.cost - sum(bill.cost for bill in whole.bills)) < Decimal("1e-20")
    seconds = sum(bill.seconds for bill in whole.bills)
    assert sum(bill.seconds for bill in first.bills) + sum(bill.seconds for bill in second.bills) == seconds


def test_a_clock_that_was_set_back() -> None:
    """A span that ended before it began, as far as the clock could tell, costs nothing rather than less."""
    assert report([span(hours=-1)], [], None, NOW).cost == 0
