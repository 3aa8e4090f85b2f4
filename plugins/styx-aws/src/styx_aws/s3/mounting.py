"""The scripts that mount a bucket on a node and take the mount away, and the credentials that it takes there."""

from __future__ import annotations

import hashlib
import json
import re
from importlib import resources
from shlex import quote
from typing import Any

from styx.api import AuthFailed, patiently
from styx_aws.errors import asking
from styx_aws.s3.account import Account, Bucket
from styx_aws.s3.uri import Place

PROFILE = "styx"  # in the file of credentials on the node
_SECONDS = 36 * 3600  # the longest that AWS gives
_READING = ("s3:GetObject",)
_WRITING = ("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject")


def command(account: Account, place: Place, target: str, *, cached: bool, read_only: bool) -> str:
    """``mount.sh`` beside this file, told what to do.

    Raises NotFound for a missing bucket, PermissionDenied where no credentials for the node may be asked for.
    """
    bucket = account.bucket(place.bucket)
    return _script(
        "mount", place, target, cached=cached, REGION=bucket.region, ENDPOINT=bucket.endpoint,
        READ_ONLY="yes" if read_only else "",
        CREDENTIALS=_credentials(account, bucket, place.folder, read_only=read_only),
    )  # fmt: skip


def undoing(place: Place, target: str, *, cached: bool) -> str:
    """``unmount.sh``, told the same. Asks nobody."""
    return _script("unmount", place, target, cached=cached)


def _script(doing: str, place: Place, target: str, *, cached: bool, **more: str) -> str:
    told = {
        "DOING": doing,
        "BUCKET": place.bucket,
        "PREFIX": place.folder,
        "TARGET": target.removeprefix("~/"),  # it is run in the home
        "CACHED": "yes" if cached else "",
        "NAME": hashlib.sha256(target.encode()).hexdigest()[:16],
        **more,
    }
    here = resources.files(__package__)
    texts = (here.joinpath(name).read_text(encoding="utf-8") for name in ("node.sh", f"{doing}.sh"))
    return "".join((*(f"{name}={quote(value)}\n" for name, value in told.items()), *texts))


def _credentials(account: Account, bucket: Bucket, prefix: str, *, read_only: bool) -> str:
    """A file of credentials that end by themselves: of this prefix alone, unless ours end by themselves too.

    Credentials of a role or of a single sign-on cannot be narrowed, and go over as they are.
    """
    with asking("sts:GetFederationToken"):
        ours = account.session.boto().get_credentials()
        if ours is None:
            raise AuthFailed("there are no credentials of AWS here", hint="`aws configure` or AWS_PROFILE names some.")
        frozen = ours.get_frozen_credentials()
    if frozen.token:
        key, secret, token = frozen.access_key, frozen.secret_key, frozen.token
    else:
        policy = json.dumps(_policy(bucket, prefix, read_only=read_only), separators=(",", ":"))
        given = patiently(lambda: _federated(account, bucket, policy))
        key, secret, token = given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
    return f"[{PROFILE}]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\naws_session_token = {token}\n"


def _federated(account: Account, bucket: Bucket, policy: str) -> Any:
    asked = {"Name": "styx-mount", "Policy": policy, "DurationSeconds": _SECONDS}
    return account.session.call("sts:GetFederationToken", bucket.region, **asked)["Credentials"]


def _policy(bucket: Bucket, prefix: str, *, read_only: bool) -> dict[str, Any]:
    name = f"arn:{bucket.partition}:s3:::{bucket.name}"
    listing: dict[str, Any] = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": name}
    literal = re.sub(r"[*?$]", r"${\g<0>}", prefix)  # as policies write what is no wildcard and no variable
    if prefix:
        listing["Condition"] = {"StringLike": {"s3:prefix": [literal, f"{literal}*"]}}
    objects = {
        "Effect": "Allow",
        "Action": list(_READING if read_only else _WRITING),
        "Resource": f"{name}/{literal}*",
    }
    keys = {
        "Effect": "Allow",
        "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
        "Resource": "*",
        "Condition": {"StringLike": {"kms:ViaService": "s3.*"}},
    }
    return {"Version": "2012-10-17", "Statement": [listing, objects, keys]}
