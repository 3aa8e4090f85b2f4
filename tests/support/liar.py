"""A peer's agent that says what a test wants, on a real socket."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from styx.agent.protocol import Decoder, decode_json, encode_json

HELLO = {"protocol": 1, "cpus": 4, "gpus": []}

# Gets (method, params, say) for every request; ``say`` takes messages without their id, or bytes as they are.
Answer = Callable[[str, dict[str, Any], Callable[[Any], None]], None]


@contextmanager
def liar(path: str, answer: Answer) -> Iterator[None]:
    """Listen at ``path`` and have ``answer`` answer every request."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()
    clients: list[socket.socket] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                clients.append(listening.accept()[0])
                threading.Thread(target=talk, args=(clients[-1],), daemon=True).start()

    def talk(client: socket.socket) -> None:
        decoder = Decoder()
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                for _, payload in decoder.feed(data):
                    message = decode_json(payload)
                    if "method" not in message:
                        continue

                    def say(told: Any, number: int = message["id"]) -> None:
                        client.sendall(told if isinstance(told, bytes) else encode_json({"id": number, **told}))

                    threading.Thread(
                        target=quietly, args=(message["method"], message["params"], say), daemon=True
                    ).start()

    def quietly(*request: Any) -> None:
        with contextlib.suppress(OSError):
            answer(*request)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        for one in (listening, *clients):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        thread.join()
