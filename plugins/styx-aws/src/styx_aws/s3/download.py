"""From objects to files: small ones in one request, large ones in parts, on from where an earlier download was left."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

from styx.api import InvalidRequest, Moved, ProviderError, QuotaExceeded, Transient, patiently
from styx_aws.errors import code_of
from styx_aws.s3.account import Bucket
from styx_aws.s3.crew import Job
from styx_aws.s3.drafts import Draft
from styx_aws.s3.parts import PART, Part, cut, matches
from styx_aws.s3.refusals import asking_disk
from styx_aws.s3.wire import read

_TOTAL = re.compile(r"bytes \d+-\d+/(\d+)")
_CHUNK = 1 << 18
_EMPTY = frozenset({"InvalidRange", "416"})  # the answer to a range of an object that has no bytes
_ENCRYPTION = "x-amz-server-side-encryption"  # with keys of KMS, ETags say nothing of the content
_CHANGED = frozenset({"PreconditionFailed", "412"})


class Downloads:
    """What one call brings. Drafts of large files stay for the next call when it fails, unless the disk is full."""

    def __init__(self, bucket: Bucket, moved: Moved) -> None:
        self._bucket, self._moved = bucket, moved
        self._drafts: list[Draft] = []
        self._answers: list[Any] = []  # with the first part of a large object, to be read
        self._made: set[Path] = set()

    def jobs(self, files: Mapping[str, Path]) -> Iterator[Job]:
        """The jobs that bring each object to its file. An object whose key ends in a slash is a directory."""
        for key, path in files.items():
            yield partial(self._make, path) if key.endswith("/") else partial(self._fetch, key, path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        for answer in self._answers:
            answer.close()
        for draft in self._drafts:
            draft.discard() if isinstance(error, QuotaExceeded) else draft.close()

    def _make(self, directory: Path) -> None:
        if directory not in self._made:
            with asking_disk(f"make the directory {directory}"):
                directory.mkdir(parents=True, exist_ok=True)
            self._made.add(directory)

    def _fetch(self, key: str, path: Path) -> Iterable[Job] | None:
        """Ask for the beginning, which is all of a small object; else the jobs for its parts."""
        answer, total, content = patiently(lambda: self._begin(key))
        self._make(path.parent)
        modified = parsedate_to_datetime(answer.headers["Last-Modified"]).timestamp()
        if content is None:
            return self._large(key, path, answer, total, modified)
        with asking_disk(f"write {path}"):
            draft = Draft(path)
            try:
                draft.write(content)
                draft.finish(modified)
            finally:
                draft.discard()
        self._moved(total)
        return None

    def _begin(self, key: str) -> tuple[Any, int, bytes | None]:
        """The answer, how long the object is, and all of it if it is small."""
        try:
            answer = self._get(key, {"Range": f"bytes=0-{PART - 1}"})
        except ProviderError as error:
            if code_of(error) not in _EMPTY:
                raise
            answer = self._get(key)
        told = _TOTAL.fullmatch(answer.headers.get("Content-Range", ""))
        total = int(told[1] if told else answer.headers["Content-Length"])
        if total > PART and told is None:
            raise InvalidRequest(f"{key!r}: the server knows no ranges, and large objects are brought in parts")
        return answer, total, read(answer) if total <= PART else None

    def _get(self, key: str, headers: Mapping[str, str] | None = None) -> Any:
        return self._bucket.wire.send("GetObject", "GET", key, headers=headers)

    def _large(self, key: str, path: Path, answer: Any, total: int, modified: float) -> Iterable[Job]:
        self._answers.append(answer)
        etag = answer.headers["ETag"].strip('"')
        pieces = cut(total)
        with asking_disk(f"write {path}"):
            draft = Draft(path)
            self._drafts.append(draft)
            there = draft.take_up(total, len(pieces), f"s3://{self._bucket.name}/{key} {etag}")
        missing = [piece for piece in pieces if piece.number not in there]
        large = _Large(self._get, key, path, draft, etag, modified, missing)
        if there:
            self._moved(total - sum(piece.length for piece in missing))
        large.doubtful = bool(there) and not answer.headers.get(_ENCRYPTION, "").startswith("aws:kms")
        if not missing:
            return [large.finish]
        first = answer if 1 not in there and pieces[0].length == PART else None
        return [partial(large.bring, piece, self._moved, first if piece.number == 1 else None) for piece in missing]


class _Large:
    """An object on its way to its draft."""

    def __init__(
        self, get: Any, key: str, path: Path, draft: Draft, etag: str, modified: float, missing: Iterable[Part]
    ) -> None:
        self._get, self._key, self._path, self._draft, self._etag = get, key, path, draft, etag
        self._modified = modified
        self._missing = {piece.number for piece in missing}
        self._lock = threading.Lock()
        self.doubtful = False

    def bring(self, piece: Part, moved: Moved, answer: Any = None) -> None:
        """Copy a part from the answer, or from one that is asked for."""
        answers = [answer] if answer is not None else []

        def once() -> None:
            self._copy(answers.pop() if answers else self._ask(piece), piece)

        try:
            patiently(once)
        except ProviderError as error:
            if code_of(error) not in _CHANGED:
                raise
            hint = "The next download begins anew."
            raise Transient(f"{self._key!r} was replaced while it was being downloaded", hint=hint) from error
        moved(piece.length)
        with self._lock:
            self._missing.discard(piece.number)
            last = not self._missing
        if last:
            self.finish()

    def finish(self) -> None:
        """All is there. What another process has left is looked at before it is believed."""
        with asking_disk(f"write {self._path}"):
            if self.doubtful and matches(self._draft.descriptor, self._draft.size, self._etag) is False:
                self._draft.discard()
                raise Transient(f"{self._path}: the draft of an earlier download was damaged, and is removed")
            self._draft.finish(self._modified)

    def _ask(self, piece: Part) -> Any:
        asked = {"Range": f"bytes={piece.offset}-{piece.offset + piece.length - 1}", "If-Match": f'"{self._etag}"'}
        return self._get(self._key, asked)

    def _copy(self, answer: Any, piece: Part) -> None:
        at, end = piece.offset, piece.offset + piece.length
        with closing(answer), asking_disk(f"write {self._path}"):
            while (chunk := read(answer, _CHUNK)) and at + len(chunk) <= end:
                self._draft.fill(chunk, at)
                at += len(chunk)
            if chunk or at != end:
                raise Transient(f"{self._key!r}: an answer of S3 has another length than the part it is to be")
            self._draft.arrived(piece)
