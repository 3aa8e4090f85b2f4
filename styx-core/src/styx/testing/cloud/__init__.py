"""The rules for clouds. A subclass and the fixture ``cloud`` are all an author writes.

Tests that need machines make them, from the cheapest offer that fits ``query``, and remove them. A test whose
ground is already known to be broken by another is skipped and names that other: mend the failures from the top.

Fixtures to override where the defaults do not suit: ``query`` (what to rent), ``clock`` (the cloud's own),
``gang_size`` (2), ``boot``, ``deadline`` (seconds for machines to come and go), ``secrets`` (texts that must never be
stored), ``neighbour`` and ``fresh`` (how further objects of the same account are made), ``impossible_query``,
``pointed_at`` (how an object is pointed at another address, so that the kit can refuse it everything).

A rule may be newer than a provider: one written for an older minor version of the contract, as its manifest says, is
not held to the rules that came later, and is told which.
"""

from __future__ import annotations

from styx.testing.cloud.account import AccountRules
from styx.testing.cloud.anonymous import AnonymousRules
from styx.testing.cloud.asking import AskingRules
from styx.testing.cloud.capabilities import CapabilityRules
from styx.testing.cloud.discarding import DiscardRules
from styx.testing.cloud.launching import LaunchRules
from styx.testing.cloud.observing import ObserveRules
from styx.testing.cloud.offering import OfferRules
from styx.testing.cloud.preparing import PrepareRules
from styx.testing.cloud.secrecy import SecrecyRules
from styx.testing.cloud.spending import SpendingRules
from styx.testing.cloud.stopping import StopRules
from styx.testing.cloud.telling import TellingRules
from styx.testing.cloud.terminating import TerminateRules


class CloudConformance(
    AccountRules,
    OfferRules,
    PrepareRules,
    LaunchRules,
    ObserveRules,
    TerminateRules,
    StopRules,
    DiscardRules,
    CapabilityRules,
    TellingRules,
    SpendingRules,
    AnonymousRules,
    SecrecyRules,
    AskingRules,
):
    """Every rule for clouds, one test each. Subclass it and define the fixture ``cloud``."""


__all__ = ["CloudConformance"]
