"""How the head's agent reaches the agents of the other nodes.

On one machine by the path of their sockets. Over SSH by a key of this cluster's own: its private half is made on the
head and never leaves it, and all that the public half may do on another node is to run the bridge to this cluster's
agent, which is started if it is down: a job's turn may come when no client is around. The other nodes' host keys are
pinned on the head under names of their own, never under addresses.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from shlex import join, quote
from typing import Any

from styx.agent.protocol import PROTOCOL, AgentError, ProtocolError
from styx.api import BackendError, Node
from styx.builtin.agent import install
from styx.builtin.agent.codec import clean
from styx.builtin.agent.connection import Connection, ConnectionLost
from styx.builtin.agent.node import AgentNode
from styx.builtin.agent.places import Places
from styx.transports.process import ProcessTransport
from styx.transports.ssh import SshTransport
from styx.transports.together import together

REACH_DEADLINE = 20.0  # seconds for a peer to answer the head
LOCAL_ADDRESS = "127.0.0.1"
_OPTIONS = (
    "BatchMode=yes",
    "IdentitiesOnly=yes",
    "StrictHostKeyChecking=yes",
    "GlobalKnownHostsFile=/dev/null",
    "UpdateHostKeys=no",
    "LogLevel=ERROR",
    "ConnectTimeout=10",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=3",
)


async def address(node: AgentNode, seen: Node) -> str:
    """The address under which the cluster's other nodes and the user's programs know this one."""
    if seen.private_ip:
        return seen.private_ip
    if isinstance(node.transport, ProcessTransport):
        return LOCAL_ADDRESS
    host = node.transport.target.host if isinstance(node.transport, SshTransport) else seen.public_ip or ""
    return host if _is_address(host) else (await node.places()).address or host


async def open_channels(nodes: Sequence[AgentNode], addresses: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """What the head is told about its peers, by rank. Idempotent. Raises BackendError when it cannot reach one."""
    head, *peers = nodes
    if not peers:
        return {}
    if all(isinstance(node.transport, ProcessTransport) for node in nodes):
        here = {peer.rank: await peer.places() for peer in peers}
        return {str(rank): {"socket": at.socket, "argv": ["/bin/sh", at.way_in]} for rank, at in here.items()}
    if not all(isinstance(node.transport, SshTransport) for node in nodes):
        raise BackendError(
            f"the nodes of {head.cluster} cannot reach each other: that needs SSH, which they are not reached by",
            hint="Use one node, or a cloud whose nodes are reached over SSH.",
        )
    public = await _own_key(head)
    await together(_admit(peer, public) for peer in peers)
    keys = await together(_host_key(peer) for peer in peers)
    await _pin(head, peers, keys)
    found = await together(_reach(head, peer, addresses[peer.rank]) for peer in peers)
    return {str(peer.rank): {"argv": argv} for peer, argv in zip(peers, found, strict=True)}


async def _own_key(head: AgentNode) -> str:
    """The public half of the cluster's key; the key is made at the first time."""
    places = await head.places()
    key = quote(_key_file(places))
    make = (
        "command -v ssh >/dev/null && command -v ssh-keygen >/dev/null || exit 69; umask 077; "
        f"test -s {key} && test -s {key}.pub || {{ rm -f {key} {key}.pub; "
        f"ssh-keygen -q -t ed25519 -N '' -C '' -f {key} </dev/null; }} && cat {key}.pub"
    )
    result = await head.transport.run(make)
    if result.status == 69:  # noqa: PLR2004 - as in the command
        raise BackendError(
            f"{head.label} has no SSH client, which the head of a cluster needs to reach the other nodes",
            hint="Install one there: `apt-get install openssh-client` or `dnf install openssh-clients`.",
            node=str(head.rank),
        )
    words = result.text.split()
    if result.status or words[:1] != ["ssh-ed25519"] or not words[1:] or not words[1].isascii():
        said = clean(result.stderr.decode(errors="replace").strip())
        raise BackendError(f"{head.label} cannot make the cluster's own SSH key: {said}", node=str(head.rank))
    return f"{words[0]} {words[1]}"


async def _admit(peer: AgentNode, public: str) -> None:
    """Let the cluster's key in, to the agent's bridge and nothing else."""
    places = await peer.places()
    command = f"/bin/sh -c '{_LET_IN}' {quote(places.cluster)} {peer.rank}".replace("\\", "\\\\").replace('"', '\\"')
    line = quote(f'restrict,command="{command}" {public} {mark(places)}')
    # One of an earlier build goes first: of two lines with one key sshd takes the upper.
    add = (
        f"{LOCKED}; f=.ssh/authorized_keys; grep -qsxF -e {line} $f || {{ {taking_out(places)}"
        f'test ! -s $f || test -z "$(tail -c 1 $f)" || echo >> $f; printf "%s\\n" {line} >> $f; }}'
    )
    await install.check(peer.transport, add, "let the cluster's own SSH key in", places)


