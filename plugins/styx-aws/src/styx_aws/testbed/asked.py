"""A request as AWS' protocols write it: who asks for what of which service, and how each service says no."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d+/([^/]+)/([^/]+)/aws4_request")
# What S3 calls a request that names no more than a bucket or a key; sub-resources have actions of their own.
_S3 = {
    ("GET", False): "ListBucket", ("HEAD", False): "ListBucket", ("PUT", False): "CreateBucket",
    ("DELETE", False): "DeleteBucket", ("GET", True): "GetObject", ("HEAD", True): "GetObject",
    ("PUT", True): "PutObject", ("POST", True): "PutObject", ("DELETE", True): "DeleteObject",
    ("POST", False): "DeleteObject",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. ``action`` is as policies name it: ec2:RunInstances. Of S3 the bucket is its only word."""

    service: str
    region: str
    key: str
    action: str
    words: Mapping[str, Any]

    @classmethod
    def of(cls, environ: dict[str, Any]) -> Asked | None:
        """What a signed request asks for; None for one that is not signed. Its body can still be read afterwards."""
        query = parse_qs(environ.get("QUERY_STRING", ""))
        signed = environ.get("HTTP_AUTHORIZATION", "") or f"Credential={query.get('X-Amz-Credential', [''])[0]}"
        if not (found := _CREDENTIAL.search(signed)):
            return None
        key, region, service = found.groups()
        if service == "s3":
            return cls(service, region, key, *_s3(environ))
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        if target := environ.get("HTTP_X_AMZ_TARGET", ""):
            return cls(service, region, key, f"{service}:{target.rpartition('.')[2]}", json.loads(body or b"{}"))
        words = {name: value[0] for name, value in parse_qs(body.decode(), keep_blank_values=True).items()}
        return cls(service, region, key, f"{service}:{words.get('Action', '')}", words)

    def says_no(self, code: str, message: str, status: int) -> tuple[int, str, bytes]:
        """Status, content type and content of an error."""
        if self.service in ("ssm", "pricing"):
            return status, "application/x-amz-json-1.1", json.dumps({"__type": code, "message": message}).encode()
        about = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
        form = {
            "ec2": "<Response><Errors><Error>{}</Error></Errors><RequestID>styx-testbed</RequestID></Response>",
            "s3": "<Error>{}<RequestId>styx-testbed</RequestId></Error>",
        }.get(self.service, "<ErrorResponse><Error><Type>Sender</Type>{}</Error></ErrorResponse>")
        return status, "text/xml", form.format(about).encode()


def _s3(environ: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    bucket, _, name = environ.get("PATH_INFO", "/").lstrip("/").partition("/")
    if not bucket:
        return "s3:ListAllMyBuckets", {}
    return f"s3:{_S3.get((environ['REQUEST_METHOD'], bool(name)), 'Other')}", {"Bucket": bucket}
