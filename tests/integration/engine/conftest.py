"""A fresh installation with the local cloud, and proof afterwards that nothing of it is left on this machine."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from styx import plugins
from styx.client.embedded import EmbeddedClient
from support.local_nodes import assert_nothing_left


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The home of an installation of its own; at the end everything in it is removed and looked for."""
    place = Path(tempfile.mkdtemp(prefix="styx-"))
    monkeypatch.setenv("STYX_HOME", str(place))
    plugins.reset()
    try:
        yield place
        client = EmbeddedClient()
        try:
            for record in client.status():
                client.down(record.name)
        finally:
            client.close()
        assert_nothing_left(place)
    finally:
        plugins.reset()
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def client(home: Path) -> Iterator[EmbeddedClient]:
    """A client in this process."""
    opened = EmbeddedClient()
    yield opened
    opened.close()
