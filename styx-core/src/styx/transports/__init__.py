"""How core reaches nodes: the transports it brings itself, by the kind of a node's endpoint."""

from __future__ import annotations

from styx.api import Endpoint, Transport, TransportError


def open_transport(endpoint: Endpoint) -> Transport:
    """The transport for ``endpoint``; it connects on first use. Raises TransportError for a kind core does not have.

    A plugin's own kinds are opened by the plugin's cloud (``SupportsTransport``), not here.
    """
    if endpoint.kind == "process":
        from styx.transports.process import ProcessTransport

        return ProcessTransport(endpoint)
    if endpoint.kind == "ssh":
        from styx.transports.ssh import SshTransport

        return SshTransport(endpoint)
    raise TransportError(
        f"no transport of the kind {endpoint.kind!r}; core has process and ssh",
        hint="The plugin that made this node must open it; is it installed and enabled?",
    )
