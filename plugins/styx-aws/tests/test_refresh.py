"""The refresher over real HTTP: moto's EC2 behind a server that adds pages, prices and trouble."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from styx.api import (
    AuthFailed,
    CatalogEntry,
    InvalidConfig,
    PermissionDenied,
    ProviderError,
    RateLimited,
    Services,
    Transient,
)
from styx.catalog.sources import PACKAGE, shelves
from styx.catalog.update import update
from styx_aws import ask
from styx_aws.config import Settings
from styx_aws.refresh import AwsRefresher

if TYPE_CHECKING:
    from conftest import Aws

NOW = datetime(2026, 11, 30, 8, 30, tzinfo=UTC)
DESCRIBE = ("DescribeInstanceTypeOfferings", "DescribeSpotPriceHistory", "DescribeInstanceTypes")


class Frozen:
    """A clock that stands."""

    def now(self) -> datetime:
        """Always the same."""
        return NOW

    def monotonic(self) -> float:
        """Always the same."""
        return 0.0

    async def sleep(self, seconds: float) -> None:
        """Not asked for."""
        raise AssertionError(seconds)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited for, without waiting."""
    waited: list[float] = []
    monkeypatch.setattr(ask, "time", SimpleNamespace(sleep=waited.append))
    return waited


def refresher(tmp_path: Path, settings: Settings | None = None) -> AwsRefresher:
    """With these settings, at a time that stands."""
    return AwsRefresher(Services("abc123", "", settings or Settings(), tmp_path, Frozen(), logging.getLogger("test")))


def entries(tmp_path: Path, settings: Settings | None = None) -> dict[tuple[str, str], CatalogEntry]:
    """What a refresh finds, by type and zone."""
    found = list(refresher(tmp_path, settings).entries(lambda _: None))
    assert all(len(entry.zones) == 1 for entry in found)
    return {(entry.instance_type, entry.zones[0]): entry for entry in found}


def test_everything_that_is_sold_is_found_page_by_page(aws: Aws, tmp_path: Path) -> None:
    """Each type is found in each of its zones in each region that is enabled, from all pages; Macs are not."""
    found = entries(tmp_path)
    assert {name for name, _ in found} == {"c7g.medium", "g5.xlarge", "g6f.large", "p4de.24xlarge", "trn1.32xlarge"}
    assert {zone for name, zone in found if name == "p4de.24xlarge"} == {"us-east-1b", "us-east-1c"}
    assert {zone[:-1] for name, zone in found if name == "g5.xlarge"} == {"eu-west-1", "us-east-1"}
    assert aws.actions("us-east-1").count("DescribeInstanceTypes") == 2


def test_types_are_what_ec2_says(aws: Aws, tmp_path: Path) -> None:
    """Processors, memory, local disks and devices, named and counted as task files do."""
    found = entries(tmp_path, Settings(regions=("us-east-1",)))
    seen = {name: entry for (name, _), entry in found.items()}
    device = {name: entry.accelerator for name, entry in seen.items()}
    assert (seen["c7g.medium"].arch, seen["c7g.medium"].memory_gib, device["c7g.medium"]) == ("arm64", 2, None)
    assert (seen["g5.xlarge"].vcpus, seen["g5.xlarge"].disk_gib) == (4, 232)
    assert [(each.name, each.count, each.memory_gib) for name in sorted(device) if (each := device[name])] == [
        ("A10G", 1, 22), ("L4", 0.125, 22), ("A100-80GB", 8, 80), ("Trainium", 16, 32),
    ]  # fmt: skip
    assert seen["p4de.24xlarge"].capabilities == {"efa"}


def test_prices_are_of_the_region_and_the_zone(aws: Aws, tmp_path: Path) -> None:
    """On demand by region, as spot by zone the latest; what has no price has none."""
    found = entries(tmp_path)
    a, b, c = (found["g5.xlarge", f"us-east-1{zone}"] for zone in "abc")
    assert [(each.hourly, each.spot) for each in (a, b, c)] == [
        (Decimal("1.006"), Decimal("0.51")), (Decimal("1.006"), Decimal("0.62")), (Decimal("1.006"), None),
    ]  # fmt: skip
    assert found["p4de.24xlarge", "us-east-1c"].spot == Decimal("20.5")
    assert found["g5.xlarge", "eu-west-1a"].hourly is None
    assert found["c7g.medium", "us-east-1a"].hourly is None


def test_prices_of_shared_linux_machines_are_asked_for(aws: Aws, tmp_path: Path) -> None:
    """Not those of other licences, of dedicated machines, or of reservations that nobody uses."""
    entries(tmp_path, Settings(regions=("eu-west-1",)))
    (asked,) = [each for _, action, each in aws.asked if action == "GetProducts"]
    assert {each["Field"]: each["Value"] for each in asked["Filters"]} == {
        "operatingSystem": "Linux", "preInstalledSw": "NA", "tenancy": "Shared", "capacitystatus": "Used",
        "operation": "RunInstances", "regionCode": "eu-west-1",
    }  # fmt: skip
    (spot,) = [each for _, action, each in aws.asked if action == "DescribeSpotPriceHistory"]
    assert (spot["StartTime"], spot["ProductDescription.1"]) == ("2026-11-30T08:30:00Z", "Linux/UNIX")


def test_every_entry_names_a_source(aws: Aws, tmp_path: Path) -> None:
    """The sources are AWS' APIs, of the day of the refresh."""
    asked = refresher(tmp_path)
    named = {name for entry in asked.entries(lambda _: None) for name in (entry.source, entry.type_source)}
    assert named == set(asked.sources())
    assert {source.as_of for source in asked.sources().values()} == {NOW.date()}


