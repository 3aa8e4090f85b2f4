"""``styx cost-report``."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from styx.store.records import Span
from support.fake_client import EPOCH, FakeClient


def span(cluster: str, began: float, ended: float | None, price: str | None, **changes: object) -> Span:
    """A span in hours since the epoch of the fake client, whose report is made ten hours after it."""
    values: dict[str, object] = {
        "cluster": cluster, "born": EPOCH, "cloud": "acme", "account": "default", "region": "east",
        "instance_type": "small", "resources": "2 CPUs", "num_nodes": 1, "spot": False, "task_name": "t",
        "user": "me", "billing": "full", "hourly_cost": None if price is None else Decimal(price),
        "began_at": EPOCH + timedelta(hours=began),
        "ended_at": None if ended is None else EPOCH + timedelta(hours=ended),
    }  # fmt: skip
    return Span(**{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture
def billed(client: FakeClient) -> FakeClient:
    """One cluster that runs and one that is gone, on two accounts."""
    client.add("a", cloud="acme", created_at=EPOCH)
    client.spans = [span("a", 0, 2, "1.50"), span("b", 0, 1, "0.10", account="dev"), span("a", 4, None, "0.01")]
    return client


def test_what_clusters_have_cost(styx, billed: FakeClient):
    """Dearest first, also what is gone; then the accounts, and all of them together."""
    lines = styx("cost-report").stdout.splitlines()
    assert " ".join(lines[0].split()) == "CLUSTER STATE INFRA ACCOUNT NODES RESOURCES BEGAN BILLED COST"
    assert lines[1].split()[:4] == ["a", "up", "acme/east", "default"]
    assert lines[1].endswith("8h      $3.06")
    assert lines[2].split()[:4] == ["b", "gone", "acme/east", "dev"]
    assert [line.split() for line in lines[-3:]] == [
        ["acme", "default", "$3.06"], ["acme", "dev", "$0.10"], ["all", "-", "$3.16"],
    ]  # fmt: skip


def test_the_last_days(styx, billed: FakeClient):
    """Days are passed on, and JSON has strings of money."""
    found = json.loads(styx("cost-report", "--days", "7", "-o", "json").stdout)
    assert ("costs", 7) in billed.calls
    assert found["cost"] == "3.160000"
    assert found["totals"][1] == {"cloud": "acme", "account": "dev", "unpriced_seconds": 0.0, "cost": "0.100000"}
    first = found["clusters"][0]
    assert (first["cost"], first["seconds"], first["hourly_cost"]) == ("3.060000", 8 * 3600, "0.01")
    assert (first["ended_at"], first["began_at"]) == (None, "2025-01-02T03:04:05Z")


def test_a_price_that_is_not_known(styx, client: FakeClient):
    """It is not taken for nothing: the sum has a plus, and a dash where it is all that there is."""
    client.spans = [span("a", 0, 1, "1"), span("a", 1, 2, None), span("b", 0, 1, None, cloud="other")]
    result = styx("cost-report")
    assert "more than that" in result.stderr
    assert [line.split()[-1] for line in result.stdout.splitlines()[1:3]] == ["$1.00+", "-"]
    found = json.loads(styx("cost-report", "-o", "json").stdout)
    assert [(each["cost"], each["unpriced_seconds"]) for each in found["clusters"]] == [
        ("1.000000", 3600.0), ("0.000000", 3600.0),
    ]  # fmt: skip


def test_nothing_was_billed(styx, client: FakeClient):
    """It says so in a sentence."""
    assert styx("cost-report").stdout == "Nothing was billed yet.\n"
    assert styx("cost-report", "--days", "2").stdout == "Nothing was billed in the last 2 days.\n"
    assert styx("cost-report", "--days", "0").exit_code == 2
