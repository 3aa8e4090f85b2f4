"""What was answered, for the parts of the server that look at answers on their way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Message, Send


CLOSED = 499  # what is told of a request whose client went away before there was an answer


class Sent:
    """Sends on, and keeps the status of the answer: ``status`` is what was given until there is one."""

    def __init__(self, send: Send, status: int = 0) -> None:
        self._send = send
        self.status = status

    async def __call__(self, message: Message) -> None:
        """Send one message on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)
