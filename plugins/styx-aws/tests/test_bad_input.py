"""What goes wrong before a machine runs, and the sentence that the user reads of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from styx.api import (
    AuthFailed,
    InsufficientCapacity,
    InvalidConfig,
    InvalidRequest,
    NotFound,
    OfferGone,
    OutcomeUnknown,
    PermissionDenied,
    QuotaExceeded,
    Scope,
    Transient,
)
from styx.testing.cloud.refusals import refusing
from styx_aws.config import Settings

if TYPE_CHECKING:
    from conftest import Ec2


_NAMES_PROFILES = ("AWS_PROFILE", "clouds.aws.profile", "storage.s3.profile")


def test_without_credentials_it_says_how_to_get_some(ec2: Ec2, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was asked."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(AuthFailed, match="sts:GetCallerIdentity needs credentials: Unable to locate") as caught:
        ec2.client().check()
    assert caught.value.hint == "`aws configure` or AWS_PROFILE names some."
    assert ec2.calls() == []


@pytest.mark.parametrize(
    ("key", "hint"),
    [("AKIANOBODY0000000000", "`aws sts get-caller-identity`"), ("AKIASTYXTESTBED00001", "`aws sso login`")],
)
def test_wrong_and_expired_credentials_are_told_apart_from_denied_ones(
    ec2: Ec2, monkeypatch: pytest.MonkeyPatch, key: str, hint: str
) -> None:
    """With AWS' word for what is wrong with them, and how to see whose they are, or to renew them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
    ec2.bed.habits.expired.add("AKIASTYXTESTBED00001")
    with pytest.raises(AuthFailed, match=r"was answered with (InvalidClientTokenId|ExpiredToken)") as caught:
        ec2.client().check()
    assert hint in str(caught.value.hint)


def test_a_profile_that_is_not_there_is_named(ec2: Ec2) -> None:
    """With all that may have named it."""
    with pytest.raises(InvalidConfig, match="nobody") as caught:
        ec2.client(profile="nobody").check()
    assert [name in str(caught.value.hint) for name in _NAMES_PROFILES] == [True, True, True]


@pytest.mark.parametrize(
    "action",
    ["ssm:GetParameter", "ec2:DescribeVpcs", "ec2:ImportKeyPair", "ec2:CreateSecurityGroup", "ec2:DescribeImages"],
)
def test_a_denied_action_is_named(ec2: Ec2, action: str) -> None:
    """And where everything that is needed is written."""
    ec2.bed.habits.denied.add(action)
    with pytest.raises(PermissionDenied, match=f"{action} in us-east-1 was answered with") as caught:
        ec2.cloud.prepare(ec2.request())
    assert caught.value.action == action
    assert f"Allow {action}" in str(caught.value.hint)
    assert "styx check aws --policy" in str(caught.value.hint)


def test_a_launch_that_is_denied_is_named(ec2: Ec2) -> None:
    """Nothing was bought."""
    prepared = ec2.cloud.prepare(ec2.request())
    ec2.bed.habits.denied.add("ec2:RunInstances")
    with pytest.raises(PermissionDenied, match="not authorized to perform: ec2:RunInstances"):
        ec2.cloud.launch(prepared)
    assert ec2.bed.left() == []


def test_a_quota_of_zero_says_how_to_raise_it(ec2: Ec2) -> None:
    """With what is counted, and the limit."""
    ec2.bed.habits.vcpus = 0
    with pytest.raises(QuotaExceeded, match="your current vCPU limit of 0 allows") as caught:
        ec2.launched()
    assert (caught.value.limit, caught.value.scope) == ("0", "us-east-1")
    assert "Service Quotas" in str(caught.value.hint)


def test_a_quota_of_spot_machines_is_another(ec2: Ec2) -> None:
    """One may be zero and the other not."""
    ec2.bed.habits.spot_vcpus = 0
    with pytest.raises(QuotaExceeded, match="Max spot instance count exceeded") as caught:
        ec2.launched(spot=True)
    assert caught.value.resource == "vCPUs of spot machines"


def test_a_zone_that_is_sold_out_says_so(ec2: Ec2) -> None:
    """All machines or none: with room for one of two, nothing is bought."""
    ec2.bed.habits.capacity["t3.micro@us-east-1a"] = 1
    with pytest.raises(InsufficientCapacity, match=r"sufficient t3.micro capacity in the Availability Zone"):
        ec2.launched(nodes=2)
    assert ec2.bed.left() == []


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("ami-0123456789abcdef0", "ec2:DescribeImages in us-east-1 was answered with InvalidAMIID.NotFound"),
        ("/mine/no-such-image", "there is no parameter /mine/no-such-image in us-east-1"),
        ("ubuntu:24.04", "'ubuntu:24.04' is neither an AMI nor an SSM parameter"),
    ],
)
def test_an_unknown_image_says_what_one_is(ec2: Ec2, image: str, said: str) -> None:
    """With the field of the task, and what to write there."""
    with pytest.raises(InvalidRequest, match=said) as caught:
        ec2.cloud.prepare(ec2.request(image=image))
    assert caught.value.field == "image_id"
    assert "AMI" in str(caught.value.hint) or "holds in one region" in str(caught.value.hint)


