"""This machine as a node: commands are child processes in a home of their own, with a scrubbed environment."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import shlex
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from styx.api import ByteStream, CommandResult, Endpoint, Transport, TransportError
from styx.transports.streams import LOOK, converse, shorten, strip_home

_KEPT = ("PATH", "LANG", "TZ", "TERM", "USER", "LOGNAME", "SHELL")
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def scrubbed_environment(home: str, node: str = "") -> dict[str, str]:
    """What a command on this machine gets to see of ours: who and where it is, and none of the caller's credentials.

    A list of what is let through, not of what is held back: nobody can list every variable that holds a secret.
    """
    environment = {name: os.environ[name] for name in _KEPT if os.environ.get(name)}
    environment |= {name: value for name, value in os.environ.items() if name.startswith("LC_")}
    environment.setdefault("PATH", _DEFAULT_PATH)
    environment.setdefault("SHELL", "/bin/sh")
    for name in ("USER", "LOGNAME"):
        if name not in environment:
            environment[name] = user_name()
    return environment | {"HOME": home} | ({"STYX_NODE": node} if node else {})


def user_name() -> str:
    """Who we are on this machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a uid without a passwd entry, as in some containers
        return str(os.getuid())


class ProcessTransport(Transport):
    """Endpoint kind ``process``. Options: ``home`` (the node's directory), ``node`` (its name, for ``STYX_NODE``)."""

    def __init__(self, endpoint: Endpoint) -> None:
        home = endpoint.options.get("home")
        if not home:
            raise TransportError("a process endpoint needs the option 'home'", hint=LOOK)
        self.home = home
        self.node = endpoint.options.get("node", "")
        self._environment = scrubbed_environment(home, self.node)
        self._streams: set[_Pair] = set()

    async def run(
        self, command: str, *, stdin: bytes | AsyncIterator[bytes] = b"", timeout: float = 60.0
    ) -> CommandResult:
        """Run ``/bin/sh -c command`` in a session of its own; past ``timeout`` the whole process group is killed."""
        process = await self._spawn(command, stderr=asyncio.subprocess.PIPE)
        writer, reader, errors = process.stdin, process.stdout, process.stderr
        assert writer is not None
        assert reader is not None
        assert errors is not None
        try:
            async with asyncio.timeout(timeout):
                out, err = await converse(writer, reader, errors, stdin, f"`{shorten(command)}`")
                status = await process.wait()
        except TimeoutError:
            raise TransportError(
                f"`{shorten(command)}` did not finish within {timeout:g} s on {self.node or 'this machine'}",
                node=self.node,
                hint=LOOK,
            ) from None
        finally:
            await _reap(process)
        return CommandResult(128 - status if status < 0 else status, out, err)

    async def open_unix(self, path: str) -> ByteStream:
        """Connect to the socket by its path."""
        try:
            return self._kept(_Pair(*await asyncio.open_unix_connection(self._absolute(path)), self._streams.discard))
        except (OSError, ValueError) as error:  # ValueError: the path is too long for the kernel, or has a NUL
            raise TransportError(f"cannot connect to {path}: {error}", node=self.node, hint=LOOK) from error

    async def open_command(self, command: str) -> ByteStream:
        """Talk to a command: it gets what is written and ends when the stream is closed."""
        process = await self._spawn(command, stderr=asyncio.subprocess.DEVNULL)
        return self._kept(_ProcessStream(process, self._streams.discard))

    def interactive(self, command: str | None = None) -> list[str]:
        """A login shell (or ``command``) in the node's home, with the same environment as its jobs."""
        return self._login(command, self._environment)

    def hosted(self, command: str | None = None, *, terminal: bool, term: str = "") -> list[str]:
        """The same, for a terminal elsewhere."""
        del terminal  # whatever it is, the program finds it out
        own = {name: value for name, value in self._environment.items() if name != "TERM"}
        return self._login(command, own | ({"TERM": term} if term else {}))

    def _login(self, command: str | None, environment: Mapping[str, str]) -> list[str]:
        assignments = [f"{name}={value}" for name, value in environment.items()]
        inner = f'exec "$SHELL" -c {shlex.quote(command)}' if command is not None else 'exec "$SHELL" -l'
        return ["/usr/bin/env", "-i", *assignments, "/bin/sh", "-c", f'cd "$HOME" && {inner}']

    async def close(self) -> None:
        """Close the streams that are still open, and end the commands behind them."""
        streams = list(self._streams)
        for stream in streams:
            stream.close()
        for stream in streams:
            await stream.wait_closed()

    def _kept(self, stream: _Pair) -> _Pair:
        self._streams.add(stream)
        return stream

    def _absolute(self, path: str) -> str:
        return str(Path(self.home, strip_home(path)))

    async def _spawn(self, command: str, *, stderr: int) -> asyncio.subprocess.Process:
        try:
            return await asyncio.create_subprocess_exec(
                "/bin/sh", "-c", command, cwd=self.home, env=self._environment, start_new_session=True,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=stderr,
            )  # fmt: skip
        except OSError as error:
            raise TransportError(
                f"cannot run commands in {self.home}: {error.strerror}", node=self.node,
                hint="The node's directory is gone or not ours; `styx status` shows what is known of it.",
            ) from error  # fmt: skip


async def _reap(process: asyncio.subprocess.Process) -> None:
    """Kill what is left of a command that did not end by itself, with its children, and take its status."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


class _Pair:
    """A reader and a writer as one stream."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, on_close: Callable[[_Pair], object]
    ) -> None:
        self._writer = writer
        self._on_close = on_close
        self.readexactly = reader.readexactly
        self.read = reader.read
        self.write = writer.write
        self.drain = writer.drain

    def close(self) -> None:
        """Close both directions."""
        self._writer.close()
        self._on_close(self)

    async def wait_closed(self) -> None:
        """After :meth:`close`: wait until nothing is left of it."""
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class _ProcessStream(_Pair):
    """A command's standard input and output as one stream."""

    def __init__(self, process: asyncio.subprocess.Process, on_close: Callable[[_Pair], object]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        super().__init__(process.stdout, process.stdin, self._end)
        self._process = process
        self._discard = on_close
        self._reaper: asyncio.Task[None] | None = None

    def _end(self, _: _Pair) -> None:
        if self._reaper is None:
            self._reaper = asyncio.get_running_loop().create_task(_reap(self._process))
            self._reaper.add_done_callback(lambda _: self._discard(self))

    async def wait_closed(self) -> None:
        """Wait until the command has ended."""
        await super().wait_closed()
        if self._reaper is not None:
            await self._reaper
