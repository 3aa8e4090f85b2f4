"""Making an SSH connection: where to, who as, whom to trust, and what each way of failing means."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from styx.api import HostKeyChanged, TransportError
from styx.transports import hostkeys
from styx.transports.streams import LOOK

if TYPE_CHECKING:
    import asyncssh

CONNECT_TIMEOUT = 15.0  # seconds until the TCP connection stands and the node has let us in
LOGIN_TIMEOUT = 30.0  # seconds for key exchange and authentication
DEFAULT_KEYS = ("id_ed448", "id_ed25519", "id_ecdsa", "id_rsa", "id_dsa")  # below ~/.ssh, as asyncssh tries them
KNOWN_HOSTS = "~/.ssh/known_hosts"
KEEPALIVE_INTERVAL = 15.0  # seconds of silence before the node is asked whether it is still there
KEEPALIVE_COUNT = 3  # unanswered questions after which the connection counts as lost


@dataclass(frozen=True, slots=True)
class Target:
    """The options of an ``ssh`` endpoint, checked. See :class:`~styx.transports.ssh.SshTransport`."""

    host: str
    port: int = 22
    user: str = ""
    identity_file: str = ""
    host_key: str = ""
    known_hosts: str = ""
    proxy_jump: str = ""

    @classmethod
    def parse(cls, options: Mapping[str, str]) -> Target:
        """Raises TransportError when the host is missing, looks like an option, or the port is no number."""
        host = options.get("host", "")
        user = options.get("user", "")
        port = options.get("port", "22")
        if not host or host.startswith("-") or user.startswith("-"):
            raise TransportError(f"an ssh endpoint needs a host (got {host!r}, user {user!r})", hint=LOOK)
        if not port.isdecimal() or not 0 < int(port) < 65536:  # noqa: PLR2004 - the range of a TCP port
            raise TransportError(
                f"{host}: the port must be a number from 1 to 65535, not {port!r}", node=host, hint=LOOK
            )
        rest = {name: options.get(name, "") for name in ("identity_file", "host_key", "known_hosts", "proxy_jump")}
        return cls(host, int(port), user, **rest)

    @property
    def destination(self) -> str:
        """``user@host``, or ``host``."""
        return f"{self.user}@{self.host}" if self.user else self.host

    def openssh(self) -> list[str]:
        """The ``ssh`` program with every option but the destination. Writes the pinned known_hosts file.

        It gets the keys that a connection of ours uses: by itself it would look for them in the home that the system
        has for the user, which ``$HOME`` may not be.
        """
        trusted = str(hostkeys.pinned_file(self.host_key)) if self.host_key else self.known_hosts
        options = ["StrictHostKeyChecking=yes"]
        if trusted:
            options += [f'UserKnownHostsFile="{trusted}"', "GlobalKnownHostsFile=/dev/null"]
        if self.identity_file:
            options.append("IdentitiesOnly=yes")
        argv = ["ssh", "-p", str(self.port), *(part for option in options for part in ("-o", option))]
        keys = [self.identity_file] if self.identity_file else [f"~/.ssh/{name}" for name in DEFAULT_KEYS]
        for key in keys:
            path = os.path.expanduser(key)  # noqa: PTH111 - Path.expanduser raises without a home
            if self.identity_file or os.path.isfile(path):  # noqa: PTH113 - as above
                argv += ["-i", path]
        return argv + (["-J", self.proxy_jump] if self.proxy_jump else [])


async def connect(target: Target, patience: float | None = None) -> asyncssh.SSHClientConnection:
    """Open a connection. Raises HostKeyChanged, or TransportError with what to check.

    ``patience`` is how many seconds a node that is reached directly has for accepting the TCP connection; those on the
    other side of the world that accept it have their time for the rest.
    """
    import asyncssh

    if not target.host_key and not target.known_hosts:
        raise TransportError(
            f"no host key is on record for {target.destination}, and Styx never trusts a host blindly",
            hint="Give the endpoint a host_key or a known_hosts file.", node=target.host,
        )  # fmt: skip
    jump: asyncssh.SSHClientConnection | None = None
    presented: list[asyncssh.SSHKey] = []
    try:
        async with asyncio.timeout(None if target.proxy_jump else patience) as limit:
            options = _options(target, presented, limit)
            if target.proxy_jump:
                options["tunnel"] = jump = await connect_jump(target.proxy_jump)
            connection = await asyncssh.connect(target.host, target.port, **options)
    except TransportError:  # of the machine in between
        raise
    except (asyncssh.Error, asyncssh.KeyImportError, OSError, ValueError) as error:
        if jump is not None:
            jump.close()
            await jump.wait_closed()
        raise translate(error, target, presented) from error
    if jump is not None:
        connection.set_tunnel(jump)
    return connection


async def connect_jump(text: str) -> asyncssh.SSHClientConnection:
    """A connection to the machine in between, by the user's own configuration, keys and known_hosts."""
    import asyncssh

    where = _jump(text)
    try:
        return await asyncssh.connect(**where, login_timeout=LOGIN_TIMEOUT)
    except (asyncssh.Error, OSError, ValueError) as error:
        target = Target(where["host"], where.get("port", 22), where.get("username", ""), known_hosts=KNOWN_HOSTS)
        raise translate(error, target) from error


