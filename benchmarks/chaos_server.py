"""Managed jobs under a server that is killed again and again, and on nodes that are killed too: ``make chaos-server``.

What counts is what the jobs have done: each appends a line to a file as its last act, and to another as its first. A
job whose node was killed is begun anew, and rightly so; one whose server was killed must not be. With two servers on
one PostgreSQL one of them is killed for good, and the other has its jobs within half a minute.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from styx.jobs.model import JobOptions
from styx.jobs.submit import submit
from styx.sealing import FILE_NAME, Sealer
from styx.spec import Task
from styx.store import Store
from styx.store.managed import JobQuery, ManagedJob, ManagedState
from styx.transports.process import user_name

SERVER = (sys.executable, "-P", "-m", "styx.server.main", "--port", "0")
SHARED = ("jobs", "local")  # beside the key, in the homes of all servers of one database
MOVED_WITHIN = 30.0  # seconds for the jobs of a server that is killed for good to be another's


class Servers:
    """Server processes on one installation."""

    def __init__(self, home: Path, environment: dict[str, str], at_once: int) -> None:
        self._home = home
        self._environment = environment
        self._at_once = at_once
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, which: int) -> None:
        """Start one, in a home of its own; it takes up what is there."""
        home = self._home.with_name(f"home{which}") if which else self._home
        if which and not home.exists():
            home.mkdir(mode=0o700)
            for name in (*SHARED, FILE_NAME):
                (home / name).symlink_to(self._home / name)
        with (self._home / f"server{which}.log").open("ab") as log:
            self.processes[which] = subprocess.Popen(
                [*SERVER, "--at-once", str(self._at_once)],
                env={**os.environ, **self._environment, "STYX_HOME": str(home)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def end(self) -> None:
        """End all."""
        for which in [*self.processes]:
            self.kill(which)

    def kill(self, which: int) -> None:
        """End one without a word."""
        process = self.processes.pop(which)
        process.send_signal(signal.SIGKILL)
        process.wait()


def main() -> int:
    """Run it; 1 where a job was lost, repeated, or did not end."""
    parser = argparse.ArgumentParser(prog="make chaos-server", description=__doc__)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--servers", type=int, default=1, choices=(1, 2))
    parser.add_argument("--every", type=float, default=3.0, help="seconds that a server works until it is killed")
    parser.add_argument("--nodes", type=int, default=20, help="nodes that are killed")
    parser.add_argument("--at-once", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="styx-chaos-") as root, _database(options.servers) as environment:
        return _run(Path(root), environment, options, random.Random(seed))


def _run(root: Path, environment: dict[str, str], options: argparse.Namespace, dice: random.Random) -> int:
    home = root / "home"
    for path in (home, *(home / name for name in SHARED)):
        path.mkdir(mode=0o700)
    os.environ["STYX_HOME"] = str(home)
    servers = Servers(home, environment, options.at_once)
    with ExitStack() as ending:
        store = Store.open(environment.get("STYX_DATABASE_URL"), home=home)
        ending.callback(store.close)
        ending.callback(servers.end)
        jobs = _hand_in(store, home, root, options.jobs)
        began = time.monotonic()
        killed = _storm(store, servers, home, options, dice)
        seconds = time.monotonic() - began
        return _verdict(store, root, jobs, killed, seconds)


def _hand_in(store: Store, home: Path, root: Path, count: int) -> list[ManagedJob]:
    run = (
        f'echo "$STYX_JOB_RANK" >> {root}/began; sleep $((STYX_JOB_RANK % 4)); '
        f'echo "$STYX_JOB_RANK" >> {root}/ended; echo done'
    )
    task = Task("chaos").run(run).override({"infra": "local", "cpus": "0.1+"})
    return submit(store, Sealer.open(home), task, JobOptions(), user=user_name(), count=count)


def _storm(
    store: Store, servers: Servers, home: Path, options: argparse.Namespace, dice: random.Random
) -> Counter[str]:
    """Kill until all has ended; what was killed."""
    killed: Counter[str] = Counter()
    for which in range(options.servers):
        servers.start(which)
    give_up_at = time.monotonic() + 60 * options.minutes
    gone_at = None
    while store.jobs.counts() and time.monotonic() < give_up_at:
        _on_record(store, servers)  # from then on it works, and has so long to live
        deadline = time.monotonic() + options.every
        while time.monotonic() < deadline and store.jobs.counts():
            if killed["nodes"] < options.nodes and dice.random() < 0.03:
                killed["nodes"] += _kill_a_node(home, dice)
            time.sleep(0.2)
        if options.servers == 1:
            servers.kill(0)
            killed["servers"] += 1
            servers.start(0)
        elif gone_at is None:
            first = next(each for each in store.servers.list() if each.pid == servers.processes[1].pid)
            servers.kill(1)
            killed["servers"] += 1
            gone_at = time.monotonic()
            while any(each.id == first.id for each in store.servers.list()):
                time.sleep(0.05)
            print(f"the jobs of the server that was killed moved within {time.monotonic() - gone_at:.1f} s")
            if time.monotonic() - gone_at > MOVED_WITHIN:
                killed["late"] += 1
    return killed


def _on_record(store: Store, servers: Servers) -> None:
    while {process.pid for process in servers.processes.values()} - {each.pid for each in store.servers.list()}:
        time.sleep(0.02)


def _kill_a_node(home: Path, dice: random.Random) -> int:
    """Kill every process of one node of the local cloud; how many nodes that were."""
    nodes = [place for place in (home / "local" / "nodes").glob("*") if place.is_dir()]
    if not nodes:
        return 0
    mark = str(dice.choice(nodes)).encode()
    found = 0
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)
                found = 1
        except OSError:
            continue
    return found


def _verdict(store: Store, root: Path, jobs: list[ManagedJob], killed: Counter[str], seconds: float) -> int:
    ended = Counter(int(line) for line in (root / "ended").read_text().split())
    began = Counter(int(line) for line in (root / "began").read_text().split())
    now = {job.id: job for page in _pages(store) for job in page}
    found = [now[job.id] for job in jobs]
    lost = [job for job in found if job.state is not ManagedState.SUCCEEDED or not ended[job.rank]]
    # A node that was killed takes the job with it, and what nobody had heard of its end: it is done again, and rightly.
    times = {job.id: 1 + job.recoveries + _launched_again(store, job) for job in found}
    repeated = [job for job in found if max(ended[job.rank], began[job.rank]) > times[job.id]]
    recovered = sum(job.recoveries for job in found)
    print(
        f"jobs {len(jobs)}, lost {len(lost)}, repeated {len(repeated)}  "
        f"({killed['servers']} servers and {killed['nodes']} nodes killed, {recovered} recoveries, {seconds:.0f} s)"
    )
    for job in (lost + repeated)[:10]:
        print(f"  job {job.id} rank {job.rank}: {job.state}, began {began[job.rank]}, ended {ended[job.rank]}, "
              f"recoveries {job.recoveries}: {job.reason}")  # fmt: skip
        for event in store.jobs.events(job.id):
            print(f"    {event.at:%H:%M:%S.%f} {event.kind} {event.from_state} {event.to_state} {event.reason}")
    left = store.clusters.list()
    if left:
        print(f"  clusters that are left: {', '.join(f'{each.name} ({each.state})' for each in left[:10])}")
    return 1 if lost or repeated or left or killed["late"] else 0


def _launched_again(store: Store, job: ManagedJob) -> int:
    """How often its node went before its launch had come to an end."""
    return sum(event.kind == "launch" for event in store.jobs.events(job.id))


def _pages(store: Store) -> Iterator[list[ManagedJob]]:
    after = None
    while page := store.jobs.page(JobQuery(after=after, limit=100)):
        yield page
        after = page[-1].id


@contextmanager
def _database(servers: int) -> Iterator[dict[str, str]]:
    """The settings with which servers share a database, where there are several: PostgreSQL."""
    if servers == 1:
        yield {}
        return
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
    from support.postgres import new_database, server  # type: ignore[import-not-found]

    with server() as url:
        yield {"STYX_DATABASE_URL": new_database(url, "chaos")}


if __name__ == "__main__":
    sys.exit(main())
