"""Whose buckets are whose, where they are made, what they may be called, and that nothing is left of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from styx.api import AuthFailed, Conflict, InvalidConfig, InvalidRequest, NotFound, PermissionDenied, QuotaExceeded
from styx_aws.s3.buckets import TAG
from styx_aws.s3.storage import S3Storage

from .conftest import Front


@pytest.fixture
def other_account(front: Front, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Takes on the credentials of account 222222222222."""

    def take_on() -> None:
        sts = boto3.client("sts", region_name="us-east-1")
        given = sts.assume_role(RoleArn="arn:aws:iam::222222222222:role/other", RoleSessionName="other")["Credentials"]
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", given["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", given["SecretAccessKey"])
        monkeypatch.setenv("AWS_SESSION_TOKEN", given["SessionToken"])

    return take_on


def test_a_bucket_is_marked_with_the_installation(store: S3Storage, aws: Any) -> None:
    """By a tag, which `buckets` reads."""
    assert aws.get_bucket_tagging(Bucket="ours")["TagSet"] == [{"Key": TAG, "Value": "abc123"}]
    aws.create_bucket(Bucket="not-ours")
    assert store.buckets() == ["ours"]


def test_unfinished_uploads_end_by_themselves(store: S3Storage, aws: Any) -> None:
    """Parts that nobody goes on with are billed for a week at most."""
    (rule,) = aws.get_bucket_lifecycle_configuration(Bucket="ours")["Rules"]
    assert (rule["Status"], rule["AbortIncompleteMultipartUpload"]) == ("Enabled", {"DaysAfterInitiation": 7})


@pytest.mark.parametrize(("region", "where"), [("eu-west-1", "eu-west-1"), ("", None)])
def test_buckets_are_made_in_the_region_of_the_settings(
    make: Callable[..., S3Storage], aws: Any, region: str, where: str | None
) -> None:
    """Where none is named it is us-east-1, which AWS calls None."""
    make(region=region).create("somewhere")
    assert aws.get_bucket_location(Bucket="somewhere")["LocationConstraint"] == where


