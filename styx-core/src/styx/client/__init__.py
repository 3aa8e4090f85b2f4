"""The face that the command line and the SDK show: one protocol, whatever runs the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from styx.client.protocol import Client


def connect() -> Client:
    """A client for this installation. Cheap until something is asked of it.

    The server of ``STYX_API_URL``, or the one that is logged in to, does the work where there is one; else the engine
    runs inside this process. Raises InvalidConfig and BadInput for an address that is none.
    """
    from styx.client.login import logged_in

    login = logged_in()
    if login is not None:
        from styx.client.remote.client import RemoteClient
        from styx.client.remote.http import Http

        return RemoteClient(Http.to(login))
    from styx.client.embedded import EmbeddedClient

    return EmbeddedClient()