def test_a_page_that_is_refused_is_asked_for_again(aws: Aws, tmp_path: Path, pauses: list[float]) -> None:
    """Nothing is missing after too many requests, a server's error or half an answer; botocore repeats nothing."""
    whole = entries(tmp_path)
    aws.asked.clear()
    aws.refuse("DescribeInstanceTypes", "RequestLimitExceeded", 503)
    aws.refuse("DescribeInstanceTypeOfferings", "InternalError", 500, times=2)
    aws.refusals["DescribeSpotPriceHistory"] = [(200, "<DescribeSpotPriceHistoryResponse><spotPriceHistorySet><item>")]
    aws.refusals["GetProducts"] = [(400, '{"__type": "ThrottlingException", "message": "Rate exceeded"}')]
    assert entries(tmp_path) == whole
    assert pauses == [1.0, 2.0, 1.0, 1.0, 1.0]
    assert aws.actions("eu-west-1").count("DescribeInstanceTypeOfferings") == 4


def test_an_update_has_a_row_for_all_zones_with_one_price(
    aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing that was found is left out."""
    monkeypatch.setenv("STYX_HOME", str(tmp_path))
    (shelf,) = [shelf for shelf in shelves() if shelf.cloud == "aws"]
    new = update(shelf, refresher(tmp_path).services, lambda _: None, force=True).new
    assert not new.skipped
    rows = {row.zones: row.spot for row in new.prices if row[:2] == ("g5.xlarge", "us-east-1")}
    unpriced = tuple(f"us-east-1{zone}" for zone in "cdf")
    assert rows == {("us-east-1a",): 510_000_000, ("us-east-1b",): 620_000_000, unpriced: None}


def test_what_there_was_stays_where_an_update_ends_half_way(
    aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that expires after the first region has cost nothing but time."""
    monkeypatch.setenv("STYX_HOME", str(tmp_path))
    (shelf,) = [shelf for shelf in shelves() if shelf.cloud == "aws"]

    def expire(told: str) -> None:
        if "2 of 2" in told:
            aws.refuse("DescribeInstanceTypes", "ExpiredToken")

    with pytest.raises(AuthFailed):
        update(shelf, refresher(tmp_path).services, expire, force=True)
    assert "DescribeInstanceTypes" in aws.actions("eu-west-1")
    assert shelf.chosen() == (shelf.folder, PACKAGE)


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("AuthFailure", 401, AuthFailed),
        ("ExpiredToken", 400, AuthFailed),
        ("RequestLimitExceeded", 503, RateLimited),
        ("Unavailable", 503, Transient),
    ],
)
def test_what_goes_on_failing_is_the_contracts_error(
    aws: Aws, tmp_path: Path, code: str, status: int, error: type[ProviderError]
) -> None:
    """With the action and AWS' own words, and not before patience is at an end where patience may help."""
    aws.refuse("DescribeRegions", code, status, times=9)
    with pytest.raises(error, match=f"ec2:DescribeRegions was answered with {code}: No."):
        entries(tmp_path)
    assert len(aws.asked) == (1 if error is AuthFailed else 1 + len(ask.WAITS))


def test_a_region_that_may_not_be_asked_is_left_out(aws: Aws, tmp_path: Path) -> None:
    """The others are found, and the source says what is missing."""
    aws.refuse("DescribeInstanceTypeOfferings", "UnauthorizedOperation", 403)
    told: list[str] = []
    asked = refresher(tmp_path)
    assert {entry.region for entry in asked.entries(told.append)} == {"us-east-1"}
    assert any("leaving out eu-west-1" in line for line in told)
    assert "not of eu-west-1" in asked.sources()["ec2"].what


def test_where_no_region_may_be_asked_nothing_is_found(aws: Aws, tmp_path: Path) -> None:
    """The error names the action that is missing."""
    aws.refusals["GetProducts"] = [(400, '{"__type": "AccessDeniedException", "Message": "Not you."}')] * 2
    with pytest.raises(PermissionDenied, match="Not you") as caught:
        entries(tmp_path)
    assert caught.value.action == "pricing:GetProducts"


def test_a_type_of_which_too_little_is_said_is_left_out(aws: Aws, tmp_path: Path) -> None:
    """One of a kind that is new to us does not keep the others from being found."""
    aws.unsaid = "gpuInfo"
    assert ("g5.xlarge", "us-east-1a") in entries(tmp_path)
    aws.unsaid = "memoryInfo"
    told: list[str] = []
    assert not list(refresher(tmp_path).entries(told.append))
    assert "leaving out g5.xlarge: nothing is said of 'MemoryInfo'" in told


def test_a_profile_that_is_not_there_is_named(aws: Aws, tmp_path: Path) -> None:
    """With the setting that names it."""
    with pytest.raises(InvalidConfig, match="nobody") as caught:
        entries(tmp_path, Settings(profile="nobody"))
    assert "clouds.aws.profile" in str(caught.value.hint)


def test_without_credentials_nothing_is_asked(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said what is missing."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(AuthFailed, match="needs credentials"):
        entries(tmp_path)
    assert aws.asked == []


def test_a_server_that_is_down_is_transient(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was sent."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", "http://127.0.0.1:1")
    with pytest.raises(Transient, match="ec2:DescribeRegions has no answer"):
        entries(tmp_path)
