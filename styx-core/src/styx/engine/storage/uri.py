"""URIs of stores, ``scheme://bucket/key``: the key is the text after the bucket, as it is."""

from __future__ import annotations

from dataclasses import dataclass

from styx.api.errors import BadInput


def is_uri(text: str) -> bool:
    """Whether it names something in a store, and no path of this machine."""
    return "://" in text


@dataclass(frozen=True, slots=True)
class Uri:
    """A bucket, and a key in it that is empty for all of it; one that ends in a slash names what is below."""

    scheme: str
    bucket: str
    key: str = ""

    @classmethod
    def parse(cls, text: str) -> Uri:
        """Raises BadInput for what is no URI. No character of the key is special but the slash."""
        scheme, separator, rest = text.partition("://")
        bucket, _, key = rest.partition("/")
        if not (scheme and separator):
            raise BadInput(f"{text!r} is not the URI of a place in a store", hint="Write SCHEME://BUCKET/KEY.")
        if not bucket:
            hint = f"Write {scheme}://BUCKET/KEY; a path of this machine goes without {scheme}://."
            raise BadInput(f"{text!r} names no bucket", hint=hint)
        return cls(scheme, bucket, key)

    @property
    def prefix(self) -> str:
        """What the keys of everything below begin with."""
        return self.key if not self.key or self.key.endswith("/") else f"{self.key}/"

    @property
    def below(self) -> Uri:
        """The place of everything below."""
        return Uri(self.scheme, self.bucket, self.prefix)

    def at(self, key: str) -> str:
        """The URI of a key in the same bucket."""
        return f"{self.scheme}://{self.bucket}/{key}"

    def __str__(self) -> str:
        """As it is written."""
        return self.at(self.key) if self.key else f"{self.scheme}://{self.bucket}"
