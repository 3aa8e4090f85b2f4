"""From ``file://bucket/key`` to its parts. The key is taken as it is; what could lead out of the bucket is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass

from styx.api import InvalidRequest

SCHEME = "file"
PRIVATE = ".styx"  # the one name at the top of a bucket that no object can have

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket and the parts of a key. ``prefix``: the key is empty or ends in a slash, and names all below it."""

    bucket: str
    parts: tuple[str, ...]
    prefix: bool

    @property
    def key(self) -> str:
        """The key as it was written."""
        text = "/".join(self.parts)
        return f"{text}/" if self.prefix and text else text

    def below(self, key: str) -> Place:
        """The place of an object below this one."""
        return Place(self.bucket, (*self.parts, *_parts(key, top=not self.parts)), prefix=False)


def parse(uri: str) -> Place:
    """Raises InvalidRequest for what is not a URI of ours, and for keys that no object can have."""
    scheme, separator, rest = uri.partition("://")
    if not separator or scheme != SCHEME:
        raise _invalid(f"{uri!r} is not a {SCHEME}://BUCKET/KEY")
    bucket, _, key = rest.partition("/")
    check_bucket(bucket)
    prefix = not key or key.endswith("/")
    return Place(bucket, _parts(key.removesuffix("/"), top=True) if key else (), prefix)


def single(bucket: str, key: str) -> Place:
    """The place of one object. Raises InvalidRequest for a key that no object can have."""
    if not key or key.endswith("/"):
        raise _invalid(f"{key!r} is a place for directories; a file needs a key of its own")
    return Place(bucket, _parts(key, top=True), prefix=False)


def check_bucket(name: str) -> None:
    """Raises InvalidRequest unless the name can be a bucket's."""
    if not _BUCKET.fullmatch(name):
        hint = "A path on this machine is written without a scheme." if not name else None
        raise _invalid(f"{name!r} cannot be a bucket: letters, digits, '.', '_' and '-', 63 at most", hint)


def _parts(key: str, *, top: bool) -> tuple[str, ...]:
    parts = tuple(key.split("/"))
    for part in parts:
        if part in {"", ".", ".."} or "\0" in part:
            raise _invalid(f"the key {key!r} has the part {part!r}, which leads elsewhere or nowhere")
    if top and parts[0] == PRIVATE:
        raise _invalid(f"the key {key!r} begins with {PRIVATE}, where the bucket's own files are")
    try:
        key.encode()
    except UnicodeEncodeError as error:
        raise _invalid(f"the key {key!r} is not text: {error.reason}") from error
    return parts


def _invalid(message: str, hint: str | None = None) -> InvalidRequest:
    return InvalidRequest(message, hint=hint, field="uri")
