"""A server that speaks as much of S3 as a copy needs, quickly: a process that keeps everything in memory.

``python -m benchmarks.s3.server`` prints its port. It believes every signature, and its ETags are no hashes, as
those of objects that S3 encrypts with keys are none: what it costs is to be little beside what its clients cost.
"""

from __future__ import annotations

import bisect
import io
import itertools
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, unquote
from xml.sax.saxutils import escape, unescape

PAGE = 1000  # keys a listing
_ETAGS = itertools.count(1)


class Thing(NamedTuple):
    """An object: what it was put together from."""

    pieces: list[bytearray]
    size: int
    etag: str
    when: datetime


class Asked(NamedTuple):
    """A request; names of headers are in lower case."""

    method: str
    key: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytearray


Answer = tuple[str, Mapping[str, str], list[memoryview]]  # status, headers and content


class Shelf:
    """All objects of all buckets, by bucket and key in one name, and the parts of uploads that have not ended."""

    def __init__(self) -> None:
        self._things: dict[str, Thing] = {}
        self._uploads: dict[str, dict[int, bytearray]] = {}
        self._lock = threading.Lock()

    def answer(self, asked: Asked) -> Answer:
        """What S3 would say, as far as anybody here asks."""
        query = asked.query
        if asked.method == "PUT" and "uploadId" in query:
            self._uploads[query["uploadId"][0]][int(query["partNumber"][0])] = asked.body
            return _said("", ETag=_etag())
        if asked.method == "PUT":
            return _said("", ETag=self._store(asked.key, [asked.body]))
        if asked.method == "POST" and "delete" in query:
            return self._remove(asked)
        if asked.method == "POST":
            return self._upload(asked)
        if not asked.key.partition("/")[2]:
            return self._of_bucket(asked)
        return self._read(asked)

    def _store(self, key: str, pieces: list[bytearray]) -> str:
        etag = _etag()
        self._things[key] = Thing(pieces, sum(map(len, pieces)), etag, datetime.now(UTC))
        return etag

    def _upload(self, asked: Asked) -> Answer:
        if "uploads" in asked.query:
            name = _etag().strip('"')
            self._uploads[name] = {}
            return _said(f"<InitiateMultipartUploadResult><UploadId>{name}</UploadId></InitiateMultipartUploadResult>")
        parts = self._uploads.pop(asked.query["uploadId"][0])
        etag = self._store(asked.key, [parts[number] for number in sorted(parts)])
        return _said(f"<CompleteMultipartUploadResult><ETag>{etag}</ETag></CompleteMultipartUploadResult>")

    def _remove(self, asked: Asked) -> Answer:
        for key in re.findall(r"<Key>([^<]*)</Key>", asked.body.decode()):
            self._things.pop(f"{asked.key.rstrip('/')}/{unescape(key)}", None)
        return _said("<DeleteResult></DeleteResult>")

    def _of_bucket(self, asked: Asked) -> Answer:
        bucket = asked.key.partition("/")[0]
        if "list-type" not in asked.query:
            kind = "ListMultipartUploadsResult" if "uploads" in asked.query else ""
            return (
                _said(f"<{kind}></{kind}>")
                if kind
                else _refused("404 Not Found", "NoSuchTagSet" if "tagging" in asked.query else "NoSuchConfiguration")
            )
        prefix = f"{bucket}/{asked.query.get('prefix', [''])[0]}"
        most = int(asked.query.get("max-keys", [str(PAGE)])[0])
        with self._lock:
            keys = sorted(self._things)
        first = bisect.bisect(keys, asked.query["continuation-token"][0]) if "continuation-token" in asked.query else 0
        first = max(first, bisect.bisect_left(keys, prefix))
        found = list(itertools.takewhile(lambda key: key.startswith(prefix), keys[first : first + most + 1]))
        rows = "".join(self._row(key, len(bucket) + 1) for key in found[:most])
        more = f"<NextContinuationToken>{escape(found[most - 1])}</NextContinuationToken>" if len(found) > most else ""
        told = (
            f"<Name>{bucket}</Name><EncodingType>url</EncodingType><IsTruncated>{str(bool(more)).lower()}</IsTruncated>"
        )
        return _said(f"<ListBucketResult>{told}{more}{rows}</ListBucketResult>")

    def _row(self, key: str, cut: int) -> str:
        thing = self._things[key]
        return (
            f"<Contents><Key>{quote(key[cut:])}</Key><LastModified>{thing.when:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
            f"<ETag>{thing.etag}</ETag><Size>{thing.size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        )

    def _read(self, asked: Asked) -> Answer:
        thing = self._things.get(asked.key)
        if thing is None:
            return _refused("404 Not Found", "NoSuchKey")
        if asked.headers.get("if-match", thing.etag) != thing.etag:
            return _refused("412 Precondition Failed", "PreconditionFailed")
        headers = {"ETag": thing.etag, "Last-Modified": f"{thing.when:%a, %d %b %Y %H:%M:%S GMT}"}
        start, end, status = 0, thing.size, "200 OK"
        if wanted := re.fullmatch(r"bytes=(\d+)-(\d*)", asked.headers.get("range", "")):
            start, end = int(wanted[1]), min(end, int(wanted[2] or end) + 1)
            status = "206 Partial Content"
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{thing.size}"
        headers["Content-Length"] = str(end - start)
        return status, headers, [] if asked.method == "HEAD" else list(_slices(thing.pieces, start, end))


def _slices(pieces: list[bytearray], start: int, end: int) -> Iterator[memoryview]:
    at = 0
    for piece in pieces:
        if at < end and at + len(piece) > start:
            yield memoryview(piece)[max(start - at, 0) : end - at]
        at += len(piece)


def _etag() -> str:
    return f'"{next(_ETAGS):x}-0"'


def _said(text: str, **headers: str) -> Answer:
    content = text.encode()
    return "200 OK", {"Content-Length": str(len(content)), **headers}, [memoryview(content)]


def _refused(status: str, code: str) -> Answer:
    _, headers, content = _said(f"<Error><Code>{code}</Code><Message>No.</Message></Error>")
    return status, headers, content


def _serve(shelf: Shelf, connection: socket.socket) -> None:
    """Answer requests until the client has no more."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, io.BufferedReader(socket.SocketIO(connection, "r"), 1 << 16) as stream:
        while (asked := _request(stream, connection)) is not None:
            status, headers, content = shelf.answer(asked)
            told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            head = f"HTTP/1.1 {status}\r\n{told}\r\n".encode()
            if sum(map(len, content)) <= 1 << 16:
                connection.sendall(head + b"".join(content))
                continue
            connection.sendall(head)
            for piece in content:
                connection.sendall(piece)


def _request(stream: io.BufferedReader[Any], connection: socket.socket) -> Asked | None:
    line = stream.readline().decode()
    if not line:
        return None
    headers: dict[str, str] = {}
    while (header := stream.readline()) not in {b"\r\n", b""}:
        name, _, value = header.decode().partition(":")
        headers[name.lower()] = value.strip()
    if headers.get("expect") == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = bytearray(int(headers.get("content-length", 0)))
    view = memoryview(body)
    while view and (got := stream.readinto(view)):
        view = view[got:]
    method, target, _ = line.split(" ")
    path, _, query = target.partition("?")
    return Asked(method, unquote(path[1:]), parse_qs(query, keep_blank_values=True) if query else {}, headers, body)


def main() -> None:
    """Serve until ended."""
    shelf, listening = Shelf(), socket.create_server(("127.0.0.1", 0), backlog=128)
    print(listening.getsockname()[1], flush=True)
    while True:
        connection, _ = listening.accept()
        threading.Thread(target=_serve, args=(shelf, connection), daemon=True).start()


if __name__ == "__main__":
    main()
