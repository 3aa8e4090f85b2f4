"""The papers of a launch: what is asked for, the intent that is stored first, and the receipt."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from styx.api.names import Owner
from styx.api.offers import Offer, Scope


@dataclass(frozen=True, slots=True)
class Boot:
    """What a new machine is given for its first minutes.

    ``authorized_key`` is the OpenSSH public key that core will log in with. ``script`` is a POSIX shell script to run
    as root at first boot, where the provider's traits say it can; it arms the watchdog that stops the machine when no
    agent makes contact within ``watchdog_seconds``.
    """

    authorized_key: str
    script: str = ""
    watchdog_seconds: int = 900


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """What core asks a provider to make: these ranks of this attempt, from this offer."""

    owner: Owner
    offer: Offer
    ranks: tuple[int, ...]
    boot: Boot
    spot: bool = False
    disk_gib: int | None = None
    image: str | None = None
    ports: tuple[int, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    disk_tier: str | None = None  # low, medium, high, ultra or best: how fast the disk is. Since 1.1
    identity: str | None = None  # the provider's identity that programs on the nodes act as; none by default. Since 1.1


@dataclass(frozen=True, slots=True)
class StartRequest:
    """What core asks of a provider that can stop: bring the stopped nodes of this attempt back."""

    owner: Owner
    scope: Scope
    ranks: tuple[int, ...]
    receipts: tuple[Receipt, ...]
    boot: Boot


@dataclass(frozen=True, slots=True)
class Prepared:
    """An intent: everything the provider call needs, resolved, so that it can be replayed byte for byte.

    ``payload`` is the provider's own text (JSON by custom) and holds no secret, for it is stored. ``token`` is the
    idempotency token: the same for the same intent, different for any other.
    """

    owner: Owner
    scope: Scope
    ranks: tuple[int, ...]
    payload: str
    token: str = ""

    def __post_init__(self) -> None:
        """Derive the token from owner, scope and payload unless the provider chose one."""
        if not self.token:
            text = "\n".join((self.owner.name, self.scope.name, ",".join(map(str, self.ranks)), self.payload))
            object.__setattr__(self, "token", hashlib.sha256(text.encode()).hexdigest()[:32])


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the provider answered: evidence, not truth. ``node_ids`` maps each accepted rank to the provider's id."""

    token: str
    node_ids: Mapping[int, str]
    hourly_cost: Decimal | None = None  # USD per hour for all of them
    data: Mapping[str, str] = field(default_factory=dict)
