"""Worlds that are closed after the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import pytest_asyncio

from styx.testing.bazaar.named import stage, with_habits
from support.bazaar_world import BazaarWorld, NewBazaar
from support.world import World

SHARED_MEMORY = Path("/dev/shm")


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


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory, where there is one: databases on a disk wait for it at every commit."""
    with TemporaryDirectory(prefix="styx-habits-", dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else tmp_path) as path:
        yield Path(path)


@pytest_asyncio.fixture
async def new_bazaar(memory: Path) -> AsyncIterator[NewBazaar]:
    """Makes worlds in which the named habits show, at once or when the test sets the stage."""
    made: list[BazaarWorld] = []

    def make(*names: str, staged: bool = True) -> BazaarWorld:
        habits = with_habits(*names)
        assert habits is not None
        world = BazaarWorld(memory / f"home{len(made)}", habits)
        if staged:
            stage(world.market, *names)
        made.append(world)
        return world

    yield make
    for world in made:
        await world.close()
