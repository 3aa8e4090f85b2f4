"""The face that the command line and the SDK show: one protocol, whatever runs the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from styx.client.protocol import Client


def connect() -> Client:
    """A client for this installation: the engine runs inside this process. Cheap until something is asked of it."""
    from styx.client.embedded import EmbeddedClient

    return EmbeddedClient()
