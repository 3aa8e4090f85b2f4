"""The agent backend under the rules that every backend is held to."""

from __future__ import annotations

from pathlib import Path

import pytest

from styx.builtin.agent.backend import AgentBackend
from styx.testing import BackendConformance, services
from support import docker


class TestAgentBackend(BackendConformance):
    """All of them."""

    @pytest.fixture
    def backend(self, tmp_path: Path) -> AgentBackend:
        """The backend, with a state directory of its own."""
        return AgentBackend(services(tmp_path))

    @pytest.fixture
    def container_image(self) -> str:
        """A small image, where there is a Docker engine."""
        return "" if docker.missing() else docker.make_image()

    @pytest.fixture
    def stop_patience(self) -> float:
        """More than the minute that the agent gives a cluster for its first job."""
        return 90.0
