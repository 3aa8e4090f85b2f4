"""The client that a command works with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from styx.client.protocol import Client


@contextmanager
def connected() -> Iterator[Client]:
    """A client, closed at the end. Jobs go on."""
    from styx.client import connect

    client = connect()
    try:
        yield client
    finally:
        client.close()
