"""The first contact with a machine that was just made: wait until it answers, and trust the key that it shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

from styx.api import ByteStream, CommandResult, Endpoint, HostKeyChanged, Transport, TransportError
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


class FirstContact(Transport):
    """Endpoint kind ``ssh``, for a machine that may still be booting.

    The first use waits until sshd answers. Where the endpoint has no ``host_key`` and none is ``pinned`` (from before
    the machine was stopped), the key that is shown then is handed to ``pin``, and no other is accepted after that.
    """

    def __init__(
        self, endpoint: Endpoint, pin: Callable[[str], None], *, pinned: str = "",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep, patience: float = PATIENCE,
    ) -> None:  # fmt: skip
        self._endpoint = endpoint
        self._known = endpoint.options.get("host_key") or pinned
        self._pin = pin
        self._sleep = sleep
        self._patience = patience
        self._opening = asyncio.Lock()
        self._transport: SshTransport | None = None

    async def run(
        self, command: str, *, stdin: bytes | AsyncIterator[bytes] = b"", timeout: float = 60.0
    ) -> CommandResult:
        """See :class:`SshTransport`."""
        return await (await self._open()).run(command, stdin=stdin, timeout=timeout)

    async def open_unix(self, path: str) -> ByteStream:
        """See :class:`SshTransport`."""
        return await (await self._open()).open_unix(path)

    async def open_command(self, command: str) -> ByteStream:
        """See :class:`SshTransport`."""
        return await (await self._open()).open_command(command)

    def interactive(self, command: str | None = None) -> list[str]:
        """See :class:`SshTransport`; there has to have been a contact before."""
        if self._transport is None:
            raise TransportError(f"{self._endpoint.options.get('host')} was not reached yet")
        return self._transport.interactive(command)

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self._transport is not None:
            await self._transport.close()

    async def _open(self) -> SshTransport:
        async with self._opening:
            if self._transport is None:
                self._transport = await self._meet()
            return self._transport

    async def _meet(self) -> SshTransport:
        target = Target.parse(self._endpoint.options)
        waited, pause = 0.0, PAUSE_FIRST
        while True:
            try:
                return await self._try(target)
            except HostKeyChanged:
                raise
            except TransportError as error:
                if waited >= (self._patience if not _refused(error) else min(self._patience, LOGIN)):
                    raise
            await self._sleep(pause)
            waited, pause = waited + pause, min(pause * 1.5, PAUSE_MOST)

    async def _try(self, target: Target) -> SshTransport:
        if not self._known:
            self._known = await shown_key(replace(target, host_key=""), ANSWER)
            self._pin(self._known)
        transport = SshTransport(Endpoint("ssh", {**self._endpoint.options, "host_key": self._known}))
        try:
            await transport.host_key()  # connects; a key of ours may be let in a moment after sshd is up
        except BaseException:
            await transport.close()
            raise
        return transport


def _refused(error: TransportError) -> bool:
    import asyncssh

    return isinstance(error.__cause__, asyncssh.PermissionDenied)
