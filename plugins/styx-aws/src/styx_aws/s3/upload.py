"""From files to objects: small ones in one request each, large ones in parts that outlive whoever sends them."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from styx.api import Moved, NotFound, PermissionDenied, ProviderError, Transient, patiently
from styx_aws.errors import code_of
from styx_aws.s3.account import Bucket
from styx_aws.s3.crew import Job
from styx_aws.s3.parts import PART, Part, cut, is_digest, whole_etag
from styx_aws.s3.refusals import asking_disk
from styx_aws.s3.wire import crc32, read

_CHECKSUM = "CRC32"


def uploads(bucket: Bucket, files: Mapping[str, Path], moved: Moved) -> Iterator[Job]:
    """The jobs that bring each file to the key it is named by."""
    large: list[tuple[str, Path, os.stat_result]] = []
    for key, path in files.items():
        status = _look(path)
        if status.st_size > PART:
            large.append((key, path, status))
        else:
            yield partial(_put, bucket, key, path, moved)
    begun = _begun(bucket, [key for key, _, _ in large]) if large else {}
    for key, path, status in large:
        yield _Multipart(bucket, key, path, status, moved, begun.get(key)).begin


def _put(bucket: Bucket, key: str, path: Path, moved: Moved) -> None:
    """Bring over a file in one request."""
    with asking_disk(f"read {path}"), path.open("rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        content = file.read(status.st_size + 1)
        if _changed(status, os.fstat(file.fileno())) or len(content) != status.st_size:
            raise _unsteady(path)
    patiently(lambda: read(bucket.wire.send("PutObject", "PUT", key, body=content)))
    moved(len(content))


class _Multipart:
    """A large file on its way. S3 keeps the parts that have arrived; a later upload of the key goes on from them."""

    def __init__(
        self, bucket: Bucket, key: str, path: Path, status: os.stat_result, moved: Moved, begun: str | None
    ) -> None:
        self._bucket, self._key, self._path, self._status, self._moved = bucket, key, path, status, moved
        self._upload = begun
        self._pieces = cut(status.st_size)
        self._arrived: dict[int, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._checksums = {"ChecksumAlgorithm": _CHECKSUM} if bucket.wire.secure else {}

    def begin(self) -> Iterable[Job]:
        """Take up the upload that was begun, or begin one; the jobs that bring the parts."""
        there: dict[int, dict[str, Any]] = {}
        if self._upload is None:
            self._upload = self._bucket.ask("CreateMultipartUpload", Key=self._key, **self._checksums)["UploadId"]
        else:
            there = {part["PartNumber"]: part for part in self._parts()}
        return [partial(self._bring, piece, there.get(piece.number)) for piece in self._pieces]

    def _parts(self) -> Iterator[dict[str, Any]]:
        asked: dict[str, Any] = {}
        while True:
            page = self._bucket.ask("ListParts", Key=self._key, UploadId=self._upload, **asked)
            yield from page.get("Parts", ())
            if not page.get("IsTruncated"):
                return
            asked["PartNumberMarker"] = page["NextPartNumberMarker"]

    def _bring(self, piece: Part, there: dict[str, Any] | None) -> None:
        with asking_disk(f"read {self._path}"), self._path.open("rb", buffering=0) as file:
            if _changed(self._status, os.fstat(file.fileno())):
                raise _unsteady(self._path)
            content = _read(file.fileno(), piece)
        if there is not None and _is_it(there, content):
            arrived = {"ETag": there["ETag"], "ChecksumCRC32": there.get("ChecksumCRC32")}
        else:
            arrived = self._send(piece.number, content)
        self._moved(piece.length)
        with self._lock:
            self._arrived[piece.number] = {name: value for name, value in arrived.items() if value}
            last = len(self._arrived) == len(self._pieces)
        if last:
            self._complete()

    def _send(self, number: int, content: memoryview) -> dict[str, Any]:
        query = f"partNumber={number}&uploadId={quote(self._upload or '', safe='-_.~')}"
        send = partial(self._bucket.wire.send, "UploadPart", "PUT", self._key, query=query, body=content)
        try:
            answer = patiently(send)
        except NotFound as error:
            if code_of(error) != "NoSuchUpload":
                raise
            raise Transient(f"{self._key!r}: somebody else has ended this upload meanwhile") from error
        read(answer)
        return {"ETag": answer.headers["ETag"], "ChecksumCRC32": crc32(content) if self._checksums else None}

    def _complete(self) -> None:
        with asking_disk(f"read {self._path}"):
            if _changed(self._status, self._path.stat()):
                raise _unsteady(self._path)
        parts = [{"PartNumber": number, **part} for number, part in sorted(self._arrived.items())]
        asked = {"Key": self._key, "UploadId": self._upload, "MultipartUpload": {"Parts": parts}}
        try:
            self._bucket.ask("CompleteMultipartUpload", **asked)
        except ProviderError as error:
            if not self._is_there(error, [part["ETag"].strip('"') for part in parts]):
                raise

    def _is_there(self, error: ProviderError, etags: Sequence[str]) -> bool:
        """Whether the object was put together though the answer to that was lost."""
        if code_of(error) != "NoSuchUpload" or not all(map(is_digest, etags)):
            return False
        try:
            there = self._bucket.ask("HeadObject", Key=self._key)
        except NotFound:
            return False
        return bool(there["ETag"].strip('"') == whole_etag(etags))


def unfinished(bucket: Bucket, prefix: str = "") -> Iterator[dict[str, Any]]:
    """The uploads that were begun and have not ended: ``Key``, ``UploadId``, ``Initiated``, ``ChecksumAlgorithm``."""
    asked: dict[str, Any] = {"Prefix": prefix}
    while True:
        page = bucket.ask("ListMultipartUploads", **asked)
        yield from page.get("Uploads", ())
        if not page.get("IsTruncated"):
            return
        asked |= {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}


def _begun(bucket: Bucket, keys: Sequence[str]) -> dict[str, str]:
    """The latest unfinished upload of each key; none where we may not ask for them."""
    wanted = {_CHECKSUM} if bucket.wire.secure else {None, "CRC64NVME"}  # what S3 expects of the parts that are left
    found: dict[str, dict[str, Any]] = {}
    with suppress(PermissionDenied):
        for upload in unfinished(bucket, _common(keys)):
            if upload.get("ChecksumAlgorithm") in wanted:
                found[upload["Key"]] = max(upload, found.get(upload["Key"], upload), key=lambda one: one["Initiated"])
    return {key: upload["UploadId"] for key, upload in found.items()}


def _common(keys: Sequence[str]) -> str:
    """What all keys begin with."""
    first, last = min(keys), max(keys)
    return first[: next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))]


def _is_it(there: dict[str, Any], content: memoryview) -> bool:
    """Whether a part that has arrived has this content, by the checksum it was sent with, or by its hash."""
    if there["Size"] != len(content):
        return False
    if "ChecksumCRC32" in there:
        return bool(there["ChecksumCRC32"] == crc32(content))
    return bool(there["ETag"].strip('"') == hashlib.md5(content, usedforsecurity=False).hexdigest())


def _look(path: Path) -> os.stat_result:
    with asking_disk(f"read {path}"):
        return path.stat()


def _changed(before: os.stat_result, now: os.stat_result) -> bool:
    return (before.st_ino, before.st_size, before.st_mtime_ns) != (now.st_ino, now.st_size, now.st_mtime_ns)


def _unsteady(path: Path) -> Transient:
    return Transient(f"{path} was changed while it was being uploaded", hint="Upload it when nobody writes to it.")


_buffers = threading.local()  # to make one for each part costs more than to hash it


def _read(descriptor: int, piece: Part) -> memoryview:
    """The bytes of a part, until this thread reads the next."""
    buffer: bytearray = getattr(_buffers, "upload", None) or bytearray()
    if len(buffer) < piece.length:
        buffer = _buffers.upload = bytearray(piece.length)
    content = memoryview(buffer)[: piece.length]
    got = 0
    while got < piece.length and (more := os.preadv(descriptor, [content[got:]], piece.offset + got)):
        got += more
    return content[:got]
