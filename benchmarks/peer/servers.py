"""Both servers, asked the same over HTTP. Neither has a cluster, both have all offers; a dry run looks for A100:8."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from email.message import Message
from pathlib import Path
from statistics import median
from typing import NamedTuple

import yaml

from benchmarks import server as ours
from benchmarks import tree
from benchmarks.asking import Question, Running, answers, ask, at_once
from benchmarks.peer import server as theirs
from benchmarks.peer.places import Places
from benchmarks.peer.table import Amount

STARTS = 3
HEALTHS, SINGLES = 1000, 5  # one after the other
STATUS, DRY_RUNS = "status requests", "dry runs"
AT_ONCE = {STATUS: 100, DRY_RUNS: 30}
# GiB that SkyPilot's server takes for each of them at once, what it holds already, and what others keep.
EACH, IDLE, SPARE = {STATUS: 0.12, DRY_RUNS: 0.3}, 1.3, 2.5


@dataclass(frozen=True, slots=True)
class Asked:
    """What one of the servers is asked: whether it is there, and what comes in numbers, each as its number wants it."""

    health: Question
    many: Mapping[str, Callable[[int], Question]]


class Taken(NamedTuple):
    """What one server takes of something, and the CPU time (ms) of all its processes where it is known."""

    what: str
    amount: float
    unit: str
    cpu: float = 0.0


def servers(places: Places, task: str) -> Iterator[Amount]:
    """Each figure of both; ``task`` is what is not launched. What SkyPilot's does not survive is left out."""
    text = Path(task).read_text(encoding="utf-8")
    print("measuring: server: ready after ...", file=sys.stderr, flush=True)
    try:
        starts = [(_their_start(places, number), _our_start(places, number)) for number in range(STARTS)]
        sky_starts, styx_starts = zip(*starts, strict=True)
        yield Amount("server: ready after", 1000 * median(sky_starts), 1000 * median(styx_starts), "ms")
        for what, wanted in AT_ONCE.items():
            print(f"measuring: server: {what} ...", file=sys.stderr, flush=True)
            count = affordable(what, wanted, tree.free())
            with theirs.server(places.python, _env(places), places.scratch / "server.log") as running:
                peer = list(_figures(_introduced(running), _their_questions(text), what, count))
            with ours.serving(places.styx_home, env=places.styx_env) as running:
                styx = list(_figures(running, _our_questions(text), what, count))
            for sky, own in zip(peer, styx, strict=True):
                cpu = (sky.cpu, own.cpu) if sky.cpu and own.cpu else None
                yield Amount(f"  {sky.what}", sky.amount, own.amount, sky.unit, cpu)
    except RuntimeError as error:
        print(f"left out: {error}", file=sys.stderr)


def _figures(server: Running, asked: Asked, what: str, count: int) -> Iterator[Taken]:
    """What one server takes that has just started; the same figures for both."""
    root, question = server.process.pid, asked.many[what]
    tree.settle(root)
    if what == STATUS:
        held, processes = tree.memory(root)
        yield Taken("processes", processes, "")
        yield Taken("idle memory", held, "MiB")
        took = answers(server, [asked.health] * HEALTHS)
        yield Taken("health, over one connection", 1000 * len(took) / sum(took), "/s")
        yield Taken("health, p50", median(took), "ms")
    ask(server, question(0))  # before it counts
    yield Taken(f"one {what.removesuffix('s')}, p50", median(answers(server, [question(0)] * SINGLES)), "ms")
    if count:
        before = tree.worked(root)
        with tree.Peak(root) as peak:
            seconds = at_once(server, [question(1 + number) for number in range(count)])
        yield Taken(f"{count} {what} at once", 1000 * seconds, "ms", 1000 * (tree.worked(root) - before))
        yield Taken("  peak memory", peak.held, "MiB")


def affordable(what: str, wanted: int, free: float) -> int:
    """How many of it at once ``free`` GiB are enough for; 0 where that is no more than one."""
    most = min(wanted, int((free - IDLE - SPARE) / EACH[what]))
    if most == wanted:
        return wanted
    instead = f"{most} instead" if most > 1 else "left out"
    print(f"{wanted} {what} at once need more than the {free:.1f} GiB that are free: {instead}", file=sys.stderr)
    return most if most > 1 else 0


def _our_start(places: Places, number: int) -> float:
    return ours.seconds_to_ready(places.scratch / f"styx-{number}", places.styx_env)


def _their_start(places: Places, number: int) -> float:
    home = places.scratch / f"sky-{number}"
    home.mkdir()
    began = time.monotonic()
    with theirs.started(places.python, _env(places, home), home / "server.log"):
        return time.monotonic() - began


def _env(places: Places, home: Path | None = None) -> dict[str, str]:
    port = {theirs.PORT: str(theirs.free_port())}
    return places.sky_env | port | ({"HOME": str(home), "TMPDIR": str(home)} if home else {})


def _our_questions(task: str) -> Asked:
    dry_run = ours.dry_run(yaml.safe_load(task))
    return Asked(ours.HEALTH, {STATUS: lambda _: ours.STATUS, DRY_RUNS: lambda _: dry_run})


def _their_questions(task: str) -> Asked:
    """As its own commands ask: what is begun by one request is the answer of the next."""

    def begun(path: str, **body: object) -> Question:
        who = {"env_vars": {"SKYPILOT_USER_ID": "00000001", "SKYPILOT_USER": "somebody"}}
        return Question(path, "POST", json.dumps(body | who).encode(), _their_answer)

    def dry_run(number: int) -> Question:
        return begun("/launch", task=task, cluster_name=f"peer-{number}", dryrun=True)

    status = begun("/status", cluster_names=None, refresh="NONE")
    return Asked(Question(theirs.HEALTH), {STATUS: lambda _: status, DRY_RUNS: dry_run})


def _their_answer(headers: Message) -> str:
    return f"/api/get?request_id={headers['X-Skypilot-Request-ID']}"


def _introduced(server: Running) -> Running:
    """The same server, asked by a client of its own version."""
    said = json.loads(ask(server, Question(theirs.HEALTH)))
    version = {"X-SkyPilot-API-Version": said["api_version"], "X-SkyPilot-Version": said["version"]}
    return replace(server, headers=version)
