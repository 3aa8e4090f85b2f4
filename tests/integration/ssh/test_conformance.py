"""The ssh cloud keeps the contract, on real hosts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from styx.api import Cloud
from styx.builtin.ssh.cloud import SshCloud
from styx.builtin.ssh.config import SshConfig
from styx.testing import CloudConformance, services
from styx.testing.hosts import Host, Hosts


@pytest.fixture(scope="module")
def machines() -> Iterator[list[Host]]:
    """Enough for a gang, a neighbour, another size and another pool."""
    with Hosts(5) as hosts:
        yield hosts


class TestSshCloud(CloudConformance):
    """Every rule for clouds."""

    @pytest.fixture
    def cloud(self, machines: list[Host], tmp_path: Path) -> Cloud:
        """A cloud with two pools, one of which has machines of two sizes."""
        lab: list[object] = [host.entry() for host in machines[:3]]
        lab.append(machines[3].entry(vcpus=0.5, memory_gib=0.5, hourly_price="0.25"))
        pools = {"lab": {"hosts": lab}, "den": {"hosts": [machines[4].entry()]}}
        return SshCloud(services(tmp_path, SshConfig.model_validate({"pools": pools})))

    @pytest.fixture
    def deadline(self) -> float:
        """Machines that run already come up at once."""
        return 10.0
