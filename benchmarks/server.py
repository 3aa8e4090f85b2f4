"""A server at work: what it takes when nobody asks anything, how soon it answers, and what many at once cost.

``python -m benchmarks server``. The floor is a bare FastAPI application with one route, served by uvicorn.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.asking import STARTING, Question, Running, answers, ask, at_once, until_it_answers
from benchmarks.process import PYTHON, environment
from benchmarks.records import fill
from benchmarks.report import Figure
from benchmarks.tree import end, settle

CLUSTERS = 1000
AT_ONCE = 100
ENDING = 60.0  # seconds that it may take to stop
HEALTH, READY, STATUS = Question("/health"), Question("/ready"), Question("/v1/clusters?limit=100")
BARE = """
import fastapi, uvicorn
app = fastapi.FastAPI()
@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}
uvicorn.run(app, port=%d, log_level="error", access_log=False)
"""


def figures(scratch: Path) -> Iterator[Figure]:
    """An empty server, one with a thousand clusters, and the floor of both."""
    with _bare(scratch / "bare") as bare:
        least, floor = bare.memory(), median(answers(bare, [HEALTH] * 500))
    ready = min(seconds_to_ready(scratch / f"ready-{number}") for number in range(3))
    yield Figure("server ready after", 1.5, ready, "s")
    home = scratch / "server"
    fill(home, CLUSTERS)
    with serving(home) as server:
        settle(server.process.pid)
        yield Figure("idle server", 130, server.memory(), "MiB", f"{least:.0f} MiB")
        yield Figure("GET /health, p50", 0.5, median(answers(server, [HEALTH] * 1000)), "ms", f"{floor:.2f} ms")
        page = median(answers(server, [STATUS] * 200))
        yield Figure(f"GET /v1/clusters, 100 of {CLUSTERS:,}, p50", 6, page, "ms")
        yield Figure(f"{AT_ONCE} status requests at once", 1, at_once(server, [STATUS] * AT_ONCE), "s")
        explain = dry_run({"resources": {"accelerators": "A100:8"}, "run": "true"})
        ask(server, explain)  # opens the catalogs
        yield Figure(f"{AT_ONCE} dry runs of A100:8 at once", 5, at_once(server, [explain] * AT_ONCE), "s")
        yield Figure("peak of the server", 250, server.peak(), "MiB")


def dry_run(task: Mapping[str, object]) -> Question:
    """What ``styx launch --dryrun`` asks a server."""
    return Question("/v1/tasks/explain", "POST", json.dumps({"task": task}).encode())


@contextmanager
def serving(home: Path, *options: str, env: Mapping[str, str] | None = None) -> Iterator[Running]:
    """A server on this home, until the block ends."""
    process = subprocess.Popen(
        [PYTHON, "-m", "styx.server.main", "--home", str(home), "--port", "0", *options],
        env=env or environment(home),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield _announced(process, home / "server.json")
    finally:
        process.terminate()
        try:
            process.wait(ENDING)
        except subprocess.TimeoutExpired:
            end(process)
            raise


def seconds_to_ready(home: Path, env: Mapping[str, str] | None = None) -> float:
    """From the start of the process to the first answer that it is ready; its home is new."""
    began = time.monotonic()
    with serving(home, env=env) as server:
        until_it_answers(server, READY.path)
        return time.monotonic() - began


def _announced(process: subprocess.Popen[bytes], path: Path) -> Running:
    deadline = time.monotonic() + STARTING
    while time.monotonic() < deadline and process.poll() is None:
        try:
            said = json.loads(path.read_text())
        except (FileNotFoundError, ValueError):
            time.sleep(0.005)
            continue
        return Running(process, said["url"], {"authorization": f"Bearer {said['token']}"})
    raise RuntimeError("the server did not come up")


@contextmanager
def _bare(home: Path) -> Iterator[Running]:
    port = 20_000 + os.getpid() % 20_000
    process = subprocess.Popen([PYTHON, "-c", BARE % port], env=environment(home), stdin=subprocess.DEVNULL)
    server = Running(process, f"http://127.0.0.1:{port}")
    try:
        until_it_answers(server, HEALTH.path)
        yield server
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    sys.exit("python -m benchmarks server")
