"""The socket that a server listens at, and those whom it has let in but does not know yet.

With TLS nobody is told of a connection before the peer has said how it encrypts, and many peers may not. There are only
so many of these at a time: with one more, that one is cut off which has been silent for longest.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any


class Listening(socket.socket):
    """As any, but for the strangers. Whoever is told of a connection takes it from among these: :meth:`know`."""

    def __init__(self, family: int, most: int) -> None:
        """``most`` strangers at a time. TCP, said so: else asyncio leaves Nagle's algorithm on."""
        super().__init__(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._most = most
        self._strangers: dict[int, socket.socket] = {}  # by the number of the file, the longest there first

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection. Raises OSError, as when there is none."""
        accepted, address = super().accept()
        self._strangers.pop(accepted.fileno(), None)  # that one was closed
        self._strangers[accepted.fileno()] = accepted
        if len(self._strangers) > self._most:
            longest = self._strangers.pop(next(iter(self._strangers)))
            with suppress(OSError):  # it was closed
                longest.shutdown(socket.SHUT_RDWR)  # whoever reads from it then closes it
        return accepted, address

    def know(self, file: int) -> None:
        """The connection with this file is no stranger any more."""
        self._strangers.pop(file, None)
