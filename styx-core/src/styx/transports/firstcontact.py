"""The first contact with a machine that was just made: wait until it answers, and trust the key that it shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

from styx.api import ByteStream, CommandResult, Endpoint, HostKeyChanged, TransportError
from styx.transports.connect import Target, connect_jump, pinning_client, translate
from styx.transports.ssh import SshTransport

PATIENCE = 240.0  # seconds; providers call a machine running long before its sshd listens
PAUSE_FIRST, PAUSE_MOST = 0.25, 4.0
ANSWER = 10.0  # seconds for one try
LOGIN = 60.0  # seconds until a machine that answers has to let us in: keys are often put there after sshd is up


async def shown_key(target: Target, patience: float | None = None) -> str:
    """The host key that the machine shows now, as an OpenSSH line. Raises TransportError."""
    import asyncssh

    jump = await connect_jump(target.proxy_jump) if target.proxy_jump else None
    try:
        async with asyncio.timeout(None if jump else patience) as limit:
            options = asyncssh.SSHClientConnectionOptions(
                config=None, client_factory=lambda: pinning_client([], [], limit)
            )
            key = await asyncssh.get_server_host_key(
                target.host, target.port, tunnel=jump or (), config=None, options=options
            )
    except (asyncssh.Error, OSError, ValueError) as error:
        raise translate(error, target) from error
    finally:
        if jump is not None:
            jump.close()
    if key is None:
        raise TransportError(f"{target.destination} shows no host key", node=target.host)
    return key.export_public_key("openssh").decode().strip()


class FirstContact(SshTransport):
    """A machine that may still be booting; once it has answered, a transport like any other.

    The first use waits until sshd lets us in. Where the endpoint has no ``host_key`` and none is ``pinned`` (from
    before the machine was stopped), the key that is shown then is handed to ``pin``, and no other is accepted after.
    """

    def __init__(
        self, endpoint: Endpoint, pin: Callable[[str], None], *, pinned: str = "",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep, wait: float = PATIENCE,
    ) -> None:  # fmt: skip
        super().__init__(endpoint)
        self._pin = pin
        self._sleep = sleep
        self._wait = wait
        self._meeting = asyncio.Lock()
        self._met = False
        self._know(self.target.host_key or pinned)

    async def run(
        self, command: str, *, stdin: bytes | AsyncIterator[bytes] = b"", timeout: float = 60.0
    ) -> CommandResult:
        """See :class:`SshTransport`; the command's time begins when the machine is there."""
        await self._meet()
        return await super().run(command, stdin=stdin, timeout=timeout)

    async def open_unix(self, path: str) -> ByteStream:
        """See :class:`SshTransport`."""
        await self._meet()
        return await super().open_unix(path)

    async def open_command(self, command: str) -> ByteStream:
        """See :class:`SshTransport`."""
        await self._meet()
        return await super().open_command(command)

    async def _meet(self) -> None:
        async with self._meeting:
            waited, pause = 0.0, PAUSE_FIRST
            while not self._met:
                try:
                    if not self.target.host_key:
                        self._know(await shown_key(self.target, ANSWER))
                        self._pin(self.target.host_key)
                    await self.host_key()  # connects
                    self._met = True
                except HostKeyChanged:
                    raise
                except TransportError as error:
                    if waited >= (self._wait if not _refused(error) else min(self._wait, LOGIN)):
                        raise
                    await self._sleep(pause)
                    waited, pause = waited + pause, min(pause * 1.5, PAUSE_MOST)

    def _know(self, host_key: str) -> None:
        self.target = replace(self.target, host_key=host_key)


def _refused(error: TransportError) -> bool:
    import asyncssh

    return isinstance(error.__cause__, asyncssh.PermissionDenied)
