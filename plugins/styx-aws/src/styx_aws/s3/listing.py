"""What is in a bucket: page after page, in the order of the keys."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from itertools import chain
from typing import Any

from styx.api import NotFound, PermissionDenied, ProviderError, StoredObject
from styx_aws.errors import code_of
from styx_aws.s3.account import Bucket
from styx_aws.s3.uri import Place

_BLIND = frozenset({"aws:kms", "aws:kms:dsse"})  # ETags of what is encrypted so say nothing of the content


def objects(bucket: Bucket, place: Place, after: str = "") -> Iterator[StoredObject]:
    """The objects at or below a place, from the first after that key.

    What is asked first is asked now, the rest as it is needed.
    """
    hashed = _etags_are_hashes(bucket)
    found = _below(bucket, place.folder, hashed, after)
    beginning = [first for first in (next(found, None),) if first is not None]
    if place.prefix or place.key <= after:
        return chain(beginning, found)
    # Of all that begins with the key, the object of that name comes first.
    page = bucket.ask("ListObjectsV2", Prefix=place.key, MaxKeys=1)
    itself = [_object(one, hashed) for one in page.get("Contents", ()) if one["Key"] == place.key]
    return chain(itself, beginning, found)


def _below(bucket: Bucket, prefix: str, hashed: bool, after: str) -> Iterator[StoredObject]:
    asked: dict[str, Any] = {"Prefix": prefix, **({"StartAfter": after} if after else {})}
    while True:
        page = bucket.ask("ListObjectsV2", **asked)
        yield from (_object(one, hashed) for one in page.get("Contents", ()))
        if not page.get("IsTruncated"):
            return
        asked["ContinuationToken"] = page["NextContinuationToken"]


def _object(one: dict[str, Any], hashed: bool) -> StoredObject:
    etag = one["ETag"].strip('"') if hashed else ""
    return StoredObject(one["Key"], one["Size"], one["LastModified"].astimezone(UTC), etag)


def _etags_are_hashes(bucket: Bucket) -> bool:
    """Whether the bucket encrypts, unless it is told otherwise, so that ETags are of the content."""
    try:
        rules = bucket.ask("GetBucketEncryption")["ServerSideEncryptionConfiguration"]["Rules"]
    except PermissionDenied:
        return True  # nobody says so; at worst more is copied than needed
    except NotFound as error:
        if code_of(error) == "NoSuchBucket":
            raise
        return True
    except ProviderError as error:
        if code_of(error) in {"NotImplemented", "MethodNotAllowed"}:  # another store than AWS'
            return True
        raise
    methods = {rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm") for rule in rules}
    return methods.isdisjoint(_BLIND)
