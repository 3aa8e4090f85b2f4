"""A small part of all points at every run of the suite, another one every day; `make leaks` tries all of them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from styx.testing.faults import FaultBench, Harness
from styx.testing.faults.bazaar import BazaarBench
from styx.testing.faults.example import ShopBench
from styx.testing.faults.local import LocalBench
from styx.testing.faults.operations import OPERATIONS
from styx.testing.faults.report import details

# pytest-xdist has a thread of its own in each worker; what is forked here touches none of what it holds.
pytestmark = [pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning"), pytest.mark.timeout(300)]

PART = int(os.environ.get("STYX_TEST_FAULTS_PART", time.time() // 86400))
VARIANTS = (*BazaarBench.variants, *BazaarBench.others)


def operation(shift: int, *, stops: bool = True) -> str:
    """The one whose turn it is."""
    names = [name for name, each in OPERATIONS.items() if stops or not each.needs_stop]
    return names[(PART + shift) % len(names)]


@pytest.mark.parametrize(
    ("kind", "variant", "name", "points"),
    [
        (BazaarBench, BazaarBench.variants[PART % len(BazaarBench.variants)], operation(0), 8),
        (BazaarBench, VARIANTS[PART % len(VARIANTS)], operation(1, stops=False), 8),
        (ShopBench, "", operation(2, stops=False), 4),
        (LocalBench, "", operation(3), 4),
    ],
    ids=["bazaar", "bazaar with a habit", "a simple cloud", "local"],
)
def test_nothing_leaks_and_nothing_is_lost(
    tmp_path: Path, kind: type[FaultBench], variant: str, name: str, points: int
) -> None:
    """At some of the points of one operation, counted off so that in time all of them have their turn."""
    room = Path("/dev/shm") if Path("/dev/shm").is_dir() else tmp_path
    harness = Harness(kind, variants=[variant], operations=[name], room=room, processes=1)
    total = harness.run(about=points, offset=PART)
    told = [details(outcome) for outcome in total.outcomes if outcome.flaws]
    assert total.fine, "\n".join([f"STYX_TEST_FAULTS_PART={PART}", total.line, *total.broken, *told])
