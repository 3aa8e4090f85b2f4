"""The conformance kit: proof, for the author of a plugin, that a provider keeps the contract.

::

    from styx.testing import CloudConformance, services

    class TestMyCloud(CloudConformance):
        @pytest.fixture
        def cloud(self, tmp_path):
            return MyCloud(services(tmp_path, config=MyConfig(token="...")))

That is all there is to write; each inherited test checks one rule and says what to change when it fails. The classes
and the fixture ``pauses`` need pytest, and :class:`BackendConformance` pytest-asyncio too (``pip install
'styx-core[testing]'``). Everything else here works without: names are resolved on first use, so importing a helper does
not import pytest.
"""

_PUBLIC = {
    "BackendConformance": "styx.testing.backend",
    "CatalogConformance": "styx.testing.catalog",
    "CloudConformance": "styx.testing.cloud",
    "Driver": "styx.testing.driver",
    "EngineConformance": "styx.testing.engine",
    "FakeClock": "styx.testing.clock",
    "ProcessCluster": "styx.testing.cluster",
    "SandboxConformance": "styx.testing.sandbox",
    "StorageConformance": "styx.testing.storage",
    "SystemClock": "styx.clock",
    "pauses": "styx.testing.catalog",
    "process_cluster": "styx.testing.cluster",
    "services": "styx.testing.surroundings",
    "serving": "styx.testing.server",
}

__all__ = [
    "BackendConformance",
    "CatalogConformance",
    "CloudConformance",
    "Driver",
    "EngineConformance",
    "FakeClock",
    "ProcessCluster",
    "SandboxConformance",
    "StorageConformance",
    "SystemClock",
    "pauses",
    "process_cluster",
    "services",
    "serving",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from styx.clock import SystemClock
    from styx.testing.backend import BackendConformance
    from styx.testing.catalog import CatalogConformance, pauses
    from styx.testing.clock import FakeClock
    from styx.testing.cloud import CloudConformance
    from styx.testing.cluster import ProcessCluster, process_cluster
    from styx.testing.driver import Driver
    from styx.testing.engine import EngineConformance
    from styx.testing.sandbox import SandboxConformance
    from styx.testing.server import serving
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
