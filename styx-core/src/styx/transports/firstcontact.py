"""The first contact with a machine that was just made: wait until it answers, and come to know its key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace

from styx.api import ByteStream, Clock, CommandResult, Endpoint, HostKeyChanged, TransportError
from styx.transports.bootkey import own_key, take_away
from styx.transports.connect import Target, connect_jump, pinning_client, translate
from styx.transports.ssh import SshTransport
from styx.transports.streams import LOOK

PATIENCE = 240.0  # seconds; providers call a machine running long before its sshd listens
PAUSE_FIRST, PAUSE_MOST = 0.25, 4.0
ANSWER = 10.0  # seconds for one try
LOGIN = 60.0  # seconds from the first answer until a machine has to let us in: keys are often put there after that
BOOT_DATA = 180.0  # the same where boot data has to bring a host key: images may install updates before they run it
SILENCE = 60.0  # seconds after which it is no boot any more that nothing answers: the way may be barred
ADMITTED = 30.0  # seconds more for a machine to which the way was opened

SHOWN = "the key it shows is trusted from now on"
LOST = f"the database does not know its key any more, {SHOWN}"
NO_OTHER = "it shows no other key than that of its boot data: whoever may read that can pass for it"
LEFT = "the key of its boot data is still there, and whoever may read that could pass for it elsewhere"


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
        raise TransportError(f"{target.destination} shows no host key", node=target.host, hint=LOOK)
    return key.export_public_key("openssh").decode().strip()


@dataclass(frozen=True, slots=True)
class Acquaintance:
    """What core knows of a machine and does as it gets to know it. Each is called any number of times.

    ``pinned`` gives the host key on record, or nothing; ``pin`` puts one there, or is None where the machine is to be
    trusted this once. ``tell`` takes sentences for the user; ``met`` is called when the machine has let us in.
    ``admit`` asks the provider to let SSH in from where this client is, and says whether it did; None where nothing is
    barred. ``lost``: the key was on record once.
    """

    pinned: Callable[[], str]
    pin: Callable[[str], None] | None
    tell: Callable[[str], None]
    met: Callable[[], None] = lambda: None
    admit: Callable[[], Awaitable[bool]] | None = None
    lost: bool = False


class FirstContact(SshTransport):
    """A machine that may still be booting; once it has answered, a transport like any other.

    The first use waits until sshd lets us in, at most ``wait`` seconds where nothing answers. A machine of which
    neither the endpoint nor the record has a host key is known by what it shows then; or, with a ``boot_key``, by that
    and nothing else: it is asked for a key of its own, which is pinned once it has shown that, and then the boot key is
    taken from it. Cut short, the next contact goes on: until there is a pin the boot key is still there.
    """

    def __init__(self, endpoint: Endpoint, known: Acquaintance, clock: Clock, *, wait: float = PATIENCE) -> None:
        super().__init__(endpoint)
        self._options = endpoint.options
        self._boot_key = endpoint.options.get("boot_key", "")
        self._known = known
        self._clock = clock
        self._wait = wait
        self._meeting = asyncio.Lock()
        self._met = False
        self._trust(self._pinned())

    async def run(
        self, command: str, *, stdin: bytes | AsyncIterator[bytes] = b"", timeout: float = 60.0
    ) -> CommandResult:
        """See :class:`SshTransport`; the command's time begins when the machine is there."""
        await self.meet()
        return await super().run(command, stdin=stdin, timeout=timeout)

    async def open_unix(self, path: str) -> ByteStream:
        """See :class:`SshTransport`."""
        await self.meet()
        return await super().open_unix(path)

    async def open_command(self, command: str) -> ByteStream:
        """See :class:`SshTransport`."""
        await self.meet()
        return await super().open_command(command)

    async def meet(self) -> None:
        """Wait until the machine lets us in and is known. Idempotent. Raises HostKeyChanged, TransportError."""
        async with self._meeting:
            answered = BOOT_DATA if self._boot_key and not self._pinned() else LOGIN
            patience, pause = _Patience(self._clock, self._wait, answered), PAUSE_FIRST
            while not self._met:
                pinned = self._pinned()
                try:
                    await self._get_to_know(pinned)
                except TransportError as error:
                    if pinned and isinstance(error, HostKeyChanged):
                        raise
                    patience.note(error)
                    if patience.barred and await self._let_in():
                        self._failed = None  # the way that failed just now is another one now
                        patience.extend()
                    elif patience.spent:
                        _explain(error)
                        raise
                    await self._clock.sleep(pause)
                    pause = min(pause * 1.5, PAUSE_MOST)

    async def _get_to_know(self, pinned: str) -> None:
        self._trust(pinned)
        sentence = "" if pinned else await self._introduce()
        key = await self.host_key()  # connects
        if not pinned and self._known.pin is not None:
            self._known.pin(key)
            if sentence:
                self._known.tell(sentence)
        self._met = True
        if not pinned or self._wait:  # just made, or started: the contact before may have been cut short
            await self._part_with_boot_key(key)
        self._known.met()

    async def _introduce(self) -> str:
        """Trust a key that nobody has on record; what the user is to know of that."""
        sentence = SHOWN
        if self._boot_key:
            try:
                return await self._be_introduced()
            except HostKeyChanged:
                if not self._known.lost:
                    raise
                sentence = LOST
        self._trust(await shown_key(self.target, ANSWER if self.patience is None else self.patience))
        return sentence

    async def _be_introduced(self) -> str:
        """Trust the key of which a machine with the boot key says that it is its own, or else that."""
        node = SshTransport(Endpoint("ssh", {**self._options, "host_key": self._boot_key}))
        node.patience = self.patience
        try:
            own = await own_key(node.run)
        finally:
            await node.close()
        if own is not None and own.split() == self._boot_key.split()[:2]:
            own = None  # it has not made that itself
        if own is not None:
            self._trust(own)
            try:
                await self.host_key()
            except HostKeyChanged:  # its sshd has another; or it is somebody else now, who will not have that either
                own = None
        if own is None:
            self._trust(self._boot_key)
        return "" if own else NO_OTHER

    async def _part_with_boot_key(self, key: str) -> None:
        if not self._boot_key or self._known.pin is None or self._boot_key.split()[:2] == key.split():
            return
        if reason := await take_away(super().run, self._boot_key):
            self._known.tell(f"{LEFT} ({reason})")

    async def _let_in(self) -> bool:
        """Whether the provider has just opened a way that may have been barred; it is asked once."""
        ask, self._known = self._known.admit, replace(self._known, admit=None)
        return ask is not None and await ask()

    def _pinned(self) -> str:
        return self._options.get("host_key") or self._known.pinned()

    def _trust(self, host_key: str) -> None:
        self.target = replace(self.target, host_key=host_key)


