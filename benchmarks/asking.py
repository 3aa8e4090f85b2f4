"""Asking a server over HTTP: until it answers, again and again over one connection, and many times at once."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Barrier
from urllib.parse import urlsplit

from benchmarks import tree

STARTING = 120.0  # seconds until a server answers
ANSWERING = 600.0  # seconds until it has answered


@dataclass(frozen=True, slots=True)
class Running:
    """A server process, where it listens, and what it wants to be shown."""

    process: subprocess.Popen[bytes]
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def memory(self) -> float:
        """MiB of the process and all that it has started, shared pages by their share."""
        return tree.memory(self.process.pid)[0]

    def peak(self) -> float:
        """The most that the process alone has had, MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024


@dataclass(frozen=True, slots=True)
class Question:
    """A request. ``then``: where the answer is found when it is not in the response, by the headers of that."""

    path: str
    method: str = "GET"
    body: bytes | None = None
    then: Callable[[Message], str] | None = None


def until_it_answers(server: Running, path: str) -> None:
    """Wait for the first answer that is 200. Raises RuntimeError when the process ends, or takes too long."""
    deadline = time.monotonic() + STARTING
    while server.process.poll() is None and time.monotonic() < deadline:
        with suppress(RuntimeError):
            ask(server, Question(path))
            return
        time.sleep(0.005)
    raise RuntimeError(f"no answer from {server.url}{path}")


def ask(server: Running, question: Question) -> bytes:
    """Ask once. Raises RuntimeError when there is no answer, or one that is not 200."""
    with _connected(server) as connection:
        return _ask(connection, server, question)


def answers(server: Running, questions: Iterable[Question]) -> list[float]:
    """How long the answer to each takes over one connection, ms."""
    taken = []
    with _connected(server) as connection:
        for question in questions:
            began = time.perf_counter()
            _ask(connection, server, question)
            taken.append(1000 * (time.perf_counter() - began))
    return taken


def at_once(server: Running, questions: Sequence[Question]) -> float:
    """Seconds until the last has its answer, all asked at the same moment, each over a connection of its own."""
    began: list[float] = []
    start = Barrier(len(questions), lambda: began.append(time.perf_counter()))

    def one(question: Question) -> None:
        with _connected(server) as connection:
            start.wait(STARTING)
            _ask(connection, server, question)

    everybody = ThreadPoolExecutor(len(questions))
    try:
        list(everybody.map(one, questions))
    finally:
        everybody.shutdown(wait=False)  # whoever is interrupted ends the server, which ends them
    return time.perf_counter() - began[0]


@contextmanager
def _connected(server: Running) -> Iterator[HTTPConnection]:
    where = urlsplit(server.url)
    connection = HTTPConnection(where.hostname or "", where.port, timeout=ANSWERING)
    try:
        connection.connect()
        yield connection
    except (OSError, HTTPException) as error:
        raise RuntimeError(f"{server.url} gives no answer: {error}") from error
    finally:
        connection.close()


def _ask(connection: HTTPConnection, server: Running, question: Question) -> bytes:
    headers = {**server.headers, "content-type": "application/json"}
    connection.request(question.method, question.path, question.body, headers)
    answer = connection.getresponse()
    said = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{question.method} {question.path}: {answer.status} {said[:300]!r}")
    if question.then is None:
        return said
    return _ask(connection, server, Question(question.then(answer.headers)))
