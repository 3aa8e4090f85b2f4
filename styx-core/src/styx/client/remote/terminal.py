"""A terminal on a node of a server's cluster: the program runs there, and its streams are those of this process."""

from __future__ import annotations

import base64
import os
import select
import signal
import sys
import termios
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn

from styx.api.errors import StyxError, TransportError
from styx.client.refusals import TooManyRequests
from styx.client.remote.events import Stream
from styx.client.remote.http import ServerUnreachable, segment
from styx.client.wire import load

if TYPE_CHECKING:
    from types import FrameType

    from styx.client.remote.http import Http

_STREAMS = {"stdin": 0, "stdout": 1, "stderr": 2}
_PIECE = 1 << 17  # bytes that are sent at a time
_RECEIVED = 1 << 18  # bytes after which the server is told that they have come: it sends four times as many before that
_BEAT_SECONDS = 10.0  # of silence, after which the server is told that somebody is there
_UNREACHABLE_SECONDS = 15.0  # after which it is given up: who types does not know why nothing comes
_SIGPIPE = 141  # what a shell reports for it


def opened(http: Http, path: str, rank: int, command: str | None) -> int:
    """Open a terminal and stay with it to its end; the exit code of what ran there. In the main thread.

    Raises what the server refuses it for, or ends it for.
    """
    terminals = {name: fd for name, fd in _STREAMS.items() if os.isatty(fd)}
    screen = next((terminals[name] for name in ("stdout", "stderr", "stdin") if name in terminals), None)
    wanted: dict[str, Any] = {"rank": rank, "command": command, "terminals": list(terminals), **_size(screen)}
    made = http.json("POST", path, {**wanted, "term": os.environ.get("TERM", "")})
    shell = Shell(http, f"/v1/shells/{segment(made['id'])}", screen, reads=_may_read())
    with ExitStack() as stack:
        stack.enter_context(shell.closed())
        stack.enter_context(_signals(shell))
        if "stdin" in terminals and _may_read():
            stack.enter_context(_raw())
        return shell.follow()


def _size(screen: int | None) -> dict[str, int]:
    if screen is None:
        return {}
    try:
        found = os.get_terminal_size(screen)
    except OSError:  # it was closed
        return {}
    return {"rows": found.lines, "columns": found.columns}


def _may_read() -> bool:
    """Whether what is typed is for us: one that reads, or changes, a terminal from its background is stopped."""
    return not os.isatty(0) or os.tcgetpgrp(0) == os.getpgrp()


class Shell:
    """What is under way. The main thread writes what comes; another reads what is typed, and sends it.

    That other one says all it knows whenever it says anything: what has come, the size, how often Ctrl-C was pressed.
    """

    def __init__(self, http: Http, path: str, screen: int | None, *, reads: bool) -> None:
        self._http = http
        self._path = path
        self._screen = screen
        self._reads = reads
        self._news, self._bell = os.pipe()
        os.set_blocking(self._bell, False)
        self._received = 0
        self._told = 0  # of what was received
        self._interrupts = 0
        self._passed_on = 0  # of the interrupts
        self._error: StyxError | None = None
        self._over = False

    def follow(self) -> int:
        """Write what comes until the program has ended; its exit code."""
        threading.Thread(target=self._type, name="styx-terminal", daemon=True).start()
        for event in Stream(self._http, f"{self._path}/output", begun=True, sleep=self._broken):
            if event.name == "exit":
                return load(int, event.data["code"])
            fd = _STREAMS.get(event.data["source"], self._screen)
            if not _written(1 if fd is None else fd, base64.b64decode(event.data["data"])):
                return _SIGPIPE
            self._received = int(event.id)
            if self._received - self._told >= _RECEIVED:
                self._ring()
        raise TransportError("the server has ended the terminal")

    def changed(self) -> None:
        """Tell the server of a new size; or raise why it cannot be told anything any more."""
        if self._error is not None:
            raise self._error
        self._ring()

    def interrupted(self) -> None:
        """Pass Ctrl-C on. Raises KeyboardInterrupt where the one before is still on its way."""
        if self._passed_on < self._interrupts:
            raise KeyboardInterrupt
        self._interrupts += 1
        self._ring()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Let the server end it, afterwards, whatever has become of it."""
        try:
            yield
        finally:
            self._over = True
            self._ring()
            if self._error is None:  # else there is nobody to tell
                with suppress(StyxError):
                    self._http.json("DELETE", self._path)

    def _ring(self) -> None:
        with suppress(BlockingIOError):  # it has been rung often enough
            os.write(self._bell, b"!")

    def _broken(self, seconds: float) -> None:
        """Have the other thread find out whether there is still a server, before its connection is tried again."""
        self._ring()
        time.sleep(seconds)

    # --- the other thread ---

    def _type(self) -> None:
        try:
            self._read_and_send()
        except StyxError as error:
            if not self._over:
                self._error = error
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGWINCH)

    def _read_and_send(self) -> None:
        rest, taken, last = b"", 0, False
        while not self._over:
            may_read = self._reads and not last and len(rest) < _PIECE
            sources = [self._news, *([0] if may_read else [])]
            ready = select.select(sources, [], [], 0 if rest else _BEAT_SECONDS)[0]
            if self._news in ready:
                os.read(self._news, _PIECE)
            if 0 in ready:
                read = _read()
                rest, last = rest + read, not read
            if not self._over:
                sent = self._send(rest, taken, last=last)
                rest, taken = rest[sent - taken :], sent

    def _send(self, rest: bytes, taken: int, *, last: bool) -> int:
        """Say all there is; how much of what was typed the program has got."""
        told, interrupts = self._received, self._interrupts
        query = {"offset": taken, "received": told, "interrupts": interrupts, "last": last, **_size(self._screen)}
        since = time.monotonic()
        while True:
            try:
                answer = self._http.send(f"{self._path}/input", rest, query)
                break
            except (ServerUnreachable, TooManyRequests):
                if self._over or time.monotonic() - since > _UNREACHABLE_SECONDS:
                    raise
        self._told, self._passed_on = told, interrupts
        return load(int, answer["taken"])


def _read() -> bytes:
    """What was typed; nothing at the end."""
    try:
        return os.read(0, _PIECE)
    except OSError:  # the terminal is gone
        return b""


def _written(fd: int, data: bytes) -> bool:
    """Write all of it; False where nobody reads it."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except BlockingIOError:  # another program has the same terminal, and made it so
            select.select([], [fd], [])
        except BrokenPipeError:
            return False
    return True


@contextmanager
def _raw() -> Iterator[None]:
    """What is typed goes on as it is, Ctrl-C also; the terminal at the server does with it what there is to do."""
    before = termios.tcgetattr(0)
    tty.setraw(0, termios.TCSADRAIN)  # and what has been typed already is not lost
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


@contextmanager
def _signals(shell: Shell) -> Iterator[None]:
    """What this process is told by signals, the terminal is."""

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        sys.exit(128 + number)

    handlers = {
        signal.SIGWINCH: lambda *_: shell.changed(),
        signal.SIGINT: lambda *_: shell.interrupted(),
        signal.SIGTERM: end,
        signal.SIGHUP: end,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
