"""A program for somebody elsewhere, between streams like theirs: a terminal where they have one, else pipes."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
import termios
import tty
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, NamedTuple

from styx.client.programs import NoProgram

StreamName = Literal["stdin", "stdout", "stderr"]
STREAMS: tuple[StreamName, ...] = ("stdin", "stdout", "stderr")
TERMINAL = "terminal"  # where output comes from that was written there: it does not tell by which stream

_PIECE = 1 << 16  # bytes
_PATIENCE = 2.0  # seconds for a program to end once it was told to
_QUIET = 0.1  # seconds of silence, once it has ended, that what it has left behind is given to say something
_LAST = 2.0  # seconds, once it has ended, in which that is listened to if it is never silent

# The first terminal that the leader of a session opens becomes the one that controls it.
_CONTROLLED = ': <>"$0"; exec "$@"'


class Size(NamedTuple):
    """Of a terminal, in characters."""

    rows: int
    columns: int


class Program:
    """A program in a session of its own, to be used from one event loop. :meth:`end` lets go of it."""

    def __init__(self, process: asyncio.subprocess.Process, ends: Mapping[str, int]) -> None:
        self._process = process
        self._ends = dict(ends)  # ours, by stream; TERMINAL stands for those that are one
        self._typed = "stdin" if "stdin" in ends else TERMINAL

    @classmethod
    async def start(cls, argv: Sequence[str], terminals: Collection[StreamName], size: Size, term: str) -> Program:
        """Start it, with one terminal of the type ``term`` as those of its streams. Raises NoProgram."""
        name = argv[0]
        if shutil.which(name) is None:
            raise NoProgram.of(name, os.strerror(errno.ENOENT))
        ours: dict[str, int] = {}
        theirs: dict[str, int] = {}
        process = None
        try:
            _open(terminals, size, ours, theirs)
            if terminals:
                argv = ["/bin/sh", "-c", _CONTROLLED, os.ttyname(theirs[TERMINAL]), *argv]
            stdin, stdout, stderr = (theirs[each if each not in terminals else TERMINAL] for each in STREAMS)
            process = await asyncio.create_subprocess_exec(
                *argv, stdin=stdin, stdout=stdout, stderr=stderr, env={**os.environ, "TERM": term},
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:  # too many files, or too long a command
            raise NoProgram.of(name, error.strerror) from error
        finally:
            _close(theirs.values())
            if process is None:
                _close(ours.values())
        return cls(process, ours)

    async def output(self) -> AsyncGenerator[tuple[str, bytes], None]:
        """What it writes, and where. It ends with the program, whatever that has left behind in the background."""
        sources = {fd: name for name, fd in self._ends.items() if name != "stdin"}
        ended, last_at = asyncio.ensure_future(self._process.wait()), None
        now = asyncio.get_running_loop().time
        try:
            while sources:
                if ended.done():
                    last_at = last_at or now() + _LAST
                ready = await _ready(sources, ended)
                if last_at is not None and (not ready or now() > last_at):
                    break
                for fd in ready:
                    data = _read(fd)
                    if data:
                        yield sources[fd], data
                    elif data is not None:
                        del sources[fd]
            await ended
        finally:
            ended.cancel()

    @property
    def code(self) -> int | None:
        """Its exit code, as a shell tells it; None while it runs."""
        code = self._process.returncode
        return 128 - code if code is not None and code < 0 else code

    async def write(self, data: bytes) -> int:
        """Let it read some of this, as soon as it takes any; how much. What nobody will read any more is taken."""
        fd = self._ends.get(self._typed)
        while fd is not None:
            try:
                return os.write(fd, data)
            except BlockingIOError:
                await _writable(fd)
            except OSError:
                break
        return len(data)

    def no_more(self) -> None:
        """Let it read no more, where it reads from a pipe. A terminal ends when it goes."""
        if "stdin" in self._ends:
            os.close(self._ends.pop("stdin"))

    def resize(self, size: Size) -> None:
        """Change the size of its terminal, if it has one."""
        if TERMINAL in self._ends:
            termios.tcsetwinsize(self._ends[TERMINAL], size)

    def interrupt(self) -> None:
        """What Ctrl-C does."""
        self._signal(signal.SIGINT)

    async def end(self) -> None:
        """End it, if it has not ended. Idempotent. Nobody may be reading its output any more."""
        if self._process.returncode is None:
            self._signal(signal.SIGHUP)
            self._signal(signal.SIGCONT)
        _close(self._ends.values())  # what is in the foreground of the terminal learns of it by that
        self._ends.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self._process.wait()
        if self._process.returncode is None:
            self._signal(signal.SIGKILL)
            await self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)


def _open(terminals: Collection[StreamName], size: Size, ours: dict[str, int], theirs: dict[str, int]) -> None:
    """Open both ends of all streams. Raises OSError, with what is open already in the mappings."""
    if terminals:
        ours[TERMINAL], theirs[TERMINAL] = os.openpty()
        if "stdin" not in terminals:  # then theirs is as it was, and does to lines what there is to do
            tty.setraw(theirs[TERMINAL])
        termios.tcsetwinsize(theirs[TERMINAL], size)
    for stream in STREAMS:
        if stream not in terminals:
            reading, writing = os.pipe()
            ours[stream], theirs[stream] = (writing, reading) if stream == "stdin" else (reading, writing)
    for fd in ours.values():
        os.set_blocking(fd, False)


def _close(descriptors: Iterable[int]) -> None:
    for fd in descriptors:
        os.close(fd)


def _read(fd: int) -> bytes | None:
    """What is there; nothing at the end, None where there is nothing yet."""
    try:
        return os.read(fd, _PIECE)
    except BlockingIOError:
        return None
    except OSError:  # a terminal that nobody has open any more
        return b""


async def _ready(sources: Collection[int], ended: asyncio.Future[Any]) -> set[int]:
    """Those that can be read, once there is one; or none when the program ends, or has ended and nothing comes."""
    loop, ready, some = asyncio.get_running_loop(), set[int](), asyncio.Event()

    def note(fd: int) -> None:
        ready.add(fd)
        some.set()

    for fd in sources:
        loop.add_reader(fd, note, fd)
    waiting: asyncio.Future[Any] = asyncio.ensure_future(some.wait())
    try:
        if ended.done():
            await asyncio.wait({waiting}, timeout=_QUIET)
        else:
            await asyncio.wait({waiting, ended}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        for fd in sources:
            loop.remove_reader(fd)
    return ready


async def _writable(fd: int) -> None:
    loop, can = asyncio.get_running_loop(), asyncio.Event()
    loop.add_writer(fd, can.set)
    try:
        await can.wait()
    finally:
        loop.remove_writer(fd)
