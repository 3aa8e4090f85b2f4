"""A world that is closed after the test, and machines in it that run tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from support.dag_machines import Machines
from support.world import World


@pytest.fixture(autouse=True)
def _cached(shared_cache: None) -> None:
    """What data cost to move is looked up for every run."""


@pytest_asyncio.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A world with a cloud that knows tokens."""
    made = World(tmp_path / "home")
    yield made
    await made.close()


@pytest.fixture
def machines(world: World, monkeypatch: pytest.MonkeyPatch) -> Machines:
    """Machines on which everything succeeds unless a test says otherwise."""
    return Machines(world, monkeypatch)