def _options(target: Target, presented: list[asyncssh.SSHKey], limit: asyncio.Timeout) -> dict[str, Any]:
    options: dict[str, Any] = {
        "config": None,  # the endpoint says everything; the user's own configuration must not change its meaning
        "connect_timeout": CONNECT_TIMEOUT,
        "login_timeout": LOGIN_TIMEOUT,
        "keepalive_interval": KEEPALIVE_INTERVAL,
        "keepalive_count_max": KEEPALIVE_COUNT,
    }
    if target.user:
        options["username"] = target.user
    if target.identity_file:
        options["client_keys"] = [str(Path(target.identity_file).expanduser())]
    if not target.host_key:
        listed = str(Path(target.known_hosts).expanduser())
        return options | {"known_hosts": listed, "client_factory": lambda: pinning_client([], presented, limit)}
    pinned = hostkeys.parse(target.host_key)
    algorithms = dict.fromkeys(name.decode() for key in pinned for name in key.sig_algorithms)
    return options | {
        "known_hosts": ([], [], []),  # nothing is trusted by list: the client object below decides, and remembers
        "server_host_key_algs": f"^{','.join(algorithms)}",
        "client_factory": lambda: pinning_client(pinned, presented, limit),
    }


def pinning_client(
    pinned: list[asyncssh.SSHKey], presented: list[asyncssh.SSHKey], limit: asyncio.Timeout
) -> asyncssh.SSHClient:
    """Accepts the pinned keys, keeps what was shown, for the error, and lifts ``limit`` once the node has answered."""
    import asyncssh

    class Client(asyncssh.SSHClient):
        def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
            del conn
            if not limit.expired():
                limit.reschedule(None)

        def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
            del host, addr, port
            presented.append(key)
            return any(key.public_data == known.public_data for known in pinned)

    return Client()


def _jump(text: str) -> dict[str, Any]:
    user, _, place = text.rpartition("@")
    host, colon, port = place.rpartition(":")
    if not colon or not port.isdecimal():
        host, port = place, ""
    return {"host": host, **({"username": user} if user else {}), **({"port": int(port)} if port else {})}


def translate(error: BaseException, target: Target, presented: list[asyncssh.SSHKey] | None = None) -> TransportError:
    """What went wrong between us and ``target``, as the error of the contract."""
    import asyncssh

    where, node = target.destination, target.host
    if isinstance(error, TransportError):
        return error
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return _changed(target, presented or [])
    if isinstance(error, asyncssh.PermissionDenied):
        key = target.identity_file or "none of your keys or agent's keys"
        return TransportError(
            f"{where} refuses to let us in ({error.reason})", node=node,
            hint=f"Check the user name and that the host's authorized_keys has the public half of {key}.",
        )  # fmt: skip
    if isinstance(error, asyncssh.KeyImportError):
        hint = f"Check {target.identity_file or 'your keys'}, and that a key with a passphrase is in your agent."
        return TransportError(f"the key for {where} cannot be read: {error}", node=node, hint=hint)
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return TransportError(
            f"{where} port {target.port} does not answer", node=node,
            hint=f"Check that no firewall is in between. {LOOK}",
        )  # fmt: skip
    number = getattr(error, "errno", None)  # asyncio's own text for it repeats the address and leaves out the reason
    reason = os.strerror(number) if number else getattr(error, "reason", None) or str(error) or type(error).__name__
    return TransportError(f"the connection to {where} port {target.port} failed: {reason}", node=node, hint=LOOK)


def _changed(target: Target, presented: list[asyncssh.SSHKey]) -> HostKeyChanged:
    if target.host_key:
        expected = f"expected {hostkeys.fingerprints(hostkeys.parse(target.host_key))}"
    else:
        expected = f"expected a key listed in {target.known_hosts}"
    shown = f", it shows {hostkeys.fingerprints(presented)}" if presented else ""
    return HostKeyChanged(
        f"the host key of {target.destination} is not the one on record: {expected}{shown}", node=target.host,
        hint="The machine was reinstalled, or somebody is in between; nothing was sent to it. "
        "For a machine of your own `styx check ssh` says what to do.",
    )  # fmt: skip
