"""Buckets of this installation: marked by a tag, made and removed. Others' are left alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any

from styx.api import Conflict, NotFound, PermissionDenied, Transient
from styx_aws.errors import code_of
from styx_aws.s3.account import HANDS, Account, Bucket
from styx_aws.s3.crew import work
from styx_aws.s3.refusals import asking_s3
from styx_aws.s3.upload import unfinished

TAG = "styx-installation"
_CLASSIC = "us-east-1"  # the region that no request names
_UNFINISHED_DAYS = 7  # after which S3 forgets the parts of an upload that nobody goes on with
_AT_ONCE = 1000  # objects that one request removes


def make(account: Account, name: str, installation: str) -> None:
    """Make the bucket, or find that it is ours. Conflict where it is somebody else's."""
    region = account.region
    there = {} if region == _CLASSIC else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        account.ask("CreateBucket", Bucket=name, **there)
    except Conflict as error:
        if code_of(error) != "BucketAlreadyOwnedByYou":
            raise Conflict(
                f"the bucket {name!r} is another account's: all accounts share one space of names",
                hint="Choose another name.",
            ) from error
    bucket = account.bucket(name)
    owner = owner_of(bucket)
    if owner == installation:
        return
    if owner is not None or not _is_empty(bucket):
        raise _not_ours(name, owner)
    # Nobody's, and empty: just made, or left by somebody who was ended between making and marking it.
    bucket.ask("PutBucketLifecycleConfiguration", LifecycleConfiguration={"Rules": [_FORGET]})
    bucket.ask("PutBucketTagging", Tagging={"TagSet": [{"Key": TAG, "Value": installation}]})


_FORGET = {
    "ID": "styx-unfinished-uploads", "Status": "Enabled", "Filter": {"Prefix": ""},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": _UNFINISHED_DAYS},
}  # fmt: skip


def remove(account: Account, name: str, installation: str) -> None:
    """Remove the bucket with all versions of what is in it. Nothing there is success, somebody else's is Conflict."""
    account.forget(name)
    try:
        bucket = account.bucket(name)
        if (owner := owner_of(bucket)) != installation:
            raise _not_ours(name, owner)
        _empty(bucket)
        bucket.ask("DeleteBucket")
    except NotFound as error:
        if code_of(error) not in {"NoSuchBucket", "404"}:
            raise
    except Conflict as error:
        if code_of(error) != "BucketNotEmpty":
            raise
        raise Transient(f"somebody is writing to the bucket {name!r} as it is being removed") from error
    finally:
        account.forget(name)


def ours(account: Account, installation: str) -> list[str]:
    """The names of the buckets that bear our mark, sorted."""
    found: list[str] = []

    def look(name: str, region: str) -> None:
        try:
            if owner_of(account.bucket(name, region)) == installation:
                found.append(name)
        except (NotFound, PermissionDenied):  # removed meanwhile, or none of our business
            return

    work((partial(look, one["Name"], one.get("BucketRegion", "")) for one in _all(account)), HANDS)
    return sorted(found)


def owner_of(bucket: Bucket) -> str | None:
    """The installation that the bucket is marked with; None where nobody has marked it, or nobody tells us."""
    try:
        tags = bucket.ask("GetBucketTagging")["TagSet"]
    except PermissionDenied:
        return None
    except NotFound as error:
        if code_of(error) != "NoSuchTagSet":
            raise
        return None
    return next((str(tag["Value"]) for tag in tags if tag["Key"] == TAG), None)


def to_write_to(account: Account, name: str, installation: str) -> Bucket:
    """The bucket, unless it is another installation's, which is Conflict. One that Styx has not made is nobody's."""
    bucket = account.bucket(name)
    if not bucket.owner_known:
        bucket.owner, bucket.owner_known = owner_of(bucket), True
    if bucket.owner not in {None, installation}:
        raise _not_ours(name, bucket.owner)
    return bucket


def remove_objects(bucket: Bucket, things: Iterable[Mapping[str, str]]) -> None:
    """Remove these, each a ``Key`` and perhaps a ``VersionId``, by the thousand. What is not there is removed."""
    rest = iter(things)
    batches = iter(lambda: list(islice(rest, _AT_ONCE)), [])
    work((partial(_remove, bucket, batch) for batch in batches), HANDS)


def _remove(bucket: Bucket, batch: list[Mapping[str, str]]) -> None:
    from botocore.exceptions import ClientError

    errors = bucket.ask("DeleteObjects", Delete={"Objects": batch, "Quiet": True}).get("Errors", ())
    for error in errors:
        with asking_s3("DeleteObjects", repr(error.get("Key", ""))):
            raise ClientError({"Error": error, "ResponseMetadata": {}}, "DeleteObjects")


def _empty(bucket: Bucket) -> None:
    remove_objects(bucket, _versions(bucket))
    for upload in unfinished(bucket):
        with suppress(NotFound):  # it was ended meanwhile
            bucket.ask("AbortMultipartUpload", Key=upload["Key"], UploadId=upload["UploadId"])


def _is_empty(bucket: Bucket) -> bool:
    return next(_versions(bucket), None) is None


def _versions(bucket: Bucket) -> Iterator[dict[str, str]]:
    """Everything that is or was in the bucket, as DeleteObjects wants it."""
    asked: dict[str, Any] = {}
    while True:
        page = bucket.ask("ListObjectVersions", **asked)
        for one in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            yield {"Key": one["Key"], "VersionId": one["VersionId"]}
        if not page.get("IsTruncated"):
            return
        asked = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}


def _all(account: Account) -> Iterator[dict[str, Any]]:
    asked: dict[str, Any] = {"MaxBuckets": 1000}  # the regions are told of buckets on pages only
    while True:
        page = account.ask("ListBuckets", **asked)
        yield from page["Buckets"]
        if not page.get("ContinuationToken"):
            return
        asked["ContinuationToken"] = page["ContinuationToken"]


def _not_ours(name: str, owner: str | None) -> Conflict:
    whose = f"belongs to the installation {owner}" if owner else "was not made by Styx"
    return Conflict(f"the bucket {name!r} {whose}", hint="Choose another name.", owner=owner)
