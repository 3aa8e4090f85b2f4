"""What S3 and this machine's disk refuse, as errors of the contract."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from styx.api import InvalidRequest, OutcomeUnknown, PermissionDenied, ProviderError, QuotaExceeded, Transient
from styx_aws.errors import asking

# What policies call an operation, where that is not its own name.
_ACTIONS = {
    "CompleteMultipartUpload": "PutObject", "CreateMultipartUpload": "PutObject", "DeleteObjects": "DeleteObject",
    "HeadObject": "GetObject", "ListBuckets": "ListAllMyBuckets", "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions", "ListObjectsV2": "ListBucket", "ListParts": "ListMultipartUploadParts",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration", "UploadPart": "PutObject",
    "GetBucketEncryption": "GetEncryptionConfiguration",
}  # fmt: skip
_THEIRS = "If the bucket is another account's, that account has to allow it too."
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def asking_s3(operation: str, what: str) -> Iterator[None]:
    """Raise the contract's errors for botocore's. ``what`` the operation is about, for the user to read.

    All that is asked of S3 may be asked again: nothing is OutcomeUnknown.
    """
    try:
        with asking(f"s3:{_ACTIONS.get(operation, operation)}"):
            yield
    except ProviderError as error:
        kind = Transient if isinstance(error, OutcomeUnknown) else type(error)
        hint = f"{error.hint} {_THEIRS}" if isinstance(error, PermissionDenied) else error.hint
        raise kind(f"{what}: {error.message}", hint=hint, **error.details) from error.__cause__


@contextmanager
def asking_disk(action: str) -> Iterator[None]:
    """Raise the contract's errors for what the system says. ``action`` completes "cannot ..."."""
    try:
        yield
    except OSError as error:
        where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
        said = f"cannot {action}: {error.strerror or error}" + (f" ({where})" if where else "")
        raise _of_disk(error, said, action, where) from error


def _of_disk(error: OSError, said: str, action: str, where: str) -> ProviderError:
    if error.errno in _FULL:
        return QuotaExceeded(said, hint="Free some space and run the command again.", resource="disk", scope=where)
    if error.errno in _DENIED:
        return PermissionDenied(said, hint="Check who owns the directory and how it is mounted.", action=action)
    return InvalidRequest(said)
