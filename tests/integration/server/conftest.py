"""A server that the tests of one file share."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.servers import Server, running

TASK = {"run": "echo hello", "resources": {"infra": "local"}}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server, all of whose users may have nodes here. Tests leave what they make under names of their own."""
    home = Path(tempfile.mkdtemp(prefix="styx-"))
    (home / ".styx").mkdir()
    (home / ".styx" / "config.yaml").write_text("allowed_clouds: [local]\njobs: {pools: {shut: 0}}\n")
    with running(home / ".styx") as found:
        yield found
        for cluster in found.ask("GET", "/v1/clusters?limit=1000").json["items"]:
            removed = found.ask("DELETE", f"/v1/clusters/{cluster['name']}")
            if removed.status != 404:  # jobs remove their own
                found.result(removed)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def home() -> Iterator[Path]:
    """A home whose path is short enough for the sockets below it."""
    place = tempfile.mkdtemp(prefix="styx-")
    yield Path(place, ".styx")
    shutil.rmtree(place, ignore_errors=True)