def test_a_bucket_elsewhere_is_found_where_it_is(
    make: Callable[..., S3Storage], front: Front, aws: Any, tmp_path: Path
) -> None:
    """AWS says where when it is asked in the wrong region, and all that follows is asked there."""
    aws.create_bucket(Bucket="far", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    store = make(region="us-east-1")
    front.headers["x-amz-bucket-region"] = "eu-west-1"
    front.refuse("GET", "/far?", 301, "PermanentRedirect")
    (tmp_path / "file").write_text("x")
    store.put("far", {"a": tmp_path / "file"})
    assert front.regions[0] == "us-east-1"
    assert set(front.regions[1:]) == {"eu-west-1"}


def test_a_bucket_that_may_not_be_listed_is_used(
    store: S3Storage, front: Front, make: Callable[..., S3Storage], tmp_path: Path
) -> None:
    """Many may write to a bucket and not list it: AWS says where it is all the same."""
    front.headers["x-amz-bucket-region"] = "eu-west-1"
    front.refuse("GET", "/ours?list-type", 403, "AccessDenied")
    (tmp_path / "file").write_text("x")
    make().put("ours", {"a": tmp_path / "file"})
    assert front.regions[-1] == "eu-west-1"


def test_a_bucket_of_another_account_is_a_conflict(
    make: Callable[..., S3Storage],
    store: S3Storage,
    other_account: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All accounts share one space of names, and the error says so."""
    monkeypatch.setenv("MOTO_S3_ALLOW_CROSSACCOUNT_ACCESS", "true")  # a testbed in this process says no
    other_account()
    with pytest.raises(Conflict, match="the bucket 'ours' is another account's") as taken:
        make().create("ours")
    assert taken.value.hint


def test_a_bucket_that_styx_has_not_made_is_left_alone(store: S3Storage, aws: Any) -> None:
    """It can be read and written, but neither claimed nor removed."""
    aws.create_bucket(Bucket="datasets")
    aws.put_object(Bucket="datasets", Key="a", Body=b"a")
    for work in (store.create, store.delete):
        with pytest.raises(Conflict, match="was not made by Styx"):
            work("datasets")
    assert [thing.key for thing in store.list("s3://datasets")] == ["a"]


def test_a_bucket_of_another_installation_is_named(store: S3Storage, make: Callable[..., S3Storage]) -> None:
    """The error says whose it is."""
    for work in (make("zzz999").create, make("zzz999").delete):
        with pytest.raises(Conflict, match="belongs to the installation abc123") as theirs:
            work("ours")
        assert theirs.value.owner == "abc123"


def test_what_another_installation_has_made_is_read_only(store: S3Storage, make: Callable[..., S3Storage]) -> None:
    """Nothing is stored, removed or promised to be written in its buckets."""
    file = store.services.state_dir / "file"
    file.write_text("mine")
    store.put("ours", {"a": file})
    other = make("zzz999")
    assert [thing.key for thing in other.list("s3://ours")] == ["a"]
    for work in (
        lambda: other.put("ours", {"a": file}),
        lambda: other.remove("ours", ["a"]),
        lambda: other.presign("s3://ours/a", 60, writing=True),
        lambda: other.mount_command("s3://ours", "data"),
    ):
        with pytest.raises(Conflict, match="belongs to the installation abc123"):
            work()
    assert other.mount_command("s3://ours", "data", read_only=True)


def test_an_empty_bucket_that_nobody_marked_is_taken(store: S3Storage, aws: Any) -> None:
    """Whoever is killed between making and marking a bucket leaves one; made again it is theirs."""
    aws.create_bucket(Bucket="half-made")
    store.create("half-made")
    assert store.buckets() == ["half-made", "ours"]


def test_nothing_is_left_of_a_bucket(store: S3Storage, aws: Any) -> None:
    """Versions, marks of removal and unfinished uploads go with it."""
    aws.put_bucket_versioning(Bucket="ours", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"2"):
        aws.put_object(Bucket="ours", Key="twice", Body=body)
    aws.put_object(Bucket="ours", Key="removed", Body=b"x")
    aws.delete_object(Bucket="ours", Key="removed")
    aws.create_multipart_upload(Bucket="ours", Key="unfinished")
    store.delete("ours")
    assert aws.list_buckets()["Buckets"] == []


def test_removed_objects_of_a_bucket_with_versions_can_be_had_back(store: S3Storage, aws: Any) -> None:
    """`remove` hides an object there, as everybody does who keeps versions."""
    aws.put_bucket_versioning(Bucket="ours", VersioningConfiguration={"Status": "Enabled"})
    aws.put_object(Bucket="ours", Key="a", Body=b"a")
    store.remove("ours", ["a", "never there"])
    assert list(store.list("s3://ours")) == []
    assert [version["Key"] for version in aws.list_object_versions(Bucket="ours")["Versions"]] == ["a"]


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("ab", "3 to 63"),
        ("Upper-Case", "lower-case"),
        ("under_score", "letters, digits"),
        ("-dash", "first and last"),
        ("two..dots", "no '..'"),
        ("x" * 64, "3 to 63"),
        ("192.168.5.4", "no IP address"),
        ("xn--bucket", "'xn--' is no beginning"),
        ("bucket-s3alias", "'-s3alias' is no end"),
        ("bucket--x-s3", "'--x-s3' is no end"),
    ],
)
def test_a_name_that_aws_refuses_is_told_with_the_rule(store: S3Storage, front: Front, name: str, rule: str) -> None:
    """Before anybody is asked."""
    front.asked.clear()
    with pytest.raises(InvalidRequest, match=rule) as refused:
        store.create(name)
    assert (refused.value.field, front.asked) == ("bucket", [])


def test_a_missing_bucket_is_named(store: S3Storage) -> None:
    """The error says which, whatever was asked of it, and how one is made."""
    for work in (lambda: store.list("s3://nowhere/a"), lambda: store.remove("nowhere", ["a"])):
        with pytest.raises(NotFound, match="the bucket 'nowhere'") as missing:
            work()
        assert "styx storage create" in str(missing.value.hint)


def test_there_is_no_such_profile(make: Callable[..., S3Storage]) -> None:
    """A slip in the settings is told as one."""
    with pytest.raises(InvalidConfig, match="nobody"):
        make(profile="nobody").check()


def test_no_credentials(make: Callable[..., S3Storage], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each way to the store says that there are none."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    store = make()
    for work in (store.check, lambda: store.create("bucket"), lambda: store.list("s3://ours")):
        with pytest.raises(AuthFailed, match="credentials"):
            work()


@pytest.mark.parametrize(
    "code", ["ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed"]
)
def test_credentials_that_hold_no_more(store: S3Storage, front: Front, code: str) -> None:
    """Listing, uploading and downloading say the same, each with what to do."""
    file = store.services.state_dir / "file"
    file.write_text("x")
    front.refuse("GET", "", 403 if code != "ExpiredToken" else 400, code, times=2)
    front.refuse("PUT", "", 403 if code != "ExpiredToken" else 400, code)
    for work in (
        lambda: store.list("s3://ours"),
        lambda: store.get("ours", {"a": file.with_name("b")}),
        lambda: store.put("ours", {"a": file}),
    ):
        with pytest.raises(AuthFailed, match=code) as refused:
            work()
        assert refused.value.hint


def test_a_denied_action_is_named_as_policies_name_it(store: S3Storage, front: Front) -> None:
    """Not as the API calls the operation."""
    front.refuse("GET", "list-type", 403, "AccessDenied")
    with pytest.raises(PermissionDenied) as denied:
        store.list("s3://ours")
    assert denied.value.action == "s3:ListBucket"
    front.refuse("PUT", "/ours/a", 403, "AccessDenied")
    file = store.services.state_dir / "file"
    file.write_text("x")
    with pytest.raises(PermissionDenied) as denied:
        store.put("ours", {"a": file})
    assert denied.value.action == "s3:PutObject"


def test_who_may_not_list_buckets_may_use_the_store(store: S3Storage, front: Front) -> None:
    """Many are given one bucket and nothing else."""
    front.refuse("GET", "/?", 403, "AccessDenied")
    store.check()


def test_too_many_buckets(store: S3Storage, front: Front) -> None:
    """The account's limit is told as one."""
    front.refuse("PUT", "/another", 400, "TooManyBuckets")
    with pytest.raises(QuotaExceeded):
        store.create("another")
