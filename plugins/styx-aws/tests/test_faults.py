"""A small part of all that can go wrong with AWS at every run, another every day; `make leaks CLOUD=aws` tries all."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from styx.testing.faults import Harness, Role
from styx_aws.testbed.faults import ELSEWHERE, AwsBench
from styx_aws.testbed.wire import role

# pytest-xdist has a thread of its own in each worker; what is forked here touches none of what it holds.
pytestmark = [pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning"), pytest.mark.timeout(300)]

PART = int(os.environ.get("STYX_TEST_FAULTS_PART", time.time() // 86400))
PLACES = [("", "launch"), ("", "failover"), ("", "stop"), ("", "start"), ("", "down"), (ELSEWHERE, "launch")]


def test_nothing_leaks_and_nothing_is_lost(tmp_path: Path) -> None:
    """At some of the points of one operation, counted off so that in time all of them have their turn."""
    room = Path("/dev/shm") if Path("/dev/shm").is_dir() else tmp_path
    variant, operation = PLACES[PART % len(PLACES)]
    harness = Harness(AwsBench, variants=[variant], operations=[operation], room=room, processes=1)
    total = harness.run(about=6, offset=PART)
    told = [str(flaw) for outcome in total.outcomes for flaw in outcome.flaws]
    assert total.fine, "\n".join([f"STYX_TEST_FAULTS_PART={PART}", total.line, *total.broken, *told])


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("RunInstances", Role.BUY), ("StartInstances", Role.BUY), ("TerminateInstances", Role.CHANGE),
        ("CreateSecurityGroup", Role.CHANGE), ("DescribeInstances", Role.LIST), ("DescribeSubnets", Role.ASK),
        ("GetParameter", Role.ASK),
    ],
)  # fmt: skip
def test_what_can_go_wrong_depends_on_what_a_request_does(operation: str, expected: Role) -> None:
    """Buying, changing, listing machines, and asking anything else."""
    assert role(operation) is expected
