"""The container that jobs of this node run in, where the task has asked for one: see container.sh.

The ``docker`` program is run rather than its socket spoken to: it works as root by ``sudo`` where the user may not use
the socket, through whatever context the node has, and with what stands in for it. It is needed for the moment of a
start alone: what runs in the container is the shim, which writes its files as it does without one, so neither the
agent's end, nor that of a connection to Docker, is a job's.
"""

from __future__ import annotations

import math
import os
import shlex

from . import check, commands, process
from .protocol import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping

    from .node import Node
    from .server import Send

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "container.sh")
FETCHING = 3600.0  # seconds for an image to be fetched and started
TALKING = 60.0  # seconds for Docker to do what it is told
MARK = "container"  # in the directory of jobs: there is a container, of this image
_EXEC = 'exec /bin/sh "$@"'


class Containers:
    """This node's container. Its image comes with every job, so that it can be made anew whenever it is gone."""

    def __init__(self, node: Node, jobs: str) -> None:
        self._node = node
        self._jobs = jobs  # the directory that holds those of ranks

    def of(self, image: str) -> dict[str, str]:
        """Return what a rank has to know to run in a container made from this image."""
        return {"image": image, "name": self.name, "home": self._node.home}

    @property
    def name(self) -> str:
        """What Docker calls it."""
        return f"{self._node.configured()['cluster_key']}-{self._node.rank}"

    async def prepare(self, params: dict[str, Any], _send: Send) -> dict[str, Any]:
        """Answer ``container.prepare``."""
        image = check.text(params, "image", limit=1000)
        login = [check.text(params, name, "", limit=100_000) for name in ("registry", "username", "password")]
        if not image or image.startswith("-") or any("\n" in word for word in (image, *login)):
            raise check.bad("image, registry, username and password must be words")
        words = [SCRIPT, self.name, "prepare", image, self._node.home, self._jobs]
        given = "".join(word + "\n" for word in login).encode()
        done = await commands.run(_EXEC, words, os.environ, FETCHING, given)
        if done.code != 0:
            raise AgentError("no_container", done.said.strip() or "Docker does not answer")
        return {"said": done.said.strip()}

    async def halt(self) -> None:
        """End all that runs in the container, if there is one."""
        if os.path.exists(os.path.join(self._jobs, MARK)):
            await commands.run(_EXEC, [SCRIPT, self.name, "halt"], os.environ, TALKING)


def image_for(jobs: str) -> str | None:
    """Return the image of the container that belongs to this directory of jobs; empty without one, None if unknown."""
    try:
        with open(os.path.join(jobs, MARK), errors="replace") as file:
            return file.read(2000).strip() or None
    except FileNotFoundError:
        return ""


def start(
    container: Mapping[str, str], directory: str, marker: str, umask: int, workdir: str, env: Mapping[str, str]
) -> int:
    """Start one rank in its container; return the pid of the process that stays here for it. Raises OSError."""
    words = [
        "sh", SCRIPT, container["name"], "run", container["image"], container["home"], os.path.dirname(directory),
        directory, marker, process.boot_id(), f"{umask:03o}", workdir,
    ]  # fmt: skip
    given = commands.memory(_exports(env))
    try:
        actions = [
            (os.POSIX_SPAWN_DUP2, given, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        return commands.spawn(words, os.environ, actions)
    finally:
        os.close(given)


async def end(name: str, marker: str, grace: float) -> None:
    """End all that a job has in the container of this name, by force after ``grace`` seconds."""
    words = [SCRIPT, name, "end", marker, str(math.ceil(grace))]
    await commands.run(_EXEC, words, os.environ, grace + TALKING)


def _exports(env: Mapping[str, str]) -> bytes:
    """Return a shell script that exports these variables, but for those under names that no shell can have."""
    named = {name: value for name, value in env.items() if name.isidentifier() and name.isascii()}
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in named.items()]
    return "".join(lines).encode("utf-8", "surrogateescape")
