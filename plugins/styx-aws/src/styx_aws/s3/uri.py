"""From ``s3://bucket/key`` to its parts, and which names AWS takes. Keys are taken as they are: ``?`` is a letter."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address

from styx.api import InvalidRequest

SCHEME = "s3"
_LONGEST_KEY = 1024  # bytes
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")  # old ones are named more freely than new ones
_NEW_BUCKET = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_TAKEN_BEGINNINGS = ("xn--", "sthree-", "amzn-s3-demo-")
_TAKEN_ENDS = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3", "-an")
_RULES = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html has all rules."


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket and a key. ``prefix``: the key is empty or ends in a slash, and names all below it."""

    bucket: str
    key: str

    @property
    def prefix(self) -> bool:
        """Whether all below the key is meant, and no object of that name."""
        return not self.key or self.key.endswith("/")

    @property
    def folder(self) -> str:
        """The key that everything below begins with; empty is the whole bucket."""
        return self.key if self.prefix else f"{self.key}/"


def parse(uri: str) -> Place:
    """Raises InvalidRequest for what is not a URI of ours."""
    scheme, separator, rest = uri.partition("://")
    if not separator or scheme != SCHEME:
        raise InvalidRequest(f"{uri!r} is not a {SCHEME}://BUCKET/KEY", field="uri")
    bucket, _, key = rest.partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise InvalidRequest(f"{bucket!r} cannot be a bucket of S3", hint=_RULES, field="uri")
    return Place(bucket, key)


def check_new_bucket(name: str) -> None:
    """Raises InvalidRequest, with the rule that is broken, unless AWS makes buckets of this name."""
    if not _NEW_BUCKET.fullmatch(name):
        rule = "3 to 63 lower-case letters, digits, '-' and '.', a letter or digit first and last, and no '..'"
    elif _is_address(name):
        rule = "no IP address"
    elif start := next((start for start in _TAKEN_BEGINNINGS if name.startswith(start)), None):
        rule = f"{start!r} is no beginning of a name"
    elif end := next((end for end in _TAKEN_ENDS if name.endswith(end)), None):
        rule = f"{end!r} is no end of a name"
    else:
        return
    raise InvalidRequest(f"{name!r} cannot be a bucket of S3: {rule}", hint=_RULES, field="bucket")


def check_key(key: str) -> None:
    """Raises InvalidRequest for a key that no object should have, or that cannot be asked for by its address.

    ``.`` and ``..`` are letters to S3, but steps to whatever the address passes on its way there.
    """
    try:
        length = len(key.encode())
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"the key {key!r} is not text: {error.reason}", field="uri") from error
    if not 0 < length <= _LONGEST_KEY:
        raise InvalidRequest(f"the key {key!r} has {length} bytes; S3 takes 1 to {_LONGEST_KEY}", field="uri")
    if strange := {".", ".."}.intersection(key.split("/")):
        raise InvalidRequest(f"the key {key!r} has the part {strange.pop()!r}, which leads elsewhere", field="uri")


def path_below(key: str, folder: str) -> str:
    """The path of an object relative to the directory that ``folder`` is copied to; empty for the folder's marker.

    Raises InvalidRequest for a key that has no place in a directory.
    """
    path = key.removeprefix(folder)
    parts = path.removesuffix("/").split("/")
    if path and ("\0" in path or not {"", ".", ".."}.isdisjoint(parts)):
        raise InvalidRequest(
            f"the object {key!r} has no place in a directory: its key has an empty part or leads elsewhere",
            hint="Copy the others by longer prefixes, and this one by its own URI.",
            field="uri",
        )
    return path


def _is_address(name: str) -> bool:
    try:
        IPv4Address(name)
    except AddressValueError:
        return False
    return True
