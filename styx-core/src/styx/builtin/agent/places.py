"""Where a cluster's runtime lives on one of its nodes.

::

    ~/.styx/clusters/<cluster key>/<rank>/    the job table, logs, configuration; ``start`` starts the daemon, and
                                              ``bridge`` is a connection to it, which starts it if need be
    ~/.styx/agent/<hash>/main.py              the program, shared by all clusters
    ~/.styx/agent/bridge                      standard input and output to a socket
    /tmp/styx-<uid>/<hash of key, rank>.sock  the daemon's socket

The rank is part of the path because nodes may share a home. The socket is not below the home because that path may be
too long for a socket or on a network file system, and not in ``XDG_RUNTIME_DIR`` because that is removed at logout.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass

from styx.api import BackendError, Transport, TransportError
from styx.transports.process import ProcessTransport

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_PROBE = 'printf "%s\\n" "$HOME" "$(id -u)" "$(id -un)" "$SSH_CONNECTION"'


@dataclass(frozen=True, slots=True)
class Places:
    """The paths above for one node, absolute, and whose they are.

    ``address`` and ``port`` are those of the node's sshd as the node itself knows them, behind any address translation;
    empty and 0 when it was not reached by SSH.
    """

    home: str
    uid: int
    user: str
    key: str
    rank: int
    address: str = ""
    port: int = 0

    @property
    def cluster(self) -> str:
        """The directory of the cluster on this node."""
        return f"{self.home}/.styx/clusters/{self.key}"

    @property
    def state(self) -> str:
        """The directory of this rank of the cluster."""
        return f"{self.cluster}/{self.rank}"

    @property
    def start(self) -> str:
        """The script that starts the daemon, whatever the build."""
        return f"{self.state}/start"

    @property
    def way_in(self) -> str:
        """The script that connects its standard input and output to the daemon, started if it is down."""
        return f"{self.state}/bridge"

    @property
    def programs(self) -> str:
        """The directory of agent programs."""
        return f"{self.home}/.styx/agent"

    @property
    def bridge(self) -> str:
        """The bridge program."""
        return f"{self.programs}/bridge"

    @property
    def socket_dir(self) -> str:
        """A directory that only this user can enter."""
        return f"/tmp/styx-{self.uid}"  # noqa: S108 - made with mode 0700, and its owner is checked before use

    @property
    def socket(self) -> str:
        """The daemon's socket."""
        name = hashlib.sha256(f"{self.key}/{self.rank}/{self.home}".encode()).hexdigest()[:16]
        return f"{self.socket_dir}/{name}.sock"


async def find_places(transport: Transport, key: str, rank: int) -> Places:
    """The places on the node behind ``transport``; asks it, unless it is this machine."""
    if not _KEY.fullmatch(key):
        raise BackendError(f"{key!r} cannot be the key of a cluster: it becomes a directory's name")
    if isinstance(transport, ProcessTransport):
        return Places(transport.home.rstrip("/"), os.getuid(), "", key, rank)
    answer = await transport.run(_PROBE, timeout=30)
    home, uid, user, ssh, *_ = [*answer.text.split("\n"), "", "", ""]
    if answer.status or not home.startswith("/") or not uid.isdecimal() or not re.fullmatch(r"[\w.@-]+", user):
        raise TransportError(f"node {rank} does not say who we are there (status {answer.status})")
    _, _, address, port = words if len(words := ssh.split()) == 4 else ("",) * 4  # noqa: PLR2004 - client's, then its own
    valid = re.fullmatch(r"[0-9a-fA-F.:]+", address) and port.isdecimal()
    return Places(home.rstrip("/"), int(uid), user, key, rank, *((address, int(port)) if valid else ()))
