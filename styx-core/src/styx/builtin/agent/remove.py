"""Taking a cluster's runtime off one of its nodes, so that nothing of it is left."""

from __future__ import annotations

from shlex import quote

from styx.api import BackendError
from styx.builtin.agent import install
from styx.builtin.agent.channel import LOCKED, mark
from styx.builtin.agent.node import AgentNode
from styx.builtin.agent.places import Places
from styx.transports.process import ProcessTransport

# A daemon writes to its directory until it has gone. A zombie has: its parent alone can bury it.
_AWAIT = (
    "n=0; while kill -0 {pid} 2>/dev/null && ! grep -qs '^State:.Z' /proc/{pid}/status && [ $n -lt 100 ]; "
    "do n=$((n+1)); sleep 0.05; done"
)


async def remove(node: AgentNode) -> None:
    """End the node's agent and all its jobs, and delete its files. Idempotent; nothing being there is fine.

    The program that all clusters share goes with the last of them.
    """
    places = await node.places()
    steps = []
    try:
        pid = await node.shut_down()
    except BackendError:
        if await install.installed(node.transport, places):
            raise
        pid = None  # somebody else removed it under our hands
    if pid is not None:
        steps.append(_AWAIT.format(pid=pid))
    if not isinstance(node.transport, ProcessTransport):
        steps.append(_forget_key(places))
    steps.append(_delete(places, shared=isinstance(node.transport, ProcessTransport)))
    await install.check(node.transport, "\n".join(steps), "remove the agent", places)


def _delete(places: Places, *, shared: bool) -> str:
    """``start`` goes first: without it there is no runtime, so an interrupted removal is simply finished."""
    clusters, socket = quote(f"{places.home}/.styx/clusters"), quote(places.socket)
    steps = [
        f"rm -f {quote(places.start)}",
        f"rm -rf {quote(places.state)} {socket} {socket}.*",
        f"rmdir {quote(places.cluster)} 2>/dev/null",
    ]
    # The directory of sockets on this machine belongs to all nodes on it, of which others may just be starting.
    also = "" if shared else f"rm -rf {quote(places.programs)}; rmdir {places.socket_dir} 2>/dev/null;"
    steps.append(f"if rmdir {clusters} 2>/dev/null; then {also} rmdir {quote(places.home + '/.styx')} 2>/dev/null; fi")
    return "\n".join((*steps, f"test ! -e {quote(places.state)}"))


def _forget_key(places: Places) -> str:
    """Take our line out of authorized_keys: by a rename, so that no moment and no full disk locks the user out."""
    ours = quote(f" {mark(places)}$".replace(".", r"\."))
    return (
        f'if grep -qs {ours} "$HOME/.ssh/authorized_keys"; then ( {LOCKED}\n'
        'f=$(readlink -f .ssh/authorized_keys) && cp -p "$f" "$f.styx" && '
        f'{{ grep -v {ours} "$f" > "$f.styx"; [ $? -le 1 ]; }} && mv "$f.styx" "$f" || exit 1\n'
        'test -s "$f" || rm -f "$f"\n'
        ') || exit 1; rmdir "$HOME/.ssh" 2>/dev/null; fi'
    )
