"""A server at work: what it takes when nobody asks anything, how soon it answers, and what many at once cost.

``python -m benchmarks server``. The floor is a bare FastAPI application with one route, served by uvicorn.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from benchmarks.process import PYTHON, environment
from benchmarks.records import fill
from benchmarks.report import Figure

CLUSTERS = 1000
AT_ONCE = 100
TASK = {"task": {"resources": {"accelerators": "A100:8"}, "run": "true"}}
BARE = """
import fastapi, uvicorn
app = fastapi.FastAPI()
@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}
uvicorn.run(app, port=%d, log_level="error", access_log=False)
"""
_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class Running:
    """A server process, where it listens, and what it wants to be shown."""

    process: subprocess.Popen[bytes]
    url: str
    headers: Mapping[str, str]

    def memory(self, field: str = "Pss") -> float:
        """MiB of the process and all its children: ``Pss``, shared pages by their share."""
        pids = [self.process.pid, *_children(self.process.pid)]
        return sum(_field(Path(f"/proc/{pid}/smaps_rollup"), field) for pid in pids) / 1024

    def peak(self) -> float:
        """The most that the process has had, MiB."""
        return _field(Path(f"/proc/{self.process.pid}/status"), "VmHWM") / 1024


def figures(scratch: Path) -> Iterator[Figure]:
    """An empty server, one with a thousand clusters, and the floor of both."""
    with _bare(scratch / "bare") as bare:
        least, floor = bare.memory(), _latency(bare, "/health", 500)
    ready = min(_seconds_to_ready(scratch / f"ready-{number}") for number in range(3))
    yield Figure("server ready after", 1.5, ready, "s")
    home = scratch / "server"
    fill(home, CLUSTERS)
    with serving(home) as server:
        time.sleep(5)  # what it does after it is ready
        yield Figure("idle server", 130, server.memory(), "MiB", f"{least:.0f} MiB")
        yield Figure("GET /health, p50", 0.5, _latency(server, "/health", 1000), "ms", f"{floor:.2f} ms")
        page = _latency(server, "/v1/clusters?limit=100", 200)
        yield Figure(f"GET /v1/clusters, 100 of {CLUSTERS:,}, p50", 6, page, "ms")
        asked = asyncio.run(_at_once(server, "GET", "/v1/clusters?limit=100", None))
        yield Figure(f"{AT_ONCE} status requests at once", 1, asked, "s")
        _ask(server, "POST", "/v1/tasks/explain", json.dumps(TASK).encode())  # opens the catalogs
        explained = asyncio.run(_at_once(server, "POST", "/v1/tasks/explain", json.dumps(TASK).encode()))
        yield Figure(f"{AT_ONCE} dry runs of A100:8 at once", 5, explained, "s")
        yield Figure("peak of the server", 250, server.peak(), "MiB")


@contextmanager
def serving(home: Path, *options: str) -> Iterator[Running]:
    """A server on this home, until the block ends."""
    process = subprocess.Popen(
        [PYTHON, "-m", "styx.server.main", "--home", str(home), "--port", "0", *options],
        env=environment(home), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield _announced(process, home / "server.json")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_WAIT)


def _announced(process: subprocess.Popen[bytes], path: Path) -> Running:
    deadline = time.monotonic() + _WAIT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            said = json.loads(path.read_text())
        except (FileNotFoundError, ValueError):
            time.sleep(0.005)
            continue
        return Running(process, said["url"], {"authorization": f"Bearer {said['token']}"})
    raise RuntimeError("the server did not come up")


def _seconds_to_ready(home: Path) -> float:
    """From the start of the process to the first answer that it is ready; its home is new."""
    began = time.monotonic()
    with serving(home) as server:
        while True:
            try:
                with urllib.request.urlopen(f"{server.url}/ready", timeout=5):
                    return time.monotonic() - began
            except OSError:
                time.sleep(0.005)


@contextmanager
def _bare(home: Path) -> Iterator[Running]:
    port = 20_000 + os.getpid() % 20_000
    process = subprocess.Popen([PYTHON, "-c", BARE % port], env=environment(home), stdin=subprocess.DEVNULL)
    server = Running(process, f"http://127.0.0.1:{port}", {})
    try:
        deadline = time.monotonic() + _WAIT
        while True:
            try:
                _ask(server, "GET", "/health")
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield server
    finally:
        process.kill()
        process.wait()


def _ask(server: Running, method: str, path: str, body: bytes | None = None) -> None:
    with _connected(server) as connection:
        _once(connection, server, method, path, body)


@contextmanager
def _connected(server: Running) -> Iterator[HTTPConnection]:
    where = urlsplit(server.url)
    connection = HTTPConnection(where.hostname or "", where.port, timeout=_WAIT)
    connection.connect()
    try:
        yield connection
    finally:
        connection.close()


def _once(connection: HTTPConnection, server: Running, method: str, path: str, body: bytes | None) -> None:
    connection.request(method, path, body, {**server.headers, "content-type": "application/json"})
    answer = connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(f"{method} {path}: {answer.status} {answer.read()[:300]!r}")
    answer.read()


def _latency(server: Running, path: str, times: int) -> float:
    """The median time of an answer over one connection, ms."""
    taken = []
    with _connected(server) as connection:
        for _ in range(times):
            began = time.perf_counter()
            _once(connection, server, "GET", path, None)
            taken.append(1000 * (time.perf_counter() - began))
    return median(taken)


async def _at_once(server: Running, method: str, path: str, body: bytes | None) -> float:
    """How long until the last of many has its answer, who ask at the same moment, each over a connection of its own."""
    where = urlsplit(server.url)
    peers = await asyncio.gather(*(asyncio.open_connection(where.hostname, where.port) for _ in range(AT_ONCE)))
    lines = [f"{method} {path} HTTP/1.1", "host: x", "connection: close", f"content-length: {len(body or b'')}"]
    lines += ["content-type: application/json", *(f"{name}: {value}" for name, value in server.headers.items())]
    request = "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(request)
        answer = await reader.read()
        writer.close()
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{method} {path}: {answer[:300]!r}")

    began = time.perf_counter()
    await asyncio.gather(*(one(*peer) for peer in peers))
    return time.perf_counter() - began


def _children(pid: int) -> Sequence[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found += [child, *_children(child)]
    return found


def _field(path: Path, name: str) -> int:
    """A number of KiB in a file of ``/proc``."""
    return next(int(line.split()[1]) for line in path.read_text().splitlines() if line.startswith(f"{name}:"))


if __name__ == "__main__":
    sys.exit("python -m benchmarks server")
