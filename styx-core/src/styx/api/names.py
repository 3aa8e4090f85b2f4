"""Who owns a resource, written into its name and tags so that anybody can tell.

A name is ``styx-<installation>-<cluster>-<attempt>`` and, for one node, ``-<rank>`` more: at most 40 characters of
``[a-z0-9-]``, which every provider we know of accepts. :meth:`Owner.parse` inverts it, so that a lost database can be
rebuilt even from clouds that keep no tags.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

PREFIX = "styx"
NAME_LIMIT = 40
SLUG_LIMIT = 19
RANK_LIMIT = 999

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_NAME = re.compile(r"styx-([a-z0-9]{6})-([a-z0-9](?:[a-z0-9-]*[a-z0-9])?)-([a-z][a-z0-9]{3})(?:-(\d{1,3}))?")


def new_installation_id() -> str:
    """Six random characters that tell this installation's resources from everybody else's."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(6))


def new_attempt_id() -> str:
    """Four random characters, the first a letter, that tell one launch attempt from the next.

    The leading letter keeps a name without a rank from reading as one with: ranks are digits only.
    """
    return secrets.choice(_ALPHABET[:26]) + "".join(secrets.choice(_ALPHABET) for _ in range(3))


def slug(cluster: str) -> str:
    """The cluster's name as it fits into provider names: itself, or a prefix and six characters of its SHA-256."""
    if len(cluster) <= SLUG_LIMIT and _SLUG.fullmatch(cluster):
        return cluster
    digest = hashlib.sha256(cluster.encode()).hexdigest()[:6]
    head = re.sub(r"[^a-z0-9]+", "-", cluster.lower()).strip("-")[: SLUG_LIMIT - 7].strip("-")
    return f"{head}-{digest}" if head else f"c-{digest}"


@dataclass(frozen=True, slots=True)
class Owner:
    """One launch attempt of one cluster of one installation: the unit that is made, found and removed as a whole."""

    installation: str
    cluster: str  # the slug
    attempt: str

    @property
    def name(self) -> str:
        """The name of the whole attempt; unique to it."""
        return f"{PREFIX}-{self.installation}-{self.cluster}-{self.attempt}"

    def node_name(self, rank: int) -> str:
        """The name of the node with this rank (0 to 999)."""
        if not 0 <= rank <= RANK_LIMIT:
            raise ValueError(f"rank {rank} is outside 0..{RANK_LIMIT}")
        return f"{self.name}-{rank}"

    def tags(self, rank: int | None = None) -> dict[str, str]:
        """At most five pairs, keys and values of ``[a-z0-9-]``, values at most 63 characters."""
        tags = {
            "styx-installation": self.installation,
            "styx-cluster": self.cluster,
            "styx-attempt": self.attempt,
        }
        if rank is not None:
            tags["styx-rank"] = str(rank)
        return tags

    @classmethod
    def parse(cls, name: str) -> tuple[Owner, int | None] | None:
        """The owner and rank a name was made from, or None when it is not one of ours."""
        match = _NAME.fullmatch(name)
        if match is None or len(name) > NAME_LIMIT:
            return None
        installation, cluster, attempt, rank = match.groups()
        return cls(installation, cluster, attempt), None if rank is None else int(rank)

    @classmethod
    def from_tags(cls, tags: dict[str, str]) -> Owner | None:
        """The owner that :meth:`tags` wrote, or None when a part is missing."""
        try:
            return cls(tags["styx-installation"], tags["styx-cluster"], tags["styx-attempt"])
        except KeyError:
            return None
