"""Requests to AWS with the credentials of one profile, each made once: a client for each service and region."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from styx.api import AuthFailed, OfferGone, StyxError
from styx_aws.errors import asking

FALLBACK_REGION = "us-east-1"  # where nothing names a region: every account has it
_CONNECT_SECONDS, _READ_SECONDS = 10, 60
_REFUSAL = 400  # the first HTTP status that is one
_AT_ONCE = 16  # connections that each client may keep

Answer = dict[str, Any]
Ask = Callable[[Callable[[], Answer]], Answer]


class Session:
    """Thread-safe. Nothing is read or asked before the first request; botocore repeats nothing, core does."""

    def __init__(self, profile: str = "") -> None:
        self._profile = profile
        self._boto: Any = None
        self._clients: dict[tuple[str, str], Any] = {}  # each costs a good part of a second to make
        self._making = threading.Lock()  # boto3's sessions are not for several threads, its clients are

    @property
    def home(self) -> str:
        """The region in which questions about the whole account are asked: the profile's own."""
        return str(self.boto().region_name or FALLBACK_REGION)

    def boto(self) -> Any:
        """boto3's session, made when first asked for. Raises InvalidConfig where there is no such profile."""
        with self._making:
            if self._boto is None:
                import boto3

                with asking("the profile"):
                    self._boto = boto3.Session(profile_name=self._profile or None)
            return self._boto

    def client(self, service: str, region: str = "") -> Any:
        """boto3's client for the service there, or at home. Raises InvalidConfig where there is no such profile."""
        from botocore.config import Config

        where = region or self.home
        session = self.boto()
        with self._making:
            if (service, where) not in self._clients:
                once = Config(
                    connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS, max_pool_connections=_AT_ONCE,
                    retries={"total_max_attempts": 1},
                )  # fmt: skip
                with asking(f"{service} in {where}"):
                    made = session.client(service, region_name=where, config=once)
                made.meta.events.register(f"before-parse.{service}", _require_words)
                self._clients[service, where] = made
            return self._clients[service, where]

    def call(self, action: str, region: str = "", **asked: Any) -> Answer:
        """The answer to one request, named as policies name it: ``call("ec2:RunInstances", "eu-west-1", ...)``.

        Raises the contract's errors. What is asked of a region that is off for the account is OfferGone, and
        AuthFailed in the region at home, where all is asked that is about the account.
        """
        from botocore import xform_name

        service, _, operation = action.partition(":")
        request = getattr(self.client(service, region), xform_name(operation))
        try:
            with asking(action, region):
                answer: Answer = request(**asked)
        except AuthFailed as error:
            where = region or self.home
            if where == FALLBACK_REGION or not self._is_off(where):
                raise
            said = f"the region {where} is off for this account"
            if where == self.home:
                hint = "Switch it on in the account's settings, or name another in the profile or AWS_DEFAULT_REGION."
                raise AuthFailed(said, hint=hint) from error
            hint = "Switch it on in the account's settings, or leave it out of clouds.aws.regions."
            raise OfferGone(said, hint=hint) from error
        return answer

    def pages(self, action: str, region: str = "", *, ask: Ask | None = None, **asked: Any) -> Iterator[Answer]:
        """All pages of a list. ``ask`` makes the request for each, and may make it again."""
        # Not by botocore's paginators, which cannot go on after a page that failed.
        while True:
            request = partial(self.call, action, region, **asked)
            page = request() if ask is None else ask(request)
            yield page
            if not page.get("NextToken"):
                return
            asked["NextToken"] = page["NextToken"]

    def _is_off(self, region: str) -> bool:
        """Whether the credentials are refused there because the region is not enabled: AWS says the same of both."""
        try:
            elsewhere = self.home if region != self.home else FALLBACK_REGION
            enabled = self.call("ec2:DescribeRegions", elsewhere)["Regions"]
        except StyxError:
            return False
        return region not in {each["RegionName"] for each in enabled}


def _require_words(response_dict: Answer, **_: Any) -> None:
    """Let a refusal without a word of AWS' count by its status: botocore would find no XML in it and forget that.

    A page for people instead of an answer comes from something on the way: a proxy, a sign-in page. It says nothing.
    """
    from botocore.exceptions import ClientError
    from botocore.parsers import ResponseParserError

    status, body = int(response_dict["status_code"]), response_dict["body"]
    is_page = isinstance(body, bytes) and body.lstrip()[:9].lower().startswith((b"<html", b"<!doctype"))
    if status >= _REFUSAL and (is_page or not body):
        meta = {"HTTPStatusCode": status, "HTTPHeaders": dict(response_dict["headers"])}
        raise ClientError({"Error": {}, "ResponseMetadata": meta}, "request")
    if is_page:
        raise ResponseParserError("it is a page for people, and not of AWS: is there a proxy or a sign-in page?")
