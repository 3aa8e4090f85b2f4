"""Both kinds of client, as long as a module: one's engine runs in its own process, the other asks a server."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from styx.client import local
from styx.client.login import URL_VARIABLE
from styx.client.protocol import Client
from support.sides import Side, make_home, serving

SIDES = ("embedded", "remote")


@pytest.fixture(scope="module")
def sides() -> Iterator[Mapping[str, Side]]:
    """Both, by name; afterwards no cluster is left."""
    root = Path(tempfile.mkdtemp(prefix="styx-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        own = make_home(root, "own")
        found = {"embedded": Side("embedded", own, {"STYX_HOME": str(own), URL_VARIABLE: ""})}
        stack.callback(_empty, found["embedded"])
        there, here = make_home(root, "there"), make_home(root, "here")
        access = stack.enter_context(serving(there))
        found["remote"] = Side("remote", there, {"STYX_HOME": str(here), **access})
        stack.callback(_empty, found["remote"])
        yield found


def _empty(side: Side) -> None:
    """Remove its clusters, and end the server that managed jobs have started."""
    with side.client() as client:
        for record in client.status():
            client.down(record.name)
        if side.name == "embedded" and (server := local.find()) is not None:
            local.stop(server)


@pytest.fixture(params=SIDES)
def side(request: pytest.FixtureRequest, sides: Mapping[str, Side]) -> Side:
    """One of both."""
    return sides[request.param]


@pytest.fixture
def client(side: Side) -> Iterator[Client]:
    """A client of one of both."""
    with side.client() as client:
        yield client
