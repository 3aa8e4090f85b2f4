"""What is derived from a few calls keeps every rule of the contract, whichever way a machine is found again."""

from __future__ import annotations

from pathlib import Path

import pytest

from styx.api import Cloud
from styx.testing import CloudConformance
from support.garage import CLOUDS, make


class TestSimpleCloud(CloudConformance):
    """Every rule, on a cloud of each kind."""

    @pytest.fixture(params=CLOUDS, ids=lambda kind: kind.__name__)
    def cloud(self, request: pytest.FixtureRequest, tmp_path: Path) -> Cloud:
        """A cloud over a provider in memory."""
        made: Cloud = make(request.param, tmp_path)
        return made


class TestPacedCloud(CloudConformance):
    """Every rule, on a cloud that takes one request a second and whose names are unique."""

    test_parallel_observations_agree = None  # on one fake clock the waits of eight threads do not keep them apart

    @pytest.fixture(params=CLOUDS[:2], ids=lambda kind: kind.__name__)
    def cloud(self, request: pytest.FixtureRequest, tmp_path: Path) -> Cloud:
        """The same, slower."""
        made = make(request.param, tmp_path, pace={"": 1.0})
        made.garage.spacing = 1.0
        cloud: Cloud = made
        return cloud
