"""The fixtures that all rules for backends share."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import ClassVar, NoReturn

import pytest
import pytest_asyncio

from styx.api import Backend
from styx.testing.backend.bench import Bench
from styx.testing.cluster import ProcessCluster, process_cluster
from styx.testing.provider import ProviderRules


class BackendRules(ProviderRules):
    """What a rule for backends has at hand. ``backend`` is the author's to define."""

    contract_kind: ClassVar[str] = "backend"

    @pytest.fixture
    def backend(self) -> NoReturn:
        """The backend to test: an object made with :func:`styx.testing.services`."""
        pytest.fail(
            "define the fixture `backend`: it returns your Backend, made with styx.testing.services(tmp_path, ...)"
        )

    @pytest.fixture
    def provider(self, backend: Backend) -> Backend:
        """The backend."""
        return backend

    @pytest.fixture
    def make_cluster(self) -> Callable[[int], AbstractAsyncContextManager[ProcessCluster]]:
        """Makes a cluster of n nodes."""
        return process_cluster

    @pytest.fixture
    def make_spot_cluster(self) -> Callable[[int], AbstractAsyncContextManager[ProcessCluster]]:
        """Makes a cluster of n nodes that can be given notice."""
        return partial(process_cluster, spot=True)

    @pytest.fixture
    def container_image(self) -> str:
        """The name of an image that the nodes can have, with a shell; empty where none is at hand."""
        return ""

    @pytest.fixture
    def node_cpus(self) -> float:
        """How many CPUs the backend takes a node to have."""
        return float(os.cpu_count() or 1)

    @pytest.fixture
    def patience(self) -> float:
        """Real seconds within which anything that a test waits for must come about."""
        return 30.0

    @pytest.fixture
    def stop_patience(self, patience: float) -> float:
        """Real seconds within which an idle cluster stops itself under a policy of 0 minutes."""
        return patience

    @pytest.fixture
    def settled(self) -> float:
        """Real seconds in which what must not happen would have happened."""
        return 0.3

    @pytest_asyncio.fixture
    async def bench(
        self,
        backend: Backend,
        make_cluster: Callable[[int], AbstractAsyncContextManager[ProcessCluster]],
        patience: float,
        settled: float,
    ) -> AsyncIterator[Bench]:
        """The backend on a cluster of two nodes, with the means to use it; nothing is prepared yet."""
        async with make_cluster(2) as cluster:
            bench = Bench(backend, cluster, patience, settled)
            yield bench
            await bench.clean_up()
