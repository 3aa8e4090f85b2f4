"""Running a command of the node's own for its exit status and its output, without keeping the agent waiting."""

from __future__ import annotations

import os
import signal

from . import loop, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping, Sequence

TOLD = 4000  # bytes of what a command has said that are of interest: its last ones
TIDYING = 1.0  # seconds for one that is ended early to clear away what it has made
# The status comes by a pipe: whoever waits for children here takes them all. What the script leaves running may hold
# everything but the pipe.
_WRAP = "(\n{script}\n) 3>&-\necho $? >&3\n"


class Done:
    """How a command ended: ``code`` is None when it ran out of time or was killed, ``said`` what it wrote last."""

    __slots__ = ("code", "said")

    def __init__(self, code: int | None, said: str) -> None:
        self.code = code
        self.said = said


async def run(script: str, words: Sequence[str], env: Mapping[str, str], timeout: float, stdin: bytes = b"") -> Done:
    """Run a shell script with arguments in a session of its own; after ``timeout`` seconds, or cancelled, it is ended.

    What is given as ``stdin`` never touches a disk. Raises OSError when no process can be started.
    """
    given, told = memory(stdin), memory(b"")
    reading, writing = os.pipe()
    try:
        actions = [
            (os.POSIX_SPAWN_DUP2, given, 0),
            (os.POSIX_SPAWN_DUP2, told, 1),
            (os.POSIX_SPAWN_DUP2, told, 2),
            (os.POSIX_SPAWN_DUP2, writing, 3),
        ]
        argv = ["sh", "-c", _WRAP.format(script=script), "sh", *words]
        pid = spawn(argv, env, actions)
        os.close(writing)
        writing = -1
        who = process.Identity.of(pid)
        try:
            if await loop.ready(reading, loop.READ, timeout):
                code = os.read(reading, 16).strip()
                return Done(int(code) if code.isdigit() else None, _tail(told))
            return Done(None, _tail(told))
        finally:
            if who.alive():
                loop.spawn(_end(who))
    finally:
        for descriptor in (given, told, reading, *([writing] if writing >= 0 else [])):
            os.close(descriptor)


async def _end(who: process.Identity) -> None:
    """End a command that is not waited for any more; it may clear away what it has made."""
    process.send_group(who.pid, signal.SIGTERM)
    await loop.sleep(TIDYING)
    if who.alive():
        process.send_group(who.pid, signal.SIGKILL)


def spawn(argv: Sequence[str], env: Mapping[str, str], actions: Sequence[tuple[Any, ...]]) -> int:
    """Start ``/bin/sh`` in a session of its own; a fork of this process would cost twice as much. Return its pid."""
    default = (signal.SIGPIPE, signal.SIGXFSZ)  # Python ignores them, and an exec would hand that on
    try:
        return os.posix_spawn("/bin/sh", argv, env, file_actions=actions, setsigdef=default, setsid=True)
    except NotImplementedError:  # an older C library; the group is what matters
        return os.posix_spawn("/bin/sh", argv, env, file_actions=actions, setsigdef=default, setpgroup=0)


def memory(content: bytes) -> int:
    """Return a descriptor of a file that is nowhere but in memory, with this in it and at its beginning."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("styx")
    else:  # an older C library
        import tempfile

        descriptor, path = tempfile.mkstemp(dir="/dev/shm")
        os.unlink(path)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _tail(descriptor: int) -> str:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, TOLD, max(0, size - TOLD)).decode("utf-8", "replace")
