"""The cloud suite, once for every wrong cloud."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from clouds import WRONG
from portable import PortableAccount

from styx.api import Clock
from styx.testing import CloudConformance, Driver, FakeClock, services
from styx.testing.cloud.elsewhere import prepared_elsewhere
from styx.testing.memory import MemoryAccount
from styx.testing.memory.catalog import default_offers
from support.http_cloud import HttpMemoryCloud

OFFERS = [replace(offer, available=8) for offer in default_offers()]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One directory for all: nothing is kept there."""
    return tmp_path_factory.mktemp("state")


class Suite(CloudConformance):
    """On a clock on which waiting takes no time, with machines that are up at the second look.

    Machines are directories only for those clouds (``homes``) whose fault shows when commands run there: it takes time.
    """

    kind: ClassVar[type[Any]]

    @pytest.fixture
    def cloud(self, state: Path, request: pytest.FixtureRequest) -> Any:
        """The wrong cloud."""
        homes = request.getfixturevalue("tmp_path") if getattr(self.kind, "homes", False) else None
        account = MemoryAccount(boot_seconds=0.05, homes=homes, offers=OFFERS)
        return self.kind(services(state, account, clock=FakeClock()))

    @pytest.fixture
    def driver(self, cloud: Any, clock: Clock, deadline: float) -> Driver:
        """Calls without a deadline, which is quicker: none of them hangs."""
        return Driver(clock, patience=deadline, call_timeout=None, pace=cloud.traits.pace)

    @pytest.fixture
    def pointed_at(self, cloud: Any) -> Any:
        """Another address for those that have any."""
        return (lambda url: self.kind(cloud.services, url)) if issubclass(self.kind, HttpMemoryCloud) else None

    @pytest.fixture
    def elsewhere(self, cloud: Any, state: Path) -> Any:
        """Another process only for the one that is wrong there: it takes time."""
        if not getattr(self.kind, "portable", False):
            pytest.skip("this is right in another process as well")
        there = self.kind(services(state, PortableAccount(offers=OFFERS), installation=cloud.services.installation))
        return lambda request: prepared_elsewhere(there, request)


globals().update(WRONG.suites(Suite))
del Suite
