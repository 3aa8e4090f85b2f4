"""Worlds that are closed after the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from styx.testing.bazaar.named import stage, with_habits
from support.bazaar_world import BazaarWorld, NewBazaar
from support.databases import copied_databases, shared_statements
from support.puppets import Puppet
from support.world import World


@pytest.fixture(scope="module", autouse=True)
def _databases() -> Iterator[None]:
    """Hundreds of databases, alike and asked the same."""
    with shared_statements(), copied_databases():
        yield


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
def puppet(world: World) -> Iterator[Puppet]:
    """A client that goes on when it is told to."""
    made = Puppet(world)
    yield made
    made.kill()


@pytest_asyncio.fixture
async def new_bazaar(tmp_path: Path) -> AsyncIterator[NewBazaar]:
    """Makes worlds in which the named habits show, at once or when the test sets the stage."""
    made: list[BazaarWorld] = []

    def make(*names: str, staged: bool = True) -> BazaarWorld:
        habits = with_habits(*names)
        assert habits is not None
        world = BazaarWorld(tmp_path / f"home{len(made)}", habits)
        if staged:
            stage(world.market, *names)
        made.append(world)
        return world

    yield make
    for world in made:
        await world.close()
