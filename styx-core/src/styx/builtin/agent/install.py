"""Putting the agent on a node and starting it.

On another machine the node's own Python runs it; the program is copied only when this build is not there yet. On this
machine there is nothing to look for or copy: this interpreter runs one unpacked copy that all nodes share.
"""

from __future__ import annotations

import asyncio
import re
import sys
from functools import cache
from pathlib import Path
from shlex import join, quote

from styx.api import BackendError, CommandResult, Transport
from styx.builtin.agent.codec import clean
from styx.builtin.agent.places import Places
from styx.builtin.agent.python import find_python
from styx.transports.process import ProcessTransport

RUNNING = 75  # the daemon's exit status when one already serves this state


@cache
def archive() -> tuple[str, bytes]:
    """The hash of the agent's build and its zip archive."""
    from styx.agent.build import build

    name, data = build()
    found = re.search(r"[0-9a-f]{8,64}", name)
    assert found is not None, name
    return found.group(), data


async def install(transport: Transport, places: Places, shared: Path) -> None:
    """Put this build on the node and write its start script. Idempotent.

    ``shared`` is where this machine keeps the programs of its own nodes.
    """
    if isinstance(transport, ProcessTransport):
        await asyncio.to_thread(_install_here, places, shared, transport.node)
        return
    python = await find_python(transport, places)
    for directory in (places.socket_dir, places.base):
        if directory:
            await check(transport, _make_own(directory), "make the agent's directories", places)
    program = await _copy(transport, places, python)
    steps = (
        f"umask 077; mkdir -p {quote(places.state)}",
        _write(places.way_in, _way_in_script(python, program, places)),
        _write(places.start, _start_script(python, program, places)),
        _write(places.bridge, _bridge_script(python, program), executable=True),
    )
    await check(transport, " && ".join(steps), "make the agent's directories", places)


async def start(transport: Transport, places: Places) -> bool:
    """Start the daemon and wait until it listens. False when one already does. Raises BackendError."""
    result = await transport.run(f"exec /bin/sh {quote(places.start)}", timeout=60)
    if result.status not in {0, RUNNING}:
        raise _failed("start the agent", places, result)
    return result.status == 0


async def installed(transport: Transport, places: Places) -> bool:
    """Whether there is a runtime of this cluster on the node at all."""
    if isinstance(transport, ProcessTransport):
        return Path(places.start).exists()
    return (await transport.run(f"test -f {quote(places.start)}", timeout=30)).status == 0


async def check(transport: Transport, command: str, what: str, places: Places, stdin: bytes = b"") -> CommandResult:
    """Run a command that must succeed; raises BackendError with what it said."""
    result = await transport.run(command, stdin=stdin, timeout=120)
    if result.status:
        raise _failed(what, places, result)
    return result


async def _copy(transport: Transport, places: Places, python: str) -> str:
    """The program's path on the node, after copying it there if need be."""
    build, data = archive()
    program = f"{places.programs}/{build}/main.py"
    draft = quote(f"{places.programs}/.{build}.{places.key}.{places.rank}.pyz")
    # The cluster's directory comes first: whoever removes the last cluster of a node removes the programs with it.
    made = f"umask 077; mkdir -p {quote(places.state)} {quote(places.programs)}"
    if (await transport.run(f"{made} && test -f {quote(program)}", timeout=30)).status:
        unpack = f"{python} -I -S {draft} unpack {quote(places.programs)}"
        await check(
            transport, f"{made} && cat > {draft} && {unpack}; status=$?; rm -f {draft}; exit $status",
            "unpack the agent", places, stdin=data,
        )  # fmt: skip
    return program


def _install_here(places: Places, shared: Path, node: str) -> None:
    build, data = archive()
    program = shared / build / "main.py"
    if not program.exists():
        _unpack_here(shared, build, data)
    Path(places.state).mkdir(mode=0o700, parents=True, exist_ok=True)
    directory = Path(places.socket_dir)
    directory.mkdir(mode=0o700, exist_ok=True)
    if directory.is_symlink() or directory.stat().st_uid != places.uid:
        raise BackendError(f"{directory} belongs to somebody else", hint="Remove it, or have its owner remove it.")
    Path(places.way_in).write_text(_way_in_script(sys.executable, str(program), places))
    # A peer may be who starts it: what tells whose process it is must not be the peer's.
    whose = f"export HOME={quote(places.home)} STYX_NODE={quote(node)}\n"
    Path(places.start).write_text(whose + _start_script(sys.executable, str(program), places))


def _unpack_here(shared: Path, build: str, data: bytes) -> None:
    import subprocess
    import tempfile

    shared.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(suffix=".pyz", dir=shared) as draft:
        draft.write(data)
        draft.flush()
        done = subprocess.run(
            [sys.executable, "-I", "-S", draft.name, "unpack", str(shared)], capture_output=True, check=False
        )
    if done.returncode or not (shared / build / "main.py").exists():
        raise BackendError(f"cannot unpack the agent into {shared}: {clean(done.stderr.decode(errors='replace'))}")


def _start_script(python: str, program: str, places: Places) -> str:
    words = [python, "-I", "-S", program, "daemon", "--state", places.state, "--socket", places.socket]
    return f"exec {join(words)} </dev/null\n"


def _way_in_script(python: str, program: str, places: Places) -> str:
    words = [python, "-I", "-S", program, "bridge", "--socket", places.socket, "--start", places.start]
    return f"exec {join(words)}\n"


def _bridge_script(python: str, program: str) -> str:
    agent = join([python, "-I", "-S", program])
    return (
        f'#!/bin/sh\nif test "$1" = --check; then exec {agent} ping --socket "$2" >/dev/null 2>&1; fi\n'
        f'exec {agent} bridge --socket "$1"\n'
    )


def _make_own(directory: str) -> str:
    """A shell command that makes a directory below one that all can write, unless it is somebody else's."""
    return (
        f"{{ mkdir -m 700 {directory} 2>/dev/null; test ! -L {directory} && test -O {directory}; }} || "
        f"{{ echo {directory} belongs to somebody else >&2; false; }}"
    )


def _write(path: str, text: str, *, executable: bool = False) -> str:
    """A shell command that replaces the file at once or not at all."""
    draft = f"{quote(path)}.$$"
    mode = f" && chmod 700 {draft}" if executable else ""
    return f"printf %s {quote(text)} > {draft}{mode} && mv {draft} {quote(path)}"


def _failed(what: str, places: Places, result: CommandResult) -> BackendError:
    said = clean((result.stderr or result.stdout).decode(errors="replace").strip())
    return BackendError(f"node {places.rank} failed to {what} (status {result.status}): {said or 'it gave no reason'}")
