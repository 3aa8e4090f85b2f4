"""The ssh cloud keeps the contract, on real hosts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from styx.api import Cloud
from styx.testing import CloudConformance
from support.hosts import Host, Hosts


@pytest.fixture(scope="module")
def pool() -> Iterator[list[Host]]:
    """Three hosts, enough for a gang and a neighbour."""
    with Hosts(3) as hosts:
        yield hosts


class TestSshCloud(CloudConformance):
    """Every rule for clouds."""

    @pytest.fixture
    def cloud(self, pool: list[Host], make_cloud) -> Cloud:
        """A cloud over the pool."""
        return make_cloud(pool)

    @pytest.fixture
    def deadline(self) -> float:
        """Machines that run already come up at once."""
        return 10.0
