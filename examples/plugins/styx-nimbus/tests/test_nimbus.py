"""The conformance kit, on the cloud nimbus, against a market of its own at a port of this machine."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from styx_nimbus.cloud import NimbusCloud
from styx_nimbus.config import NimbusCloudConfig

from styx.api import Cloud
from styx.testing import CloudConformance, services

SERVER = Path(__file__).resolve().parents[2] / "nimbus-server"


@pytest.fixture(scope="module")
def config() -> Iterator[NimbusCloudConfig]:
    """A market with quick machines, and a token for it."""
    sys.path.insert(0, str(SERVER))
    from market import Market
    from server import Server

    market = Market(boot_seconds=0.05, delete_seconds=0.05)
    server = Server(market, per_second=1000.0)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield NimbusCloudConfig(url=server.url, token=server.token)
    server.shutdown()
    server.server_close()
    market.close()
    sys.path.remove(str(SERVER))


class TestNimbusCloud(CloudConformance):
    """Every rule for clouds."""

    @pytest.fixture
    def cloud(self, config: NimbusCloudConfig, tmp_path: Path) -> Cloud:
        """The cloud."""
        return NimbusCloud(services(tmp_path, config))

    @pytest.fixture
    def pointed_at(self, config: NimbusCloudConfig, tmp_path: Path) -> Callable[[str], Cloud]:
        """The same settings, with another address."""
        return lambda url: NimbusCloud(services(tmp_path / "there", config.model_copy(update={"url": url})))
