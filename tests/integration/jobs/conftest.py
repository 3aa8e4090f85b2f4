"""Installations with managed jobs, and what is told of these."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.managed import Installation
from support.scripted_http import Script, playing, said


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """A new one, without a server."""
    made = Installation(tmp_path / "home")
    yield made
    made.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """One with a server, for all tests of a module."""
    made = Installation(tmp_path_factory.mktemp("served") / "home")
    made.serve()
    yield made
    made.close()


@pytest.fixture
def receiver() -> Iterator[Script]:
    """A server on this machine that keeps what it is told."""
    with playing(Script(said(b"", 204))) as script:
        yield script
