"""Terminals on nodes for the clients of a server: each a program here, whose streams go over HTTP.

What it writes is an event stream, which is resumed where it broke; what is typed comes in pieces that say where they
belong. No more is kept of either than is on its way, so that who does not read holds the program up and not the server.
A terminal ends with its program; and when its client is not heard of for a while, may not have it any more, or the
server ends.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

from styx.api.errors import BadInput, StoreError, StyxError
from styx.client.refusals import NoSuchThing, Unavailable
from styx.server.auth.tokens import Caller
from styx.server.tallies import Seats
from styx.server.terminals.terminal import Program

log = logging.getLogger("styx.server.shells")

WINDOW = 1 << 20  # bytes of output that a client has not said to have
PIECES = 1 << 14  # in which these have come: from two sources in turn each may be of one byte
_WHOLE = 1 << 12  # bytes up to which what follows of the same source is added to a piece
LOOK_SECONDS = 5.0  # how often at least it is asked whether a client may still have its terminal
_TYPING_SECONDS = 1.0  # that a program has for taking what is typed, before the client is told how much it took


@dataclass(frozen=True, slots=True)
class Piece:
    """Output: the place of the byte after it, from where it comes, and the bytes."""

    end: int
    source: str
    data: bytes


class Shell:
    """One terminal. It belongs to the token by which it was asked for.

    ``heard`` is when its client was, by the clock of the event loop; ``left`` is set once that wants it no more.
    """

    def __init__(self, number: str, caller: Caller, program: Program) -> None:
        self.id = number
        self.caller = caller
        self.program = program
        self.heard = asyncio.get_running_loop().time()
        self.left = asyncio.Event()
        self._pieces: deque[Piece] = deque()
        self._written = 0  # bytes, and so are the next two
        self._received = 0
        self._typed = 0
        self._interrupts = 0
        self._typing = asyncio.Lock()
        self._news = asyncio.Event()
        self._error: StyxError | None = None
        self._code: int | None = None

    async def run(self) -> None:
        """Keep what the program writes, until it has ended."""
        async with aclosing(self.program.output()) as output:
            async for source, data in output:
                self._add(source, data)
                self._tell()
                while self._written - self._received >= WINDOW or len(self._pieces) >= PIECES:
                    await self._news.wait()
        self._code = self.program.code
        self._tell()

    def _add(self, source: str, data: bytes) -> None:
        self._written += len(data)
        last = self._pieces[-1] if self._pieces else None
        if last is not None and last.source == source and len(last.data) + len(data) <= _WHOLE:
            data = self._pieces.pop().data + data
        self._pieces.append(Piece(self._written, source, data))

    async def since(self, offset: int) -> AsyncGenerator[Piece | int, None]:
        """What has been written after so many bytes, as it comes, and at last the exit code. Raises why it ended else.

        Raises BadInput for what was said to have been received.
        """
        if offset > self._written:
            raise BadInput(f"there is no output after byte {offset}: {self._written} bytes have been written")
        while True:
            news = self._news
            if offset < self._received:  # by another stream, while this one was not read
                raise BadInput(f"the output after byte {offset} is not kept")
            for piece in self._after(offset):
                yield piece
                offset = piece.end
            if self._error is not None:
                raise self._error
            if offset == self._written:
                if self._code is not None:
                    yield self._code
                    return
                await news.wait()

    def _after(self, offset: int) -> list[Piece]:
        """What is kept of the output after so many bytes, found from its end: little of it is new as a rule."""
        found = [*takewhile(lambda each: each.end > offset, reversed(self._pieces))][::-1]
        if found:
            first = found[0]
            found[0] = replace(first, data=first.data[-(first.end - offset) :])
        return found

    def received(self, offset: int) -> None:
        """Forget the output before this byte."""
        self._received = max(self._received, min(offset, self._written))
        while self._pieces and self._pieces[0].end <= self._received:
            self._pieces.popleft()
        self._tell()

    def interrupted(self, times: int) -> None:
        """Interrupt the program, if that was not done so often."""
        if times > self._interrupts:
            self._interrupts = times
            self.program.interrupt()

    async def type(self, offset: int, data: bytes, *, last: bool) -> int:
        """Let the program read these bytes, which follow so many others; how many it has got by then, in all.

        Idempotent. Raises BadInput where some are missing.
        """
        async with self._typing:
            if offset > self._typed:
                raise BadInput(f"what was typed before byte {offset} has not come: {self._typed} bytes have")
            rest = data[self._typed - offset :]
            with suppress(TimeoutError):
                async with asyncio.timeout(_TYPING_SECONDS):
                    while rest:
                        taken = await self.program.write(rest)
                        self._typed += taken
                        rest = rest[taken:]
            if last and not rest:
                self.program.no_more()
            return self._typed

    def fail(self, error: StyxError) -> None:
        """Let the client know why it ends, if it has not ended by itself."""
        if self._code is None:
            self._error = error
            self._tell()

    async def end(self) -> None:
        """End the program, and let go of it. Who still listens is told, if nothing else was."""
        if self._error is None:
            self.fail(_gone())
        async with self._typing:
            await self.program.end()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


class Shells:
    """All terminals of a server: how many there may be, and for how long."""

    def __init__(self, most: int, each: int, patience: float) -> None:
        """``patience`` is for how many seconds a client may be silent."""
        self._seats = Seats("terminals", each, most)
        self._patience = patience
        self._pause = min(LOOK_SECONDS, patience / 4)
        self._shells: dict[str, Shell] = {}
        self._attended: dict[str, asyncio.Task[None]] = {}
        self._closing = False

    async def open(
        self, server: str, caller: Caller, begin: Callable[[], Awaitable[Program]], still: Callable[[], Awaitable[None]]
    ) -> Shell:
        """A new one, for the program that ``begin`` starts. It ends when ``still`` raises, but for a StoreError.

        Raises TooManyRequests, Unavailable, and what ``begin`` raises.
        """
        if self._closing:
            raise _ending()
        self._seats.enter(caller.user)
        shell = None
        try:
            shell = Shell(f"{server}-{secrets.token_hex(16)}", caller, await begin())
        finally:
            if shell is None:
                self._seats.leave(caller.user)
        self._shells[shell.id] = shell
        self._attended[shell.id] = asyncio.ensure_future(self._attend(shell, still))
        if self._closing:
            await self.close(shell)
            raise _ending()
        return shell

    def of(self, number: str, caller: Caller) -> Shell:
        """The caller's terminal of this id, which is heard of by that. Raises NoSuchThing."""
        shell = self._shells.get(number)
        if shell is None or shell.caller.token != caller.token:
            raise _gone()
        shell.heard = asyncio.get_running_loop().time()
        return shell

    async def close(self, shell: Shell) -> None:
        """End one, and forget it."""
        shell.left.set()
        task = self._attended.get(shell.id)
        if task is not None:
            await asyncio.wait({task})

    async def stop(self) -> None:
        """End all, and let their clients know why; there will be no others."""
        self._closing = True
        for shell in self._shells.values():
            shell.fail(_ending())
        await asyncio.gather(*map(self.close, list(self._shells.values())))

    async def _attend(self, shell: Shell, still: Callable[[], Awaitable[None]]) -> None:
        running, left = asyncio.ensure_future(shell.run()), asyncio.ensure_future(shell.left.wait())
        try:
            try:
                await self._until_over(shell, still, {running, left})
            finally:
                running.cancel()
                await asyncio.wait({running})
                await shell.end()
            while not self._silent(shell):  # its client may still be reading
                if (await asyncio.wait({left}, timeout=self._pause))[0]:
                    break
        finally:
            left.cancel()
            del self._shells[shell.id], self._attended[shell.id]
            self._seats.leave(shell.caller.user)

    async def _until_over(
        self, shell: Shell, still: Callable[[], Awaitable[None]], ends: set[asyncio.Future[Any]]
    ) -> None:
        """Wait until the program has ended, or has to."""
        try:
            while not (await asyncio.wait(ends, timeout=self._pause, return_when=asyncio.FIRST_COMPLETED))[0]:
                if self._silent(shell):
                    raise Unavailable(f"nothing was heard of the terminal's client for {self._patience:g} s")
                with suppress(StoreError):  # nobody can tell now
                    await still()
        except StyxError as error:
            log.info("the terminal of %s is ended: %s", shell.caller.user, error.message)
            shell.fail(error)

    def _silent(self, shell: Shell) -> bool:
        return asyncio.get_running_loop().time() - shell.heard > self._patience


def _gone() -> NoSuchThing:
    return NoSuchThing("this terminal has ended", hint="What ran there may have ended with it.")


def _ending() -> Unavailable:
    return Unavailable("the server is ending, and so do its terminals")
