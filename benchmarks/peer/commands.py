"""Whole processes. All of SkyPilot's but ``--help`` are clients of its server, whose work comes on top."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.peer.places import Places
from benchmarks.peer.server import PORT, free_port, server
from benchmarks.peer.sides import Answer, alternate
from benchmarks.peer.table import Amount, Line
from benchmarks.process import run


def commands(places: Places, task: str) -> Iterator[Line | Amount]:
    """Each command beside the other side's, and how much memory it took; ``task`` is what is not launched."""
    yield from _compared(places, places.sky_env, ("--help",), 5)
    env = places.sky_env | {PORT: str(free_port())}
    try:
        with server(places.python, env, places.scratch / "server.log"):
            yield from _compared(places, env, ("gpus", "list", "A100"), 3)
            yield from _compared(places, env, ("launch", "--dryrun", "--yes", "--cluster", "peer", task), 3)
    except RuntimeError as error:
        print(f"left out: {error}", file=sys.stderr)


def _compared(places: Places, env: Mapping[str, str], words: Sequence[str], runs: int) -> Iterator[Line | Amount]:
    """The same words to both, once before it counts; nothing where one of them cannot."""
    what = " ".join(word.rpartition("/")[2] for word in words)
    print(f"measuring: {what} ...", file=sys.stderr, flush=True)

    def sky() -> Answer:
        return _run((places.sky, *words), env)

    def styx() -> Answer:
        return _run((places.styx, *words), places.styx_env)

    try:
        alternate(sky, styx, 1)
        theirs, ours = alternate(sky, styx, runs)
    except RuntimeError as error:
        print(f"left out: {error}", file=sys.stderr)
        return
    yield Line(f"process: {what}", theirs, ours)
    yield Amount("  its memory", theirs.peak, ours.peak)


def _run(command: Sequence[str], env: Mapping[str, str]) -> Answer:
    began = time.perf_counter()
    used = run(command, env)
    return Answer(1000 * used.cpu, 1000 * (time.perf_counter() - began), used.peak)
