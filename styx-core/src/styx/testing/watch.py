"""Watching what a provider does behind our back: reaching for the network, or sleeping."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from styx.testing.workers import calling


@contextmanager
def network_attempts() -> Iterator[list[str]]:
    """Refuse this thread the network, and collect what it asked for. Sees Python's sockets, not C libraries'."""
    attempts: list[str] = []
    here = threading.get_ident()

    def refusing(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def refuse(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != here:
                return real(*args, **kwargs)
            attempts.append(f"{name}{args[-1:] if name == 'connect' else args[:1]}")
            raise OSError("no network here: the conformance kit is watching")

        return refuse

    with (
        mock.patch.object(socket.socket, "connect", refusing("connect", socket.socket.connect)),
        mock.patch.object(socket, "create_connection", refusing("create_connection", socket.create_connection)),
        mock.patch.object(socket, "getaddrinfo", refusing("getaddrinfo", socket.getaddrinfo)),
    ):
        yield attempts


@contextmanager
def endless_connections() -> Iterator[list[str]]:
    """Collect the addresses to which provider calls connect without a timeout. Sees Python's sockets alone."""
    seen: list[str] = []

    def watched(real: Callable[..., Any]) -> Callable[..., Any]:
        def connect(self: socket.socket, address: Any) -> Any:
            if self.gettimeout() is None and calling():
                seen.append(str(address))
            return real(self, address)

        return connect

    with (
        mock.patch.object(socket.socket, "connect", watched(socket.socket.connect)),
        mock.patch.object(socket.socket, "connect_ex", watched(socket.socket.connect_ex)),
    ):
        yield seen


@contextmanager
def naps() -> Iterator[list[float]]:
    """Collect the seconds that provider calls made by the driver want to sleep; they do not really sleep."""
    taken: list[float] = []
    real = time.sleep

    def sleep(seconds: float) -> None:
        if calling():
            taken.append(seconds)
        else:
            real(seconds)

    with mock.patch.object(time, "sleep", sleep):
        yield taken
