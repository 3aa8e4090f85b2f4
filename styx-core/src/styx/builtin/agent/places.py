"""Where a cluster's runtime lives on one of its nodes.

::

    ~/.styx/clusters/<cluster key>/<rank>/    the job table, logs, configuration; ``start`` starts the daemon, and
                                              ``bridge`` is a connection to it, which starts it if need be
    ~/.styx/agent/<hash>/main.py              the program, shared by all clusters
    ~/.styx/agent/bridge                      standard input and output to a socket
    /tmp/styx-<uid>/<hash of key, rank>.sock  the daemon's socket

Where the home is on a network, or cannot be written, ``.styx`` is in ``/var/tmp/styx-<uid>`` instead: SQLite's locks
are not to be relied on over a network, and a job table that two machines see is worse than none. What is there already
stays where it is.

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
from styx.transports.streams import LOOK

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
LOCAL = "/var/tmp"  # noqa: S108 - what is ours there has mode 0700, and its owner is checked before use

# Of two file systems that are mounted at one place the last is seen. The pattern is not quoted: bash takes one that
# begins with empty quotes for another. "9p" is what some sandboxes have everywhere: then nothing is gained by going
# elsewhere, and the home is as good as any place.
_NETWORKS = "nfs|nfs[34]|cifs|smb*|ncpfs|afs|9p|ceph|lustre|gpfs|beegfs*|pvfs2|panfs|fuse|fuse.*"
_PROBE = f"""
kept() {{ # whether a directory is on a disk of this machine, and ours to write
  best=0 kind=
  while read -r _ at type _; do
    case $1/ in ${{at%/}}/*) [ ${{#at}} -lt $best ] || {{ best=${{#at}}; kind=$type; }} ;; esac
  done </proc/mounts
  case $kind in {_NETWORKS}) return 1 ;; esac
  [ -w "$1" ]
}}
base= local={LOCAL}/styx-$(id -u)
if [ -e "$local/.styx/$state" ]; then base=$local
elif [ -e "$HOME/.styx/$state" ] || kept "$(cd && pwd -P)"; then :
elif kept {LOCAL}; then base=$local; fi
printf "%s\\n" "$HOME" "$(id -u)" "$(id -un)" "$SSH_CONNECTION" "$base"
"""


@dataclass(frozen=True, slots=True)
class Places:
    """The paths above for one node, absolute, and whose they are. ``base`` is where ``.styx`` is if not in the home.

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
    base: str = ""

    @property
    def root(self) -> str:
        """The directory of everything that we keep on the node."""
        return f"{self.base or self.home}/.styx"

    @property
    def clusters(self) -> str:
        """The directory of all clusters on this node."""
        return f"{self.root}/clusters"

    @property
    def cluster(self) -> str:
        """The directory of the cluster on this node."""
        return f"{self.clusters}/{self.key}"

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
        return f"{self.root}/agent"

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
    answer = await transport.run(f"state=clusters/{key}/{rank}/start\n{_PROBE}", timeout=30)
    home, uid, user, ssh, base, *_ = [*answer.text.split("\n"), "", "", "", ""]
    if answer.status or not home.startswith("/") or not uid.isdecimal() or not re.fullmatch(r"[\w.@-]+", user):
        raise TransportError(f"node {rank} does not say who we are there (status {answer.status})", hint=LOOK)
    _, _, address, port = words if len(words := ssh.split()) == 4 else ("",) * 4  # noqa: PLR2004 - client's, then its own
    valid = re.fullmatch(r"[0-9a-fA-F.:]+", address) and port.isdecimal()
    if base not in {"", f"{LOCAL}/styx-{int(uid)}"}:
        raise TransportError(f"node {rank} keeps its state where nobody would look for it", hint=LOOK)
    return Places(home.rstrip("/"), int(uid), user, key, rank, *((address, int(port)) if valid else ("", 0)), base)
