"""The refresher over real HTTP: moto's EC2 behind a server that adds pages, prices and trouble."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from styx.api import (
    AuthFailed,
    InvalidConfig,
    PermissionDenied,
    ProviderError,
    RateLimited,
    Transient,
)
from styx.api.catalog import WAITS

if TYPE_CHECKING:
    from conftest import Aws

DESCRIBE = ("DescribeInstanceTypeOfferings", "DescribeSpotPriceHistory", "DescribeInstanceTypes")


def test_everything_that_is_sold_is_found_page_by_page(aws: Aws) -> None:
    """Each type is found in each of its zones in each region that is enabled, from all pages; Macs are not."""
    found = aws.entries()
    assert {name for name, _ in found} == {"c7g.medium", "g5.xlarge", "g6f.large", "p4de.24xlarge", "trn1.32xlarge"}
    assert {zone for name, zone in found if name == "p4de.24xlarge"} == {"us-east-1b", "us-east-1c"}
    assert {zone[:-1] for name, zone in found if name == "g5.xlarge"} == {"eu-west-1", "us-east-1"}
    assert aws.actions("us-east-1").count("DescribeInstanceTypes") == 2


def test_types_are_what_ec2_says(aws: Aws) -> None:
    """Processors, memory, local disks and devices, named and counted as task files do."""
    found = aws.entries(regions=("us-east-1",))
    seen = {name: entry for (name, _), entry in found.items()}
    device = {name: entry.accelerator for name, entry in seen.items()}
    assert (seen["c7g.medium"].arch, seen["c7g.medium"].memory_gib, device["c7g.medium"]) == ("arm64", 2, None)
    assert (seen["g5.xlarge"].vcpus, seen["g5.xlarge"].disk_gib) == (4, 232)
    assert [(each.name, each.count, each.memory_gib) for name in sorted(device) if (each := device[name])] == [
        ("A10G", 1, 22), ("L4", 0.125, 22), ("A100-80GB", 8, 80), ("Trainium", 16, 32),
    ]  # fmt: skip
    assert seen["p4de.24xlarge"].capabilities == {"efa"}


def test_prices_are_of_the_region_and_the_zone(aws: Aws) -> None:
    """On demand by region, as spot by zone the latest; what has no price has none."""
    found = aws.entries()
    a, b, c = (found["g5.xlarge", f"us-east-1{zone}"] for zone in "abc")
    assert [(each.hourly, each.spot) for each in (a, b, c)] == [
        (Decimal("1.006"), Decimal("0.51")), (Decimal("1.006"), Decimal("0.62")), (Decimal("1.006"), None),
    ]  # fmt: skip
    assert found["p4de.24xlarge", "us-east-1c"].spot == Decimal("20.5")
    assert found["g5.xlarge", "eu-west-1a"].hourly is None
    assert found["c7g.medium", "us-east-1a"].hourly is None


def test_prices_of_shared_linux_machines_are_asked_for(aws: Aws) -> None:
    """Not those of other licences, of dedicated machines, or of reservations that nobody uses."""
    aws.entries(regions=("eu-west-1",))
    (asked,) = [each for _, action, each in aws.asked if action == "GetProducts"]
    assert {each["Field"]: each["Value"] for each in asked["Filters"]} == {
        "operatingSystem": "Linux", "preInstalledSw": "NA", "tenancy": "Shared", "capacitystatus": "Used",
        "operation": "RunInstances", "regionCode": "eu-west-1",
    }  # fmt: skip
    (spot,) = [each for _, action, each in aws.asked if action == "DescribeSpotPriceHistory"]
    assert (spot["StartTime"], spot["ProductDescription.1"]) == ("2026-11-30T08:30:00Z", "Linux/UNIX")


def test_a_page_that_is_refused_is_asked_for_again(aws: Aws, pauses: list[float]) -> None:
    """Nothing is missing after too many requests, a server's error or half an answer; botocore repeats nothing."""
    whole = aws.entries()
    aws.asked.clear()
    aws.refuse("DescribeInstanceTypes", "RequestLimitExceeded", 503)
    aws.refuse("DescribeInstanceTypeOfferings", "InternalError", 500, times=2)
    aws.refusals["DescribeSpotPriceHistory"] = [(200, "<DescribeSpotPriceHistoryResponse><spotPriceHistorySet><item>")]
    aws.refusals["GetProducts"] = [(400, '{"__type": "ThrottlingException", "message": "Rate exceeded"}')]
    assert aws.entries() == whole
    assert pauses == [1.0, 2.0, 1.0, 1.0, 1.0]
    assert aws.actions("eu-west-1").count("DescribeInstanceTypeOfferings") == 4


def test_credentials_that_expire_half_way_are_no_region_to_leave_out(aws: Aws) -> None:
    """What was found until then is not all that there is."""

    def expire(told: str) -> None:
        if "2 of 2" in told:
            aws.refuse("DescribeInstanceTypes", "ExpiredToken")

    with pytest.raises(AuthFailed):
        list(aws.refresher().entries(expire))
    assert "DescribeInstanceTypes" in aws.actions("eu-west-1")


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
    aws: Aws, code: str, status: int, error: type[ProviderError]
) -> None:
    """With the action and AWS' own words, and not before patience is at an end where patience may help."""
    aws.refuse("DescribeRegions", code, status, times=9)
    with pytest.raises(error, match=f"ec2:DescribeRegions was answered with {code}: No."):
        aws.entries()
    assert len(aws.asked) == (1 if error is AuthFailed else 1 + len(WAITS))


def test_a_region_that_may_not_be_asked_is_left_out(aws: Aws) -> None:
    """The others are found, and the source says what is missing."""
    aws.refuse("DescribeInstanceTypeOfferings", "UnauthorizedOperation", 403)
    told: list[str] = []
    asked = aws.refresher()
    assert {entry.region for entry in asked.entries(told.append)} == {"us-east-1"}
    assert any("leaving out eu-west-1" in line for line in told)
    assert "not of eu-west-1" in asked.sources()["ec2"].what


def test_where_no_region_may_be_asked_nothing_is_found(aws: Aws) -> None:
    """The error names the action that is missing."""
    aws.refusals["GetProducts"] = [(400, '{"__type": "AccessDeniedException", "Message": "Not you."}')] * 2
    with pytest.raises(PermissionDenied, match="Not you") as caught:
        aws.entries()
    assert caught.value.action == "pricing:GetProducts"


def test_a_type_of_which_too_little_is_said_is_left_out(aws: Aws) -> None:
    """One of a kind that is new to us does not keep the others from being found."""
    aws.unsaid = "gpuInfo"
    assert ("g5.xlarge", "us-east-1a") in aws.entries()
    aws.unsaid = "memoryInfo"
    told: list[str] = []
    assert not list(aws.refresher().entries(told.append))
    assert "leaving out g5.xlarge: nothing is said of 'MemoryInfo'" in told


def test_a_profile_that_is_not_there_is_named(aws: Aws) -> None:
    """With the setting that names it."""
    with pytest.raises(InvalidConfig, match="nobody") as caught:
        aws.entries(profile="nobody")
    assert "clouds.aws.profile" in str(caught.value.hint)


def test_without_credentials_nothing_is_asked(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said what is missing."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(AuthFailed, match="needs credentials"):
        aws.entries()
    assert aws.asked == []


def test_a_server_that_is_down_is_transient(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was sent."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", "http://127.0.0.1:1")
    with pytest.raises(Transient, match="ec2:DescribeRegions has no answer"):
        aws.entries()
