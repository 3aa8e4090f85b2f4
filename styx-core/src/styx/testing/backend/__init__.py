"""The rules for backends. A subclass and the fixture ``backend`` are all an author writes.

Tests run on a cluster of two nodes that are processes on this machine, and run real jobs there. Needs pytest-asyncio,
in either of its modes. A test whose ground is already known to be broken by another is skipped and names that other:
mend the failures from the top.

Fixtures to override where the defaults do not suit: ``make_cluster`` (an async context manager that gives a cluster of
n nodes), ``make_spot_cluster`` (the same with nodes that can be given notice of preemption), ``container_image`` (an
image that the nodes can have, with a shell; without one the rules for jobs in containers are skipped), ``fresh`` (how
further objects are made), ``node_cpus`` (what the backend takes a node to have: this machine's), ``patience`` (real
seconds that anything may take), ``stop_patience`` (the same for autostop: a backend may give a cluster some time for
its first job), ``settled`` (real seconds in which what must not happen would have happened).
"""

from __future__ import annotations

import pytest

from styx.testing.backend.autostop import AutostopRules
from styx.testing.backend.cancelling import CancelRules
from styx.testing.backend.containers import ContainerRules
from styx.testing.backend.declaring import DeclarationRules
from styx.testing.backend.environment import EnvironmentRules
from styx.testing.backend.gangs import GangRules
from styx.testing.backend.listing import ListRules
from styx.testing.backend.logs import LogRules
from styx.testing.backend.notices import NoticeRules
from styx.testing.backend.queueing import QueueRules
from styx.testing.backend.running import RunRules
from styx.testing.backend.upkeep import UpkeepRules


@pytest.mark.asyncio
class BackendConformance(
    DeclarationRules,
    RunRules,
    EnvironmentRules,
    ListRules,
    QueueRules,
    GangRules,
    LogRules,
    CancelRules,
    AutostopRules,
    NoticeRules,
    ContainerRules,
    UpkeepRules,
):
    """Every rule for backends, one test each. Subclass it and define the fixture ``backend``."""


__all__ = ["BackendConformance"]
