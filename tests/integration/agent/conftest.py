"""One unpacked program for all tests here, and agents that are gone afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.agents import Agent, unpack


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The unpacked program."""
    return unpack(tmp_path_factory.mktemp("program"))


@pytest.fixture
def make(program: str, tmp_path: Path) -> Iterator[Callable[..., Agent]]:
    """Make any number of agents; nothing of them is left when the test ends."""
    made: list[Agent] = []

    def _make(**env: str) -> Agent:
        root = tmp_path / f"agent{len(made)}"
        made.append(Agent(program, root, env))
        return made[-1]

    yield _make
    for agent in made:
        agent.end()
    logs = [agent.state / "agent.log" for agent in made]
    said = "".join(log.read_text() for log in logs if log.exists())
    assert "Traceback" not in said or "full" in said or "No space" in said, said


@pytest.fixture
def agent(make: Callable[..., Agent]) -> Agent:
    """One agent."""
    return make()
