"""Worlds that are closed after the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from support.world import World


@pytest_asyncio.fixture
async def new_world(tmp_path: Path) -> AsyncIterator[Callable[..., World]]:
    """Makes worlds."""
    made: list[World] = []

    def make(*args: Any, **kwargs: Any) -> World:
        made.append(World(tmp_path / f"home{len(made)}", *args, **kwargs))
        return made[-1]

    yield make
    for world in made:
        await world.close()


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    """A world with a cloud that knows tokens."""
    return new_world()