async def _host_key(peer: AgentNode) -> str:
    assert isinstance(peer.transport, SshTransport)
    return await peer.transport.host_key()


async def _pin(head: AgentNode, peers: Sequence[AgentNode], keys: Sequence[str]) -> None:
    places = await head.places()
    text = "".join(f"{_alias(peer)} {key}\n" for peer, key in zip(peers, keys, strict=True))
    file = quote(_pins_file(places))
    await install.check(
        head.transport, f"umask 077; cat > {file}.new && mv {file}.new {file}", "pin the other nodes' host keys",
        places, stdin=text.encode(),
    )  # fmt: skip


async def _reach(head: AgentNode, peer: AgentNode, inside: str) -> list[str]:
    """The command by which the head gets to the peer's bridge: tried, by the inner address and else by the outer."""
    assert isinstance(peer.transport, SshTransport)
    places, target = await peer.places(), peer.transport.target
    user = target.user or places.user
    # A host that maps ports, or stands behind a gateway, is known to its neighbours by what it listens on itself.
    ways = dict.fromkeys(
        [(inside, target.port if inside == target.host else places.port or 22), (target.host, target.port)]
    )
    said = ""
    for host, port in ways:
        argv = await _argv(head, peer, f"{user}@{host}", port)
        if await _answers(head, argv):
            return argv
        result = await head.transport.run(f"exec {join(argv)} </dev/null", timeout=60)
        said = said or clean(result.stderr.decode(errors="replace").strip())
    tried = " or ".join(f"{host} port {port}" for host, port in ways)
    raise BackendError(
        f"{head.label} cannot reach node {peer.rank} over SSH at {tried}: {said or 'it gave no reason'}",
        hint="The nodes must reach each other's SSH port, and sshd must read ~/.ssh/authorized_keys.",
        node=str(head.rank),
    )


async def _answers(head: AgentNode, argv: Sequence[str]) -> bool:
    """Whether the command, run on the head, is a connection to an agent."""
    connection = Connection(await head.transport.open_command(f"exec {join(argv)}"))
    try:
        await connection.call("hello", {"protocol": PROTOCOL, "client": "styx"}, REACH_DEADLINE)
    except (AgentError, ProtocolError, ConnectionLost, TimeoutError):
        return False
    finally:
        connection.close()
    return True


async def _argv(head: AgentNode, peer: AgentNode, destination: str, port: int) -> list[str]:
    places = await head.places()
    options = (*_OPTIONS, f"HostKeyAlias={_alias(peer)}", f'UserKnownHostsFile="{_pins_file(places)}"')
    words = [part for option in options for part in ("-o", option)]
    # -F: neither the node's nor the user's own configuration has a say in this.
    words += ["-i", _key_file(places), "-p", str(port)]
    return ["ssh", "-F", "/dev/null", "-T", *words, "--", destination, str(peer.rank)]


def mark(places: Places) -> str:
    """The comment of our line in a node's authorized_keys, by which it is found again."""
    return f"styx:{places.key}:{places.rank}"


def taking_out(places: Places) -> str:
    """Commands that take our line out of authorized_keys: by a rename, so that no full disk locks the user out."""
    ours = quote(f" {mark(places)}$".replace(".", r"\."))
    return (
        f"if grep -qs {ours} .ssh/authorized_keys; then "
        'g=$(readlink -f .ssh/authorized_keys) && cp -p "$g" "$g.styx" && '
        f'{{ grep -v {ours} "$g" > "$g.styx"; [ $? -le 1 ]; }} && mv "$g.styx" "$g" || exit 1; fi; '
    )


# What the cluster's key is let in for: the bridge of the rank that is asked for, as nodes may share a home, and so this
# line; a head of an earlier build asks for none. The login shell that reads it may be any.
_LET_IN = 'r=${SSH_ORIGINAL_COMMAND:-$1}; expr "x$r" : "x[0-9][0-9]*$" >/dev/null && exec /bin/sh "$0/$r/bridge"'

# The user's own lines are in there too: whoever of us changes the file goes alone. A lock left by a killed client is
# broken after ten seconds.
LOCKED = (
    "umask 077; cd && mkdir -p .ssh || exit 1; n=0; "
    "until mkdir .ssh/.styx-lock 2>/dev/null || [ $n -ge 100 ]; do n=$((n+1)); sleep 0.1; done; "
    "trap 'rmdir .ssh/.styx-lock 2>/dev/null' EXIT"
)


def _key_file(places: Places) -> str:
    return f"{places.state}/peer_key"


def _pins_file(places: Places) -> str:
    return f"{places.state}/peer_hosts"


def _alias(peer: AgentNode) -> str:
    return f"styx-node-{peer.rank}"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
