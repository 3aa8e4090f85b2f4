"""The agent of one cluster on one node, as the backend talks to it: found, started when it is down, reconnected to.

Every request of the protocol is idempotent (submitting has its key), so one whose connection broke is simply sent
again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from datetime import datetime
from pathlib import Path

from styx.agent.protocol import PROTOCOL, AgentError, ProtocolError
from styx.api import BackendError, ByteStream, Clock, HostKeyChanged, Transport, TransportError
from styx.builtin.agent import install
from styx.builtin.agent.codec import notices, refusal
from styx.builtin.agent.connection import Connection, ConnectionLost, Message, stream
from styx.builtin.agent.places import Places, find_places

DEADLINE = 30.0  # seconds for an answer, unless the request is one that waits for something
SHUTDOWN_DEADLINE = 60.0  # seconds for all processes of all jobs to end, by force if need be
RETRY_DELAYS = (0.1, 0.5, 1.0, 2.0, 4.0, 8.0)  # seconds before each attempt to reconnect
_BROKEN = 15.0  # seconds for a connection that breaks during installation to be there again
_STEADY = 60.0  # a connection that lasted this many seconds earns all attempts again


class AgentNode:
    """Requests to one agent over one kept connection. ``hear`` is told of notices of preemption in its answers."""

    def __init__(
        self, transport: Transport, cluster: str, key: str, rank: int, clock: Clock,
        hear: Callable[[int, datetime], None],
    ) -> None:  # fmt: skip
        self.transport = transport
        self.cluster = cluster
        self.rank = rank
        self._key = key
        self._clock = clock
        self._hear = hear
        self._noticed = False  # whether this node was given notice that it is taken back
        self._places: Places | None = None
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()

    @property
    def label(self) -> str:
        """The node as errors name it."""
        return f"node {self.rank} of {self.cluster}"

    async def places(self) -> Places:
        """Where the runtime lives on the node; asked once."""
        if self._places is None:
            self._places = await find_places(self.transport, self._key, self.rank)
        return self._places

    async def call(
        self, method: str, params: Message | None = None, *, job: int | None = None, deadline: float | None = DEADLINE
    ) -> Message:
        """One request and its result. ``job`` is the one it is about, for errors; ``deadline`` None waits for ever."""
        attempts = _Attempts(self._clock)
        while True:
            try:
                connection = await self._connected()
                return self._heard(await connection.call(method, params or {}, deadline))
            except (AgentError, ProtocolError) as error:
                raise refusal(error, self.label, self.cluster, job) from error
            except TimeoutError:
                raise BackendError(f"the agent on {self.label} did not answer {method} within {deadline:g} s") from None
            except (ConnectionLost, TransportError) as error:
                if self._noticed:  # it has been taken back, most likely: whoever asks can ask the provider
                    raise self.lost(error, job) from error
                await attempts.next(error, self.lost(error, job))

    async def stream(self, method: str, params: Message, *, job: int) -> AsyncGenerator[tuple[Message, bytes], None]:
        """The items of one request, each with its bytes. Raises ConnectionLost in the middle: the caller goes on."""
        connected = await self._open()
        try:
            async with aclosing(stream(connected, method, params)) as items:
                async for item, data in items:
                    yield self._heard(item), data
        except (AgentError, ProtocolError) as error:
            if isinstance(error, AgentError) and error.code == "shutting_down":  # its successor may go on
                raise ConnectionLost(error.message) from error
            raise refusal(error, self.label, self.cluster, job) from error

    def _heard(self, message: Message) -> Message:
        for rank, at in notices(message).items():
            self._noticed = self._noticed or rank == self.rank
            self._hear(rank, at)
        return message

    def attempts(self) -> _Attempts:
        """A fresh allowance of attempts, for a caller of :meth:`stream`."""
        return _Attempts(self._clock)

    async def ensure_running(self, shared: Path) -> Message:
        """Install this build's agent and start it, unless it runs already; its answer to ``hello``.

        One of another build is replaced: jobs run under shims of their own and do not notice. Where the connection
        breaks in the midst of it, as when a machine that was just booted gets its sshd set up, it goes on.
        """
        until = self._clock.monotonic() + _BROKEN
        while True:
            try:
                return await self._installed_and_started(shared)
            except HostKeyChanged:
                raise
            except TransportError:
                if self._places is None or self._clock.monotonic() > until:  # never reached, or for too long
                    raise
            await self._clock.sleep(RETRY_DELAYS[1])

    async def _installed_and_started(self, shared: Path) -> Message:
        places = await self.places()
        build, _ = install.archive()
        if await self._listening(places):
            hello = await self._greeting()
            if hello is not None and hello.get("build") == build:
                return hello
        await install.install(self.transport, places, shared)  # from here on whoever starts it starts this build
        for delay in RETRY_DELAYS:
            started = await install.start(self.transport, places)
            hello = await self._greeting()
            if hello is not None and hello.get("build") == build:
                return hello
            if not started:
                await self._dismiss()
            await self._clock.sleep(delay)
        raise BackendError(f"the agent on {self.label} does not come up", node=str(self.rank))

    async def wake(self) -> bool:
        """Start the agent if it is installed but down; whether there is one. Raises BackendError, TransportError."""
        places = await self.places()
        if not await self._listening(places) and not await install.installed(self.transport, places):
            return False
        await self.hello()
        return True

    async def end(self) -> None:
        """End the agent and the processes of all its jobs; does nothing when nobody listens."""
        if await self._listening(await self.places()):
            try:
                await self.call("agent.shutdown", {"cancel_jobs": True}, deadline=SHUTDOWN_DEADLINE)
            except BackendError as error:
                if getattr(error.__cause__, "code", "") != "shutting_down":  # the head has told it before
                    raise
            self.close()

    async def hello(self) -> Message:
        """Who answers; raises BackendError when its protocol is none that we talk."""
        answer = await self.call("hello", {"protocol": PROTOCOL, "client": "styx"})
        if answer.get("protocol") not in {PROTOCOL, PROTOCOL - 1}:
            raise BackendError(f"the agent on {self.label} talks another protocol than this version of Styx")
        return answer

    async def _greeting(self) -> Message | None:
        """Who answers; None when nobody does, or one that is about to go."""
        try:
            return await self.hello()
        except HostKeyChanged:
            raise
        except (BackendError, TransportError):
            self.close()
            return None

    async def _dismiss(self) -> None:
        """Have an agent of another build go; its jobs stay. One that is going already is as good.

        Asked once, over the connection to that very agent: asked again, its successor might go.
        """
        if self._connection is not None and self._connection.usable:
            with suppress(AgentError, ProtocolError, ConnectionLost, TimeoutError):
                await self._connection.call("agent.shutdown", {"cancel_jobs": False}, DEADLINE)
        self.close()

    def close(self) -> None:
        """Close the connection; the agent goes on."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    async def _listening(self, places: Places) -> bool:
        async with self._connecting:
            if self._connection is not None and self._connection.usable:
                return True
            try:
                self._connection = Connection(await self.transport.open_unix(places.socket))
            except HostKeyChanged:
                raise
            except TransportError:
                return False
            return True

    async def _connected(self) -> Connection:
        async with self._connecting:
            if self._connection is None or not self._connection.usable:
                self._connection = Connection(await self._open())
            return self._connection

    async def _open(self) -> ByteStream:
        """A stream to the agent, which is started if it is installed but down: the node may have been rebooted."""
        places = await self.places()
        try:
            return await self.transport.open_unix(places.socket)
        except HostKeyChanged:
            raise
        except TransportError as error:
            if not await install.installed(self.transport, places):
                raise BackendError(
                    f"there is no agent of this cluster on {self.label}: it was never set up, or has been shut down",
                    hint=f"`styx launch -c {self.cluster}` sets the cluster up again.", node=str(self.rank),
                ) from error  # fmt: skip
            await install.start(self.transport, places)
        return await self.transport.open_unix(places.socket)

    def lost(self, error: Exception, job: int | None) -> TransportError:
        """What to tell the user when the allowance is used up."""
        hint = f"`styx queue {self.cluster}` shows its jobs once it can be reached."
        if job is not None:
            hint = (
                f"The job goes on if its machines do: `styx logs {self.cluster} {job}` comes back to it, "
                f"`styx status -r {self.cluster}` looks for them."
            )
        if self._noticed:
            hint = f"Its provider had announced that it takes it back: `styx status {self.cluster}` tells if it did."
        return TransportError(f"the connection to {self.label} was lost: {error}", hint=hint, node=str(self.rank))


class _Attempts:
    """How often one request is tried again, and after which delays."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._delays = iter(RETRY_DELAYS)
        self._since = clock.monotonic()
        self._failed_once = False

    async def next(self, error: Exception, final: TransportError) -> None:
        """Wait before the next attempt. Raises ``final`` when there is none left.

        A node that cannot be reached in the first place is not waited for: only what was once connected is.
        """
        if isinstance(error, TransportError) and (isinstance(error, HostKeyChanged) or not self._failed_once):
            raise error
        self._failed_once = True
        if self._clock.monotonic() - self._since > _STEADY:
            self._delays = iter(RETRY_DELAYS)
        self._since = self._clock.monotonic()
        delay = next(self._delays, None)
        if delay is None:
            raise final from error
        await self._clock.sleep(delay)