def test_an_image_for_other_processors_is_refused(ec2: Ec2) -> None:
    """Before anything is bought that could not boot it."""
    arm = "/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id"
    with pytest.raises(InvalidRequest, match=r"is made for arm64, and t3.micro is x86_64") as caught:
        ec2.cloud.prepare(ec2.request(image=arm))
    assert caught.value.field == "image_id"


@pytest.mark.parametrize("identity", ["nobody", "arn:aws:iam::111111111111:instance-profile/nobody"])
def test_an_unknown_identity_is_a_value_of_the_task(ec2: Ec2, identity: str) -> None:
    """No other place will take it, so that none is tried."""
    with pytest.raises(InvalidRequest, match="Invalid IAM Instance Profile") as caught:
        ec2.launched(identity=identity)
    assert caught.value.field == "identity"


def test_an_unknown_type_is_an_offer_that_is_gone(ec2: Ec2) -> None:
    """The catalog may be older than AWS."""
    offer = replace(ec2.request().offer, instance_type="m9.huge")
    with pytest.raises(OfferGone, match=r"Invalid value 'm9.huge' for InstanceType"):
        ec2.launched(offer=offer)


def test_a_type_that_the_zone_has_not_is_an_offer_that_is_gone(ec2: Ec2) -> None:
    """Letters of zones are each account's own."""
    offer = replace(ec2.request().offer, instance_type="p4de.24xlarge")
    with pytest.raises(OfferGone, match="is not supported in your requested Availability Zone"):
        ec2.launched(offer=offer)


def test_a_region_that_is_off_is_told_apart_from_wrong_credentials(ec2: Ec2) -> None:
    """EC2 says the same of both."""
    ec2.bed.habits.regions_off.add("eu-south-1")
    with pytest.raises(OfferGone, match="the region eu-south-1 is off for this account") as caught:
        ec2.cloud.observe(Scope("eu-south-1"), None)
    assert "clouds.aws.regions" in str(caught.value.hint)


def test_a_region_at_home_that_is_off_is_told_apart_too(ec2: Ec2, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all is asked that is about the account, by what a region says that every account has."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-south-1")
    ec2.bed.habits.regions_off.add("eu-south-1")
    with pytest.raises(AuthFailed, match="the region eu-south-1 is off for this account") as caught:
        ec2.client().check()
    assert "AWS_DEFAULT_REGION" in str(caught.value.hint)
    ec2.bed.habits.expired.add("AKIASTYXTESTBED00001")
    with pytest.raises(AuthFailed, match="ExpiredToken"):
        ec2.client().check()


def test_a_region_of_the_settings_that_is_off_is_a_fault(ec2: Ec2) -> None:
    """Told by `styx check`; the account can be used for the others."""
    ec2.bed.habits.regions_off.add("eu-south-1")
    (fault,) = ec2.client(regions=("us-east-1", "eu-south-1")).faults()
    assert fault.message.startswith("eu-south-1 is off")
    assert "clouds.aws.regions" in fault.message
    assert fault.serious
    assert ec2.client().faults() == []


def test_what_is_no_region_is_not_asked(ec2: Ec2) -> None:
    """There is no such address."""
    with pytest.raises(NotFound, match="'nowhere' is no region of AWS"):
        ec2.cloud.observe(Scope("nowhere"), None)
    assert ec2.calls() == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"regions": ["us-east-1a"]}, "no name of a region"),
        ({"admit": ["203.0.113.1/24"]}, "has host bits set"),
        ({"ssh_port": 0}, "greater than 0"),
        ({"region": "us-east-1"}, "Extra inputs"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object], said: str) -> None:
    """When they are read, not when a machine cannot be reached."""
    with pytest.raises(ValueError, match=said):
        Settings.model_validate(settings)


def test_a_server_that_is_down_was_not_asked(ec2: Ec2, monkeypatch: pytest.MonkeyPatch) -> None:
    """A launch that never left can be made again."""
    prepared = ec2.cloud.prepare(ec2.request())
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(Transient, match="ec2:RunInstances has no answer: Could not connect"):
        ec2.client().launch(prepared)


def test_a_server_that_hangs_up_may_have_done_it(ec2: Ec2, monkeypatch: pytest.MonkeyPatch) -> None:
    """A launch is settled by looking; a look is made again."""
    prepared = ec2.cloud.prepare(ec2.request())
    with refusing(None) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        with pytest.raises(OutcomeUnknown, match="ec2:RunInstances has no answer"):
            ec2.client().launch(prepared)
        with pytest.raises(Transient, match="ec2:DescribeInstances has no answer"):
            ec2.client().observe(Scope("us-east-1"), None)
        assert len(server.requests) == 2  # nothing was repeated