class _Patience:
    """How long one contact may take, on a clock that is passed in: ``wait`` seconds, or ``answered`` from an answer."""

    def __init__(self, clock: Clock, wait: float, answered: float) -> None:
        self._clock = clock
        self._answer_wait = min(wait, answered)
        self._until = clock.monotonic() + wait
        self._silent_until = clock.monotonic() + min(wait, SILENCE)
        self._silent = True
        self._answered = False

    def note(self, error: TransportError) -> None:
        """Take note of a try that failed."""
        import asyncssh

        answers = isinstance(error, HostKeyChanged) or isinstance(error.__cause__, asyncssh.PermissionDenied)
        if answers and not self._answered:
            self._answered = True
            self._until = self._clock.monotonic() + self._answer_wait
        self._silent = not (self._answered or isinstance(error.__cause__, ConnectionRefusedError))

    @property
    def barred(self) -> bool:
        """Whether the machine has been silent for longer than it boots."""
        return self._silent and self._clock.monotonic() >= self._silent_until

    @property
    def spent(self) -> bool:
        """Whether there is no point in another try."""
        return self._clock.monotonic() >= self._until

    def extend(self) -> None:
        """Begin anew to hope."""
        self._until = max(self._until, self._clock.monotonic() + ADMITTED)


def _explain(error: TransportError) -> None:
    """Say what it means that a new machine does not show the key of its boot data."""
    if isinstance(error, HostKeyChanged):
        error.hint = (
            "Its boot data did not run, or somebody is in between; nothing was sent to it. The machine's console tells "
            "which; `styx down` removes the cluster."
        )
