"""The agent backend, and clusters of processes on this machine for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from styx.builtin.agent.backend import AgentBackend
from styx.testing.cluster import ProcessCluster, process_cluster
from styx.testing.hosts import Host
from styx.testing.surroundings import services
from support.bare import strip


@pytest.fixture
def backend(tmp_path: Path) -> AgentBackend:
    """The backend, with a state directory of its own."""
    return AgentBackend(services(tmp_path))


@pytest.fixture
async def cluster(backend: AgentBackend) -> AsyncIterator[ProcessCluster]:
    """One node, prepared."""
    async with process_cluster() as made:
        await backend.prepare(made)
        yield made


@pytest.fixture
async def pair(backend: AgentBackend) -> AsyncIterator[ProcessCluster]:
    """Two nodes, prepared."""
    async with process_cluster(2) as made:
        await backend.prepare(made)
        yield made


@pytest.fixture
def bare(host: Host) -> Host:
    """A host with a few tools and no Python."""
    if not host.isolated:
        pytest.skip("needs hosts in namespaces, so root and `ip netns`")
    strip(host)
    return host
