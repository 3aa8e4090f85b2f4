"""A market of its own for each test, and one installation with its plugin for all."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.nimbus import PLUGIN, Workshop, market


@pytest.fixture(scope="session")
def installation() -> Iterator[Workshop]:
    """Styx with the plugin ``nimbus``, installed by pip from a copy of its sources."""
    with tempfile.TemporaryDirectory(prefix="styx-nimbus-", ignore_cleanup_errors=True) as place:
        shop = Workshop(Path(place), Path(place))
        copy = Path(place, "styx-nimbus")
        shutil.copytree(PLUGIN, copy, ignore=shutil.ignore_patterns("__pycache__"))
        shop.install(copy)
        yield shop


@pytest.fixture
def server() -> Iterator[Any]:
    """The market, with quick machines."""
    with market() as made:
        yield made


@pytest.fixture
def shop(installation: Workshop, server: Any, styx_home: Path) -> Workshop:
    """The installation, with an empty ``STYX_HOME`` and the token of the market in its settings."""
    styx_home.mkdir()
    settings = {"clouds": {"nimbus": {"url": server.url, "token": server.token}}}
    (styx_home / "config.yaml").write_text(json.dumps(settings))
    installation.environment |= {"HOME": str(styx_home.parent), "STYX_HOME": str(styx_home)}
    return installation
