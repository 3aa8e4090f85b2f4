"""Where buckets are, and what is needed to ask for what is in them."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from styx.api import patiently
from styx_aws.s3.refusals import asking_s3
from styx_aws.s3.wire import Wire
from styx_aws.session import Session

HANDS = 16  # requests at a time
_REGION = "x-amz-bucket-region"
# Answers that say where the bucket is, though not what was asked: it is elsewhere, or may not be listed.
_TELLING = frozenset({"301", "AccessDenied", "AuthorizationHeaderMalformed", "PermanentRedirect", "TemporaryRedirect"})


def ask(client: Any, operation: str, what: str, **asked: Any) -> Any:
    """The answer to an operation, asked again where that may help. ``what`` it is about, for the user to read."""
    from botocore import xform_name

    request = getattr(client, xform_name(operation))

    def once() -> Any:
        with asking_s3(operation, what):
            return request(**asked)

    return patiently(once)


class Bucket:
    """A bucket that is there: requests by botocore's client of its region, and by the wire where there are many."""

    def __init__(self, name: str, session: Session, region: str) -> None:
        self.name, self.region = name, region
        self.owner: str | None = None  # who has marked it, once ``owner_known``
        self.owner_known = False
        self._client = session.client("s3", region)
        # Where requests go is botocore's to know: styles of addresses, endpoints of other stores, and so on.
        url = str(self._client.generate_presigned_url("list_objects_v2", {"Bucket": name})).partition("?")[0]
        self.partition = str(self._client.meta.partition)
        host = urlsplit(url).hostname or ""
        # Empty for AWS itself, whose addresses whoever asks it can make up.
        self.endpoint = "" if ".amazonaws." in f"{host}." else str(self._client.meta.endpoint_url)
        boto = session.boto()
        bundle = boto._session.get_config_variable("ca_bundle")  # noqa: SLF001 - boto3 does not hand it out
        self.wire = Wire(url.rstrip("/"), region, boto.get_credentials(), bundle, HANDS)

    def ask(self, operation: str, **asked: Any) -> Any:
        """The answer to an operation on the bucket."""
        return ask(self._client, operation, f"the bucket {self.name!r}", Bucket=self.name, **asked)


class Account:
    """The buckets that the credentials of a profile reach. Thread-safe."""

    def __init__(self, session: Session, region: str) -> None:
        self.session = session
        self._region = region
        self._buckets: dict[str, Bucket] = {}  # two that are made of one at the same time do no harm

    @property
    def region(self) -> str:
        """Where new buckets are made."""
        return self._region or self.session.home

    def ask(self, operation: str, **asked: Any) -> Any:
        """The answer to an operation of the account."""
        return ask(self.session.client("s3", self.region), operation, f"S3 in {self.region}", **asked)

    def bucket(self, name: str, region: str = "") -> Bucket:
        """The bucket, which is looked for once unless its region is known. Raises NotFound where there is none."""
        if name not in self._buckets:
            self._buckets[name] = Bucket(name, self.session, region or self._where(name))
        return self._buckets[name]

    def forget(self, name: str) -> None:
        """Look for the bucket again when it is next needed: it was removed."""
        self._buckets.pop(name, None)

    def _where(self, name: str) -> str:
        from botocore.exceptions import ClientError

        # Not by HeadBucket, whose refusals have no body that would say why.
        client = self.session.client("s3", self.region)

        def look() -> Any:
            with asking_s3("ListObjectsV2", f"the bucket {name!r}"):
                try:
                    return client.list_objects_v2(Bucket=name, MaxKeys=1)
                except ClientError as error:
                    if error.response["Error"].get("Code") in _TELLING and _region(error.response):
                        return error.response
                    raise

        return _region(patiently(look)) or self.region


def _region(response: Any) -> str:
    return str(response["ResponseMetadata"]["HTTPHeaders"].get(_REGION) or "")
