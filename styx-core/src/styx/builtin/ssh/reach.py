"""Commands on many machines at once, for callers in threads.

The contract of clouds is synchronous, so an event loop runs in a thread of its own. It uses the transport that core
reaches the nodes with: the same pinned keys, the same errors, and a command on a connection that is open costs 3 ms
where the ``ssh`` program needs 190. A connection is kept while it is used, and for a while after.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import threading
from collections.abc import Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from styx.api import CommandResult, Endpoint, HostKeyChanged, TransportError
from styx.builtin.ssh.aliases import target_of
from styx.builtin.ssh.config import HostConfig
from styx.builtin.ssh.pins import Pins
from styx.transports.connect import translate
from styx.transports.ssh import SshTransport

CONNECT_SECONDS = 10.0  # until a machine has let us in
TCP_SECONDS = 1.0  # until one that there is no patience with has taken the call,
IMPATIENT_SECONDS = 5.0  # until it has let us in, and for its command
COMMAND_SECONDS = 15.0  # for a command that only looks or marks
IDLE_SECONDS = 30.0  # an unused connection is closed after this
AT_ONCE = 32  # machines
END_SECONDS = 0.5  # for what still goes on when the process ends
STILL_DOWN_SECONDS = 5.0  # one that did not answer is not asked again for so long: one operation looks several times

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one command: a result, or an error. ``sent`` tells whether it may have run all the same."""

    result: CommandResult | None = None
    error: TransportError | None = None
    sent: bool = False

    @property
    def text(self) -> str | None:
        """What the command wrote, if it succeeded."""
        return self.result.text if self.result is not None and self.result.status == 0 else None

    @property
    def silent(self) -> bool:
        """Whether the machine did not answer the call at all, for which somebody has waited."""
        cause = self.error.__cause__ if self.error is not None and not self.sent else None
        return isinstance(cause, OSError) and not isinstance(cause, ConnectionRefusedError)

    @property
    def changed(self) -> bool:
        """Whether the machine shows another key than the one on record."""
        return isinstance(self.error, HostKeyChanged)

    @property
    def problem(self) -> str:
        """Why there is no text; of a changed key also what to do, which nobody should have to search for."""
        if self.error is not None:
            hint = self.error.hint if self.changed else None
            return (
                f"{self.error.message}; {hint[0].lower()}{hint[1:].removesuffix('.')}" if hint else self.error.message
            )
        if self.result is None or self.result.status == 0:
            return ""
        said = self.result.stderr.decode(errors="replace").strip().splitlines()
        return said[-1] if said else f"a command failed with status {self.result.status}"


class _Link:
    """The connection to one machine, as the loop sees it."""

    def __init__(self) -> None:
        self.opening = asyncio.Lock()
        self.transport: SshTransport | None = None
        self.endpoint: Endpoint | None = None
        self.users = 0
        self.idle: asyncio.TimerHandle | None = None
        self.down_until = 0.0
        self.impatient = False  # whether the machine was taken for down by somebody without patience
        self.error: TransportError | None = None


