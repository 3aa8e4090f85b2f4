"""A fresh installation with the local cloud, and proof afterwards that nothing of it is left on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from styx.client.embedded import EmbeddedClient
from support.local_nodes import assert_nothing_left


@pytest.fixture
def home(styx_home: Path) -> Iterator[Path]:
    """The home of this test's installation; at the end everything in it is removed and looked for."""
    styx_home.mkdir()
    yield styx_home
    client = EmbeddedClient()
    try:
        for record in client.status():
            client.down(record.name)
    finally:
        client.close()
    assert_nothing_left(styx_home)


@pytest.fixture
def client(home: Path) -> Iterator[EmbeddedClient]:
    """A client in this process."""
    opened = EmbeddedClient()
    yield opened
    opened.close()
