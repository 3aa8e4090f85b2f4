"""The rules for clouds. A subclass and the fixture ``cloud`` are all an author writes.

Tests that need machines make them, from the cheapest offer that fits ``query``, and remove them. A test whose
ground is already known to be broken by another is skipped and names that other: mend the failures from the top.

Fixtures to override where the defaults do not suit: ``query`` (what to rent), ``clock`` (the cloud's own),
``gang_size`` (2), ``boot``, ``deadline`` (seconds for machines to come and go), ``secrets`` (texts that must never be
stored), ``neighbour`` and ``fresh`` (how further objects of the same account are made), ``impossible_query``.
"""

from __future__ import annotations

from styx.testing.cloud.account import AccountRules
from styx.testing.cloud.capabilities import CapabilityRules
from styx.testing.cloud.launching import LaunchRules
from styx.testing.cloud.observing import ObserveRules
from styx.testing.cloud.offering import OfferRules
from styx.testing.cloud.preparing import PrepareRules
from styx.testing.cloud.stopping import StopRules
from styx.testing.cloud.terminating import TerminateRules


class CloudConformance(
    AccountRules,
    OfferRules,
    PrepareRules,
    LaunchRules,
    ObserveRules,
    TerminateRules,
    StopRules,
    CapabilityRules,
):
    """Every rule for clouds, one test each. Subclass it and define the fixture ``cloud``."""


__all__ = ["CloudConformance"]
