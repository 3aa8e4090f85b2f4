"""Where machines may be rented, and where they are looked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from styx.api import OfferQuery, Scope
from styx_aws.cloud import AwsCloud

if TYPE_CHECKING:
    from conftest import Ec2


def selling(ec2: Ec2, place: str = "here", **settings: object) -> AwsCloud:
    """A client whose catalog has offers in two regions."""
    here = ec2.request().offer
    abroad = replace(here, region="eu-south-1", scope=Scope("eu-south-1"), zone="eu-south-1a")
    return ec2.client(place, sold=(here, abroad), **settings)


def sold(cloud: AwsCloud) -> list[str]:
    """The regions of its offers."""
    return [offer.region for offer in cloud.offers(OfferQuery())]


def test_only_regions_that_are_on_are_rented_in(ec2: Ec2) -> None:
    """The catalog has all there are."""
    assert sold(selling(ec2)) == ["us-east-1", "eu-south-1"]
    ec2.bed.habits.regions_off.add("eu-south-1")
    other = selling(ec2, "elsewhere")
    assert sold(other) == ["us-east-1"]
    assert Scope("eu-south-1") not in other.scopes()


def test_the_regions_of_the_settings_are_all_there_are(ec2: Ec2) -> None:
    """Nothing is asked for them."""
    cloud = selling(ec2, regions=("eu-south-1",))
    assert sold(cloud) == ["eu-south-1"]
    assert list(cloud.scopes()) == [Scope("eu-south-1")]
    assert ec2.calls() == []


def test_offers_ask_once_a_day(ec2: Ec2, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those of the next client; other credentials ask for themselves."""
    for _ in range(2):
        sold(selling(ec2))
    assert ec2.calls() == ["ec2:DescribeRegions"]
    ec2.clock.advance(86401)
    sold(selling(ec2))
    assert ec2.calls() == ["ec2:DescribeRegions"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIASTYXTESTBED00002")
    sold(selling(ec2))
    assert ec2.calls() == ["ec2:DescribeRegions"]


def test_what_is_looked_at_is_asked_for_by_each_client(ec2: Ec2) -> None:
    """A region that was switched on an hour ago may have machines."""
    sold(selling(ec2))
    ec2.calls()
    other = ec2.client()
    assert len(list(other.scopes())) == len(list(other.scopes())) > 1
    assert ec2.calls() == ["ec2:DescribeRegions"]


@pytest.mark.parametrize("kept", ["", "[]", '{"whose": 1}'])
def test_a_note_that_makes_no_sense_is_not_believed(ec2: Ec2, kept: str) -> None:
    """It is written anew."""
    (ec2.cloud.services.state_dir / "regions.json").write_text(kept)
    assert sold(selling(ec2)) == ["us-east-1", "eu-south-1"]


def test_without_a_catalog_nothing_is_sold(ec2: Ec2) -> None:
    """And nobody asked."""
    assert list(AwsCloud(replace(ec2.cloud.services, catalog=None)).offers(OfferQuery())) == []
    assert ec2.calls() == []