class Reach:
    """The ways to the machines of one cloud object. Thread-safe."""

    def __init__(self, pins: Pins) -> None:
        self._pins = pins
        self._links: dict[str, _Link] = {}

    def ask(
        self, commands: Mapping[HostConfig, str], timeout: float | None = None, *, impatient: bool = False
    ) -> dict[HostConfig, Answer]:
        """Run a command on each machine, all at once, and wait for all, each at most ``timeout`` seconds.

        When ``impatient``, a machine that does not take the call within a second counts as down.
        """
        seconds = timeout or (IMPATIENT_SECONDS if impatient else COMMAND_SECONDS)
        return _run(self._ask(commands, seconds, impatient)) if commands else {}

    def anybody(self, hosts: Sequence[HostConfig]) -> dict[HostConfig, Answer]:
        """Wait until one machine lets us in, or all have failed; the answers that are there by then."""
        return _run(self._anybody(hosts)) if hosts else {}

    async def _anybody(self, hosts: Sequence[HostConfig]) -> dict[HostConfig, Answer]:
        tasks = {asyncio.create_task(self._on(host, ":", COMMAND_SECONDS, False)): host for host in hosts}
        waiting = set(tasks)
        answers: dict[HostConfig, Answer] = {}
        while waiting and not any(answer.text is not None for answer in answers.values()):
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            answers |= {tasks[task]: task.result() for task in done}
        for task in waiting:
            _loop.hold(task)
        return answers

    async def _ask(
        self, commands: Mapping[HostConfig, str], timeout: float, impatient: bool
    ) -> dict[HostConfig, Answer]:
        places = asyncio.Semaphore(AT_ONCE)

        async def one(host: HostConfig, command: str) -> Answer:
            async with places:
                return await self._on(host, command, timeout, impatient)

        answers = await asyncio.gather(*(one(host, command) for host, command in commands.items()))
        return dict(zip(commands, answers, strict=True))

    async def _on(self, host: HostConfig, command: str, timeout: float, impatient: bool) -> Answer:
        link = self._links.setdefault(host.label, _Link())
        link.users += 1
        if link.idle is not None:
            link.idle.cancel()
        try:
            transport = await self._open(host, link, impatient)
        except TransportError as error:
            return Answer(error=error)
        else:
            try:
                return Answer(result=await transport.run(command, timeout=timeout), sent=True)
            except TransportError as error:
                _give_up(link, transport, error)
                return Answer(error=error, sent=True)
        finally:
            link.users -= 1
            if not link.users:
                link.idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, partial(_let_go, link))

    async def _open(self, host: HostConfig, link: _Link, impatient: bool) -> SshTransport:
        loop = asyncio.get_running_loop()
        patience = TCP_SECONDS if impatient else None
        async with link.opening:
            if link.error is not None and loop.time() < link.down_until and (impatient or not link.impatient):
                raise link.error
            transport = link.transport
            try:
                async with asyncio.timeout(IMPATIENT_SECONDS if impatient else CONNECT_SECONDS):
                    if transport is None:
                        link.endpoint = await self._endpoint(host, patience)
                        transport = SshTransport(link.endpoint)
                    transport.patience = patience
                    await transport.host_key()  # connects, unless it is connected
            except (TimeoutError, TransportError) as error:
                problem = self._explained(host, error)
                link.impatient = impatient
                _give_up(link, transport, problem)
                raise problem from (error.__cause__ if problem is error else error)
            link.transport, link.error = transport, None
            _loop.open.add(transport)
            return transport

    def _explained(self, host: HostConfig, error: TimeoutError | TransportError) -> TransportError:
        """The error, with the way out where the machine itself shows another key."""
        target = target_of(host)
        problem = translate(error, target)
        if isinstance(problem, HostKeyChanged) and problem.node == target.host:
            hint = f"If it was reinstalled, {self._pins.remedy(host)}; else somebody is in between. Nothing was sent."
            return HostKeyChanged(problem.message, hint=hint, node=problem.node)
        return problem

    async def _endpoint(self, host: HostConfig, patience: float | None) -> Endpoint:
        target = await asyncio.to_thread(target_of, host)
        if target.identity_file and not Path(target.identity_file).expanduser().is_file():
            raise TransportError(
                f"identity_file {target.identity_file} of {host.label} does not exist", node=host.host,
                hint="Set clouds.ssh.pools.<pool>.identity_file to a private key that the host lets in.",
            )  # fmt: skip
        known = {
            "host": target.host, "port": str(target.port), "user": target.user, "proxy_jump": target.proxy_jump,
            "host_key": await self._pins.key(host, target, patience),
        }  # fmt: skip
        # An empty identity_file says: by the user's own keys, and not by the one that new machines are given.
        options = {name: value for name, value in known.items() if value}
        return Endpoint("ssh", options | {"identity_file": target.identity_file})

    def endpoint(self, host: HostConfig) -> Endpoint:
        """How core reaches a machine that has just answered, with its key pinned."""
        endpoint = self._links[host.label].endpoint
        assert endpoint is not None, f"{host.label} was never asked"
        return endpoint


def _give_up(link: _Link, transport: SshTransport | None, error: TransportError) -> None:
    """Take the machine for down for a moment; a connection that hangs would hang whoever comes next, too."""
    link.error = error
    link.down_until = asyncio.get_running_loop().time() + STILL_DOWN_SECONDS
    link.transport = None
    if transport is not None:
        _loop.keep(_close(transport))


def _let_go(link: _Link) -> None:
    """Close a connection that nobody has used for a while."""
    transport, link.transport = link.transport, None
    if transport is not None:
        _loop.keep(_close(transport))


async def _close(transport: SshTransport) -> None:
    await transport.close()
    _loop.open.discard(transport)


class _Loop:
    """One event loop in a daemon thread, for the whole process; begun when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self.open: set[SshTransport] = set()  # connections to close in the end

    def run(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """Run a coroutine there and wait for it here."""
        with self._lock:
            if self._loop is None or self._process != os.getpid():  # a fork has the object and not the thread
                self._loop, self._process = asyncio.new_event_loop(), os.getpid()
                self.open = set()
                thread = threading.Thread(target=self._loop.run_forever, name="styx-ssh", daemon=True)
                thread.start()
                atexit.register(_end, self._loop, thread)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine and let nobody wait. Called on the loop."""
        self.hold(asyncio.get_running_loop().create_task(work))

    def hold(self, task: asyncio.Task[Any]) -> None:
        """Let a task go on though nobody waits for it."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _end(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    """At the end of the process: nothing is left in the loop that would complain when it is thrown away."""
    if not thread.is_alive():  # in a fork
        return
    with contextlib.suppress(TimeoutError):
        asyncio.run_coroutine_threadsafe(_wind_up(), loop).result(END_SECONDS * 4)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(END_SECONDS)
    if not loop.is_running():
        loop.close()


async def _wind_up() -> None:
    """Cancel what goes on. A command that is given up is ended on its machine by a task that begins only then."""
    await _cancel(asyncio.all_tasks())
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(END_SECONDS):
            await asyncio.gather(*(transport.close() for transport in _loop.open), return_exceptions=True)
    while rest := asyncio.all_tasks() - {asyncio.current_task()}:  # one that has not begun ends at once
        await _cancel(rest)
    await asyncio.sleep(0)  # connections that were just closed say goodbye


async def _cancel(tasks: Collection[asyncio.Task[Any]]) -> None:
    mine = [task for task in tasks if task is not asyncio.current_task()]
    for task in mine:
        task.cancel()
    await asyncio.gather(*mine, return_exceptions=True)


_loop = _Loop()
_run = _loop.run
