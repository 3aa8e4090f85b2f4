"""A node over SSH: one connection, many channels, one pinned host key.

asyncssh rather than the ``ssh`` program: a command on an open connection costs half of what OpenSSH's own multiplexing
does, and a unix socket a fifth. Only for a terminal the program is started.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from styx.api import ByteStream, CommandResult, Endpoint, HostKeyChanged, StyxError, Transport, TransportError
from styx.transports.connect import LOGIN_TIMEOUT, Target, connect, translate
from styx.transports.gate import SessionGate
from styx.transports.session import SshStream, begin, wrap
from styx.transports.streams import LOOK, converse, shorten, strip_home

if TYPE_CHECKING:
    import asyncssh

BRIDGE = ".styx/agent/bridge"
"""A program on the node that connects its standard input and output to the unix socket named by its argument.

It is below the home, or below LOCAL_BASE where the home is on a network. With ``--check`` before the socket it only
tells, by its exit status, whether anybody answers there: the socket of a dead agent may still be lying about. The
agent's installation puts the program there. It is how the socket is reached where sshd forbids stream-local forwarding.
"""

LOCAL_BASE = "/var/tmp/styx-$(id -u)"  # noqa: S108 - used only if it is our own
KILL_TIMEOUT = 5.0  # seconds
SILENT = 3.0  # seconds without an answer to a new connection after which it is asked whether the node is there
_KILL = (
    "g=$(ps -o pgid= -p {pid} 2>/dev/null) || g=$(sed 's/.*) //' /proc/{pid}/stat 2>/dev/null | cut -d' ' -f3); "
    "g=$(echo $g); kill -s KILL -- -${{g:-{pid}}}"
)
_REFUSED = (0.05, 0.2, 0.5, 1.0)  # seconds after which a refused session is asked for again: sshd frees them late
_JUST_NOW = 0.005  # seconds: the same caller looks for another way at once
_HELLO = b"+"
_BRIDGED = (
    f"b=./{BRIDGE}; test -x $b || b={LOCAL_BASE}/{BRIDGE}; test -S {{path}} && test -x $b && test -O $b && "
    f"$b --check {{path}} </dev/null && printf {_HELLO.decode()} && exec $b {{path}}"
)
# For who is not the user of this machine: no escapes, questions or forwarding, whatever the settings say.
_HOSTED = (
    "-e", "none", "-a", "-x", "-o", "BatchMode=yes", "-o", "ClearAllForwardings=yes", "-o", "PermitLocalCommand=no",
)  # fmt: skip
_SIGNALS = {
    "HUP": 1,
    "INT": 2,
    "QUIT": 3,
    "ABRT": 6,
    "FPE": 8,
    "KILL": 9,
    "SEGV": 11,
    "PIPE": 13,
    "ALRM": 14,
    "TERM": 15,
}


class SshTransport(Transport):
    """Endpoint kind ``ssh``.

    Options: ``host``, ``port`` (22), ``user``, ``identity_file``, ``host_key`` (OpenSSH public key lines: only these
    are accepted), ``known_hosts`` (a file, used when there is no ``host_key``; neither means the node is refused),
    ``proxy_jump`` (``[user@]host[:port]``, reached by the user's own SSH configuration).

    ``doubt`` is asked about a node that does not answer, however often, and raises what became of it if it knows.
    """

    doubt: Callable[[], Awaitable[None]] | None = None

    def __init__(self, endpoint: Endpoint) -> None:
        self.target = Target.parse(endpoint.options)
        self.patience: float | None = None  # see connect
        self._gate = SessionGate()
        self._connecting = asyncio.Lock()
        self._connection: asyncssh.SSHClientConnection | None = None
        self._failed: tuple[float, TransportError] | None = None  # when the last attempt to connect did, and why
        self._forwarding = True
        self._home: str | None = None
        self._killing: set[asyncio.Task[None]] = set()

    async def run(
        self, command: str, *, stdin: bytes | AsyncIterator[bytes] = b"", timeout: float = 60.0
    ) -> CommandResult:
        """Run the command by the node's ``/bin/sh``, whatever the user's login shell is."""
        what = f"`{shorten(command)}`"
        try:
            async with asyncio.timeout(timeout):
                await self._gate.enter()
                try:
                    return await self._run(command, stdin, what)
                finally:
                    self._gate.leave()
        except TimeoutError:
            raise self._error(f"{what} did not finish within {timeout:g} s") from None

    async def _run(self, command: str, stdin: bytes | AsyncIterator[bytes], what: str) -> CommandResult:
        import asyncssh

        process = await self._session(command)
        pid = None
        try:
            noise, pid = await begin(process)
            out, err = await converse(process.stdin, process.stdout, process.stderr, stdin, what)
            await process.wait_closed()
        except (asyncssh.Error, OSError) as error:
            raise translate(error, self.target) from error
        finally:
            self._end(process, pid)
        return CommandResult(self._status(process, what), noise + out if pid is None else out, err)

    async def open_unix(self, path: str) -> ByteStream:
        """Connect by stream-local forwarding, or through the agent's bridge where that is refused.

        sshd answers "forbidden" and "nobody listens" alike, so a refusal tries the bridge: if that gets through,
        forwarding is forbidden, and is not tried again on this connection.
        """
        import asyncssh

        path = await self._absolute(path)
        connection = await self._connected()
        if self._forwarding:
            try:
                reader, writer = await connection.open_unix_connection(path, encoding=None)
                return SshStream(reader, writer)
            except asyncssh.ChannelOpenError as error:
                if connection.is_closed():
                    raise translate(error, self.target) from error
            except (asyncssh.Error, OSError) as error:
                raise translate(error, self.target) from error
        stream = await self._open_bridge(path)
        self._forwarding = False
        return stream

    async def open_command(self, command: str) -> ByteStream:
        """Talk to a command. It holds one of the connection's sessions until the stream is closed."""
        import asyncssh

        await self._gate.enter()
        process, pid = None, None

        def end() -> None:
            if process is not None:
                self._end(process, pid)
            self._gate.leave()

        with contextlib.ExitStack() as failing:
            failing.callback(end)
            try:
                process = await self._session(command, stderr=asyncssh.DEVNULL)
                async with asyncio.timeout(LOGIN_TIMEOUT):
                    _, pid = await begin(process)
            except TimeoutError:
                raise self._error(f"`{shorten(command)}` did not start within {LOGIN_TIMEOUT:g} s") from None
            except (asyncssh.Error, OSError) as error:
                raise translate(error, self.target) from error
            failing.pop_all()
        return SshStream(process.stdout, process.stdin, end)

    def interactive(self, command: str | None = None) -> list[str]:
        """The ``ssh`` program with this node's key pinned, and a terminal there if there is one here."""
        return self._program(command, terminal=sys.stdin.isatty())

    def hosted(self, command: str | None = None, *, terminal: bool, term: str = "") -> list[str]:
        """The same without escapes, by which one could open ways into this network; it asks and forwards nothing."""
        del term  # the program's own $TERM is passed on
        return self._program(command, *_HOSTED, terminal=terminal)

    def _program(self, command: str | None, *options: str, terminal: bool) -> list[str]:
        return [
            *self.target.openssh(),
            *options,
            "-t" if terminal else "-T",  # said either way: ssh remarks on what it finds out by itself
            "--",
            self.target.destination,
            *([command] if command is not None else []),
        ]

    async def host_key(self) -> str:
        """The public key with which the node has proved who it is, as an OpenSSH line."""
        key = (await self._connected()).get_server_host_key()
        if key is None:
            raise self._error("its host key is not known")
        return " ".join(key.export_public_key().decode().split()[:2])

    async def close(self) -> None:
        """Close the connection, when what was given up on it has been ended."""
        while self._killing:
            await asyncio.wait(self._killing)
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            await connection.wait_closed()
            await asyncio.sleep(0)  # asyncssh has let go of the socket; the event loop closes it in its next round

    async def _connected(self) -> asyncssh.SSHClientConnection:
        """The connection. A node that is gone lets callers wait: who waited for another's attempt hears the same."""
        now = asyncio.get_running_loop().time
        asked = now()
        async with self._connecting:
            if self._connection is None or self._connection.is_closed():
                if self._failed is not None and self._failed[0] > asked - _JUST_NOW:
                    raise self._failed[1]
                self._failed = None
                try:
                    self._connection = await self._connect()
                except TransportError as error:
                    self._failed = now(), error.with_traceback(None)
                    raise
                self._forwarding = True
            return self._connection

    async def _connect(self) -> asyncssh.SSHClientConnection:
        """A new connection, unless the node turns out to be gone while it is waited for."""
        if self.doubt is None:
            return await connect(self.target, self.patience)
        connecting = asyncio.ensure_future(connect(self.target, self.patience))
        doubting = asyncio.ensure_future(_doubted(connecting, self.doubt))
        try:
            await asyncio.wait({connecting, doubting}, return_when=asyncio.FIRST_COMPLETED)
            if not connecting.done() or connecting.exception() is not None:
                await doubting
            return await connecting
        finally:
            for task in (connecting, doubting):
                task.cancel()
            await asyncio.wait({connecting, doubting})

    async def _session(self, command: str, **options: Any) -> asyncssh.SSHClientProcess[bytes]:
        """Start a command; the caller holds a place at the gate.

        A connection that turns out to be dead is replaced once: the command has surely not started. A session that is
        refused is asked for again, for sshd takes a moment to forget one that has ended; where the server accepts fewer
        than we thought, it waits for one of the others to end.
        """
        import asyncssh

        wrapped = wrap(command)
        replaced = False
        delays = iter(_REFUSED)
        while True:
            connection = await self._connected()
            try:
                return await self._create(connection, wrapped, options)
            except (asyncssh.Error, OSError) as error:
                refused = isinstance(error, asyncssh.ChannelOpenError)
                if connection.is_closed() and not replaced:
                    replaced = True
                elif refused and (delay := next(delays, None)) is not None:
                    await asyncio.sleep(delay)
                    if delay != _REFUSED[0] and self._gate.forfeit():
                        await self._gate.enter()
                        delays = iter(_REFUSED)
                else:
                    raise translate(error, self.target) from error

    async def _open_bridge(self, path: str) -> ByteStream:
        stream = await self.open_command(_BRIDGED.format(path=shlex.quote(path)))
        with contextlib.ExitStack() as failing, contextlib.suppress(asyncio.IncompleteReadError):
            failing.callback(stream.close)
            if await stream.readexactly(len(_HELLO)) == _HELLO:
                failing.pop_all()
                return stream
        raise self._error(f"nobody listens at {path}")

    async def _absolute(self, path: str) -> str:
        """The path as sshd needs it: it resolves forwarded paths in its own directory, not in the user's."""
        path = strip_home(path)
        if path.startswith("/"):
            return path
        if self._home is None:
            self._home = (await self.run('printf %s "$HOME"')).text
        return f"{self._home}/{path}"

    async def _create(
        self, connection: asyncssh.SSHClientConnection, command: str, options: Mapping[str, Any]
    ) -> asyncssh.SSHClientProcess[bytes]:
        """Open a session and start a command; one that nobody waits for any more is ended as soon as it stands."""
        opening = asyncio.ensure_future(connection.create_process(command, encoding=None, **options))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            self._in_background(self._abandon(opening))
            raise

    async def _abandon(self, opening: asyncio.Future[asyncssh.SSHClientProcess[bytes]]) -> None:
        import asyncssh

        with contextlib.suppress(asyncssh.Error, OSError):
            await self._kill(await opening, None)

    def _end(self, process: asyncssh.SSHClientProcess[bytes], pid: int | None) -> None:
        """Kill what has not ended (closing the channel alone would leave it running) and close the channel."""
        if process.exit_status is None and process.exit_signal is None:
            self._in_background(self._kill(process, pid))
        else:
            process.close()

    async def _kill(self, process: asyncssh.SSHClientProcess[bytes], pid: int | None) -> None:
        import asyncssh

        # If this fails the node has gone, and what runs there is not ours to end any more.
        with contextlib.suppress(StyxError, TimeoutError, asyncssh.Error, OSError):
            async with asyncio.timeout(KILL_TIMEOUT):
                try:
                    if pid is None:
                        _, pid = await begin(process)
                finally:
                    process.close()
                if pid is not None and self._connection is not None and not self._connection.is_closed():
                    await self.run(_KILL.format(pid=pid), timeout=KILL_TIMEOUT)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._killing.add(task)
        task.add_done_callback(self._killing.discard)

    def _status(self, process: asyncssh.SSHClientProcess[bytes], what: str) -> int:
        if process.exit_signal is not None:
            return 128 + _SIGNALS.get(process.exit_signal[0], 0)
        if process.exit_status is None:
            raise self._error(f"the connection broke while {what} ran; it may still be running there")
        return process.exit_status

    def _error(self, message: str) -> TransportError:
        return TransportError(f"{self.target.destination}: {message}", node=self.target.host, hint=LOOK)


async def _doubted(connecting: asyncio.Task[Any], doubt: Callable[[], Awaitable[None]]) -> None:
    """Ask about a node that takes its time, or that nobody gets through to; not about one that only refuses us."""
    import asyncssh

    await asyncio.wait({connecting}, timeout=SILENT)
    error = connecting.exception() if connecting.done() else None
    answers = isinstance(error, HostKeyChanged) or isinstance(
        getattr(error, "__cause__", None), asyncssh.PermissionDenied
    )
    if not connecting.done() or (error is not None and not answers):
        await doubt()
