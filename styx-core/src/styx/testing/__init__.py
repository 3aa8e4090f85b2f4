"""The conformance kit: proof, for the author of a plugin, that a provider keeps the contract.

::

    from styx.testing import CloudConformance, services

    class TestMyCloud(CloudConformance):
        @pytest.fixture
        def cloud(self, tmp_path):
            return MyCloud(services(tmp_path, config=MyConfig(token="...")))

That is all there is to write; each inherited test checks one rule and says what to change when it fails. The classes
need pytest, and :class:`BackendConformance` pytest-asyncio too (``pip install 'styx-core[testing]'``). Everything
else here works without: names are resolved on first use, so importing a helper does not import pytest.
"""

_PUBLIC = {
    "BackendConformance": "styx.testing.backend",
    "CloudConformance": "styx.testing.cloud",
    "Driver": "styx.testing.driver",
    "EngineConformance": "styx.testing.engine",
    "FakeClock": "styx.testing.clock",
    "ProcessCluster": "styx.testing.cluster",
    "SandboxConformance": "styx.testing.sandbox",
    "StorageConformance": "styx.testing.storage",
    "SystemClock": "styx.clock",
    "process_cluster": "styx.testing.cluster",
    "services": "styx.testing.surroundings",
}

__all__ = [
    "BackendConformance",
    "CloudConformance",
    "Driver",
    "EngineConformance",
    "FakeClock",
    "ProcessCluster",
    "SandboxConformance",
    "StorageConformance",
    "SystemClock",
    "process_cluster",
    "services",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from styx.clock import SystemClock
    from styx.testing.backend import BackendConformance
    from styx.testing.clock import FakeClock
    from styx.testing.cloud import CloudConformance
    from styx.testing.cluster import ProcessCluster, process_cluster
    from styx.testing.driver import Driver
    from styx.testing.engine import EngineConformance
    from styx.testing.sandbox import SandboxConformance
    from styx.testing.storage import StorageConformance
    from styx.testing.surroundings import services


def __getattr__(name: str) -> object:
    """Import the module that holds a public name, once."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'styx.testing' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names without importing them."""
    return sorted(__all__)
