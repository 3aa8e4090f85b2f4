"""Taking a cluster's runtime off one of its nodes, so that nothing of it is left."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from styx.builtin.agent import install, remove_here
from styx.builtin.agent.channel import LOCKED, mark, taking_out
from styx.builtin.agent.node import AgentNode
from styx.builtin.agent.places import Places
from styx.transports.process import ProcessTransport
from styx.transports.together import failures

# A daemon writes to its directory until it has gone; its process id is in its lock. A zombie has: its parent alone can
# bury it.
_AWAIT = """pid=$(cat {lock}); n=0
while kill -0 $pid 2>/dev/null && ! grep -qs '^State:.Z' /proc/$pid/status; do
  [ $n -lt 400 ] || {{ echo "its process $pid does not end" >&2; exit 1; }}
  n=$((n+1)); sleep 0.05
done"""

# One that Docker does not remove is said to be there still; where nobody can ask Docker any more there is none.
_CONTAINER = """if [ -e {mark} ]; then
  for docker in docker 'sudo -n docker'; do
    $docker version >/dev/null 2>&1 || continue
    $docker rm -f {name} >/dev/null 2>&1 || $docker rm {name} 2>&1 | grep -q 'No such container' ||
      {{ echo "Docker does not remove {name}" >&2; exit 1; }}
    break
  done
fi"""


async def remove(nodes: Sequence[AgentNode], *, keep: bool = False) -> list[Exception]:
    """End the agents of these nodes (the head first) and all jobs; what failed, by rank.

    Their files are deleted, unless ``keep`` says that the agents will be started again.

    Idempotent; nothing being there is fine. A node whose agent will not end keeps its files: jobs may still need them.
    """
    awake: dict[int, bool] = {}
    failed: dict[int, Exception] = {}

    async def wake(node: AgentNode) -> None:
        awake[node.rank] = await node.wake()

    async def end(node: AgentNode) -> None:
        if awake[node.rank]:
            await node.end()

    async def clear(node: AgentNode) -> None:
        await _clear(node, ended=awake[node.rank], keep=keep)

    async def on(chosen: Sequence[AgentNode], step: Callable[[AgentNode], Coroutine[Any, Any, None]]) -> None:
        left = [node for node in chosen if node.rank not in failed]
        failed.update(await failures({node.rank: step(node) for node in left}))

    # All must be awake before the head ends: it ends the ranks on the others, and only an agent knows what it runs.
    await on(nodes, wake)
    await on(nodes[:1], end)
    await on(nodes[1:], end)
    await on(nodes, clear)
    return [failed[rank] for rank in sorted(failed)]


async def _clear(node: AgentNode, *, ended: bool, keep: bool) -> None:
    """Wait for the daemon's end and delete what the cluster has on the node, and with its last cluster the program."""
    places = await node.places()
    contained = f"{places.state}/jobs/container"
    here = isinstance(node.transport, ProcessTransport)
    if here and not Path(contained).exists():
        await remove_here.clear(places, ended=ended, keep=keep)
        return
    steps = [_AWAIT.format(lock=quote(f"{places.state}/lock"))] if ended else []
    if not here:
        steps.append(_forget_key(places))
    if not keep:
        steps += [_CONTAINER.format(mark=quote(contained), name=f"{places.key}-{places.rank}")]
        steps.append(_delete(places, shared=here))
    await install.check(node.transport, "\n".join(steps), "remove the agent", places)


def _delete(places: Places, *, shared: bool) -> str:
    """``start`` goes first: without it there is no runtime, so an interrupted removal is simply finished."""
    clusters, socket = quote(places.clusters), quote(places.socket)
    steps = [
        f"rm -f {quote(places.start)}",
        f"rm -rf {quote(places.state)} {socket} {socket}.*",
        f"rmdir {quote(places.cluster)} 2>/dev/null",
    ]
    # The directory of sockets on this machine belongs to all nodes on it, of which others may just be starting.
    also = "" if shared else f"rm -rf {quote(places.programs)}; rmdir {places.socket_dir} 2>/dev/null;"
    ours = f"{quote(places.root)} {quote(places.base)}" if places.base else quote(places.root)
    steps.append(f"if rmdir {clusters} 2>/dev/null; then {also} rmdir {ours} 2>/dev/null; fi")
    return "\n".join((*steps, f"test ! -e {quote(places.state)}"))


def _forget_key(places: Places) -> str:
    ours = quote(f" {mark(places)}$".replace(".", r"\."))
    return (
        f'if grep -qs {ours} "$HOME/.ssh/authorized_keys"; then ( {LOCKED}\n{taking_out(places)}\n'
        'test -s "$g" || rm -f "$g"\n'
        ') || exit 1; rmdir "$HOME/.ssh" 2>/dev/null; fi'
    )
