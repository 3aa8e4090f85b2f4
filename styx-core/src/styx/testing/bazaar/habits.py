"""The bad habits of providers, each a switch. With all of them off the bazaar is as kind as EC2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from styx.api import Idempotency, SelfStop, Traits

MARGIN = 1.0  # seconds that settle_after is longer than anything it has to cover


class Blindness(StrEnum):
    """What becomes of a listing in the first quarter of every minute."""

    NONE = "none"
    HALF = "half"  # every second machine is hidden, and what hides it is named in `unreachable`
    WHOLE = "whole"  # the listing fails


class Interruption(StrEnum):
    """How a spot machine is taken back."""

    NOTICE = "notice"  # announced on the machine, then shown as preempted for a while (EC2, Compute Engine, Azure)
    SILENT = "silent"  # it is not there any more (Vast.ai's outbid hosts, community clouds)


@dataclass(frozen=True, slots=True)
class Habits:
    """How one provider behaves. Times are seconds; 0 switches the habit off. Raises ValueError for what cannot be."""

    idempotency: Idempotency = Idempotency.TOKEN
    token_lifetime: float = 3600.0  # how long a token is remembered, and how long a name may be replayed

    # -- tokens (EC2's RunInstances has all three)
    spent_tokens: bool = False  # a replay fails once a machine that the token made was removed
    strict_tokens: bool = False  # a token that comes back with other parameters is refused
    zonal_tokens: bool = False  # a token counts in its zone alone: in the next one it buys again

    # -- asking for machines
    late_refusals: float = 0.0  # a shortage shows this much later, not in the answer (Compute Engine, Azure)
    shared_names: bool = False  # any number of machines may have one name (Lambda, EC2's Name tag)
    partial: bool = False  # it gives as many ranks as it has (EC2 with MinCount=1, marketplaces)
    slow_launches: float = 0.0  # a launch is under way this long before it is carried out (Azure, busy gateways)
    lost_answers: bool = False  # every second answer to a launch, the first one too, gets lost (gateways that time out)

    # -- looking
    late_births: float = 0.0  # a new machine is missing from listings this long (EC2, RunPod, Lambda)
    late_deaths: float = 0.0  # a removed machine is listed this much longer, as if it ran (EC2, RunPod)
    flickers: bool = False  # while listings lag, one replica shows the machine and the next does not (EC2)
    blindness: Blindness = Blindness.NONE  # a zone, a host or the whole listing is out of reach now and then (vSphere)

    # -- removing
    slow_removal: float = 0.0  # a machine takes this long to go
    not_yet: bool = False  # what has to wait is said with NotYet, and not left to the next call
    leftovers: bool = False  # a disk and a NIC outlive the machine, cost money, and go only after it (Azure)
    no_discard: bool = False  # only whole attempts can be removed

    # -- machines
    mapped_ports: bool = False  # SSH and all other ports are behind another host, under other numbers (Vast.ai, RunPod)
    vanishing: bool = False  # a host that fails is not there any more; else it is shown for a while, with the cause
    billed_when_off: bool = False  # a guest that shuts itself down goes on billing (Azure, Lambda)
    no_stop: bool = False  # machines cannot be stopped (Lambda)
    restless: bool = False  # a start changes addresses and prices (EC2's addresses, RunPod's prices)
    homeless: bool = False  # a stopped machine gives its place up, and a start may find it taken (Vast.ai, EC2)
    interruption: Interruption = Interruption.NOTICE

    # -- being called
    pace: float = 0.0  # no two calls in less than this (RunPod, Lambda: one a second)
    says_pace: bool = False  # and its traits say so

    def __post_init__(self) -> None:
        if self.problem:
            raise ValueError(self.problem)

    @property
    def problem(self) -> str:
        """Why no provider can have these habits together; empty when one can."""
        tokens = self.spent_tokens or self.strict_tokens or self.zonal_tokens
        listed = self.idempotency in {Idempotency.SEARCH, Idempotency.NONE}
        for wrong, why in (
            (tokens and self.idempotency is not Idempotency.TOKEN, "rules for tokens need tokens"),
            (self.shared_names and self.idempotency is not Idempotency.TOKEN, "names are unique (NAME) or never were"),
            (self.no_discard and not listed, "single machines are discarded under SEARCH and NONE alone"),
            (self.no_stop and (self.restless or self.homeless), "what cannot be stopped is never started"),
            (self.flickers and not (self.late_births or self.late_deaths), "a listing flickers while it lags"),
            (self.says_pace and not self.pace, "there is no pace to speak of"),
        ):
            if wrong:
                return why
        return ""

    @property
    def unique_names(self) -> bool:
        """Whether a name that is taken is refused."""
        return self.idempotency is Idempotency.NAME or (self.idempotency is Idempotency.TOKEN and not self.shared_names)

    @property
    def traits(self) -> Traits:
        """What a cloud with these habits says of itself."""
        replayable = self.idempotency in {Idempotency.TOKEN, Idempotency.NAME}
        # A client that is killed while a launch is under way leaves nobody who knows when it was carried out.
        lag = max(self.late_births, self.late_deaths) + self.slow_launches
        settle = lag + MARGIN if lag else 0.0
        return Traits(
            self.idempotency,
            token_lifetime=self.token_lifetime if replayable else 0.0,
            settle_after=settle if replayable else max(settle, 5.0),
            atomic_gang=not self.partial and not self.late_refusals,
            private_network=True,
            self_stop=frozenset() if self.billed_when_off else frozenset(SelfStop),
            boot_deadline=120.0,
            pace={"": self.pace} if self.says_pace else {},
        )

    def to_data(self) -> dict[str, Any]:
        """Plain JSON data."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Habits:
        """The habits that :meth:`to_data` wrote."""
        known = dict(data)
        for name, kind in (
            ("idempotency", Idempotency), ("blindness", Blindness), ("interruption", Interruption),
        ):  # fmt: skip
            if name in known:
                known[name] = kind(known[name])
        return cls(**known)
