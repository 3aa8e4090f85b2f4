"""What a catalog holds, and who asks a provider for it: the rows of a snapshot and the refresher that makes a new one.

A plugin ships a dated snapshot of what its cloud sells as plain text (``docs/catalog.md``) and may name a
:class:`Refresher` in its manifest, which is imported by ``styx catalog update`` alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from time import sleep
from typing import TypeVar

from styx.api.errors import RateLimited, Transient
from styx.api.offers import Accelerator
from styx.api.services import Services

ANYWHERE = "*"  # in TransferPrice: every region
INTERNET = "internet"  # in TransferPrice.to_region: out of this cloud
WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds before something is asked for again

AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True)
class Source:
    """Where facts come from. ``published`` is the publisher and the document, or the package and its version."""

    what: str
    published: str
    as_of: date
    licence: str = ""


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One type of machine in one region, at one price; of several zones where the price is the same in each.

    Prices are USD per hour for one machine, above 0, and kept to the billionth: ``hourly`` None means unknown or not
    sold on demand, ``spot`` None not sold as spot. ``source`` and ``type_source`` name a source of the price and of the
    facts about the type; where the second is empty both come from the first. ``as_of`` None is the source's own date.
    """

    instance_type: str
    vcpus: float
    memory_gib: float
    region: str
    source: str
    zones: tuple[str, ...] = ()
    hourly: Decimal | None = None
    spot: Decimal | None = None
    arch: str = "x86_64"
    accelerator: Accelerator | None = None
    disk_gib: int | None = None  # of local disks that come with it
    capabilities: frozenset[str] = frozenset()
    as_of: date | None = None
    type_source: str = ""


@dataclass(frozen=True, slots=True)
class CatalogType:
    """What a type of machine is, wherever it is sold: the fields of :class:`CatalogEntry` without place and price."""

    instance_type: str
    vcpus: float
    memory_gib: float
    arch: str = "x86_64"
    accelerator: Accelerator | None = None
    disk_gib: int | None = None
    capabilities: frozenset[str] = frozenset()

    def sold(
        self, region: str, source: str, *, zones: Iterable[str] = (), hourly: Decimal | None = None,
        spot: Decimal | None = None, as_of: date | None = None, type_source: str = "",
    ) -> CatalogEntry:  # fmt: skip
        """It, in one region at one price."""
        return CatalogEntry(
            self.instance_type, self.vcpus, self.memory_gib, region, source, zones=tuple(zones), hourly=hourly,
            spot=spot, arch=self.arch, accelerator=self.accelerator, disk_gib=self.disk_gib,
            capabilities=self.capabilities, as_of=as_of, type_source=type_source,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class TransferPrice:
    """What it costs to move data, in USD per GiB, from a region (or ANYWHERE) to another (or ANYWHERE, INTERNET)."""

    from_region: str
    to_region: str
    usd_per_gib: Decimal
    source: str


class Refresher(ABC):
    """Asks a provider what it sells now. Made for one update, with the settings of the cloud where there are any.

    ``today`` is the day of the update, in UTC: that of its sources.

    What it raises is of the contract: AuthFailed, PermissionDenied, RateLimited, Transient and the other errors of
    providers. The old snapshot then stays. It is a plain program in a process of its own and may take its time.
    """

    def __init__(self, services: Services) -> None:
        self.services = services
        self.today: date = services.clock.now().date()

    @abstractmethod
    def sources(self) -> Mapping[str, Source]:
        """The sources that entries name. Asked after the last entry, so that it can tell what was found."""

    @abstractmethod
    def entries(self, progress: Callable[[str], None]) -> Iterable[CatalogEntry]:
        """Everything that is sold, in any order; ``progress`` is told what goes on, in a few words.

        Of two entries for one type and zone the first counts, and of two that differ in what the type is as well.
        """

    def transfer(self) -> Iterable[TransferPrice] | None:
        """What moving data costs; None where it is not asked for, and what the package says of it stays."""
        return None


def patiently(request: Callable[[], AnswerT]) -> AnswerT:
    """The answer to a request that changes nothing, such as for a page of a list: repeated while that may help.

    After RateLimited and Transient it is sent again, five times at most, after waits that double, and not before
    ``retry_after``; about half a minute in all. Then the last error is raised, and every other error at once.
    """
    for wait in WAITS:
        try:
            return request()
        except (RateLimited, Transient) as error:
            sleep(max(wait, getattr(error, "retry_after", None) or 0.0))
    return request()
