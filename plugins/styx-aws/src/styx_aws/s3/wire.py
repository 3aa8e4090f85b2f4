"""Requests for single objects, put together here: through botocore's client each costs four times as much CPU.

Credentials and signatures are botocore's, connections are urllib3's, which botocore stands on.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from base64 import b64encode
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit
from xml.sax.saxutils import unescape

from styx.api import Transient
from styx_aws.s3.refusals import asking_s3

_CONNECT_SECONDS, _READ_SECONDS = 10, 60
_EMPTY = hashlib.sha256().hexdigest()
_UNSIGNED = "UNSIGNED-PAYLOAD"
_MUCH = 64 << 10  # bytes of an answer that says no


class Wire:
    """Sends requests to one bucket, at ``address``. Thread-safe; repeats nothing."""

    def __init__(self, address: str, region: str, credentials: Any, ca_bundle: str | None, hands: int) -> None:
        import urllib3
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.utils import get_environ_proxies

        class Signer(S3SigV4Auth):  # type: ignore[misc] # botocore has no types
            def payload(self, request: Any) -> str:
                return str(request.context["payload"])

        self._request, self._signer, self._credentials = AWSRequest, Signer, credentials
        self._address, self._region = address, region
        self.secure = address.startswith("https:")
        settings: dict[str, Any] = {
            "maxsize": hands,
            "timeout": urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
            "retries": False,
            "blocksize": 1 << 18,
            "ca_certs": ca_bundle,
        }
        parts = urlsplit(address)
        proxy = get_environ_proxies(address).get(parts.scheme)
        manager = urllib3.ProxyManager(proxy, **settings) if proxy else urllib3.PoolManager(**settings)
        self._pool = manager.connection_from_url(address)
        # A proxy that does not see a tunnel is told the whole address.
        self._front = address if proxy and not self.secure else parts.path

    def send(
        self,
        operation: str,
        method: str,
        key: str,
        *,
        query: str = "",
        body: bytes | memoryview = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """urllib3's answer, a success, with its content still to be read. Raises the contract's errors.

        ``query`` is sorted and quoted as it is signed. Over TLS the body goes with a CRC32, elsewhere with a signature.
        """
        import urllib3

        sent = dict(headers or {})
        if method == "PUT":
            sent["Content-Length"] = str(len(body))
        if body and self.secure:
            payload = _UNSIGNED
            sent |= {"x-amz-checksum-crc32": crc32(body), "x-amz-sdk-checksum-algorithm": "CRC32"}
        else:
            payload = hashlib.sha256(body).hexdigest() if body else _EMPTY
        content: Any = body or None  # urllib3 takes what it says it does not: a view of bytes
        path = f"/{quote(key, safe='/~')}" + (f"?{query}" if query else "")
        with asking_s3(operation, f"{key!r}"):
            request = self._request(method=method, url=self._address + path, headers=sent)
            request.context["payload"] = payload
            self._signer(self._frozen(), "s3", self._region).add_auth(request)
            try:
                answer = self._pool.urlopen(
                    method,
                    self._front + path,
                    body=content,
                    headers=dict(request.headers.items()),
                    preload_content=False,
                    decode_content=False,
                )
            except urllib3.exceptions.HTTPError as error:
                raise Transient(f"s3:{operation} has no answer: {error}") from error
            if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
                raise _refused(operation, answer)
        if "ETag" not in answer.headers:  # S3 says it whenever a part or an object was read or written
            answer.close()
            raise Transient(
                f"{key!r}: the answer to s3:{operation} is not of S3",
                hint="Something on the way has answered: a proxy, or a sign-in page.",
            )
        return answer

    def presign(self, method: str, key: str, seconds: int) -> str:
        """An address under which anybody can do this with the object for so long. Asks nobody."""
        from botocore.auth import S3SigV4QueryAuth

        request = self._request(method=method, url=f"{self._address}/{quote(key, safe='/~')}")
        with asking_s3("GetObject", f"{key!r}"):
            signer = S3SigV4QueryAuth(self._frozen(), "s3", self._region, expires=seconds)
            signer.add_auth(request)
        return str(request.url)

    def _frozen(self) -> Any:
        from botocore.exceptions import NoCredentialsError

        if self._credentials is None:
            raise NoCredentialsError
        return self._credentials.get_frozen_credentials()


def read(answer: Any, most: int = -1) -> bytes:
    """The next bytes of an answer, all by default; none at its end. Raises Transient where it is cut off."""
    import urllib3

    try:
        content: bytes = answer.read(most if most >= 0 else None, decode_content=False)
    except urllib3.exceptions.HTTPError as error:
        raise Transient(f"an answer of S3 was cut off: {error}") from error
    return content


def crc32(body: bytes | memoryview) -> str:
    """As S3 writes it."""
    return b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


def _refused(operation: str, answer: Any) -> Exception:
    """What botocore raises for an answer that is no success."""
    from botocore.exceptions import ClientError

    said = read(answer, _MUCH).decode(errors="replace")
    answer.close()
    told = dict(re.findall(r"<(Code|Message)>([^<]*)<", said))
    about = {"Code": told.get("Code", str(answer.status)), "Message": unescape(told.get("Message", ""))}
    headers = {name.lower(): value for name, value in answer.headers.items()}
    meta = {"HTTPStatusCode": answer.status, "HTTPHeaders": headers}
    refusal: Exception = ClientError({"Error": about, "ResponseMetadata": meta}, operation)
    return refusal
