"""The Python SDK, in processes of their own, with both kinds of client."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import styx
from support.sides import PATIENCE, Side

EVERYTHING = """
import asyncio, styx
from styx.api import ClusterNotFound, NoOffer, StyxError

LOCAL = styx.Resources.from_dict({"infra": "local"})
job = styx.launch(styx.Task("t", run="echo one; echo two"), LOCAL, cluster="sdk", autostop=None)
print(job, [*job.logs()], job.wait().exit_code, job.cancel())
print([(c.name, str(c.state)) for c in styx.status(["sdk"])])
print([j.id for j in styx.queue("sdk")], styx.exec(styx.Task(run="exit 3"), "sdk").wait().exit_code)
styx.autostop("sdk", None); styx.stop("sdk"); styx.start("sdk")

async def several():
    jobs = await asyncio.gather(*(styx.exec.aio(styx.Task(run=f"exit {n}"), "sdk") for n in range(3)))
    return sorted([(await styx.sdk.wait.aio(job)).exit_code for job in jobs])

print(asyncio.run(several()))
with styx.Dag("d") as dag:
    styx.Task("a", run="true").resources(LOCAL) >> styx.Task("b", run="true").resources(LOCAL)
print([(t.name, str(t.state)) for t in styx.run_dag(dag).tasks])
with open("x", "w") as file: file.write("content")
styx.storage_create("file://sdk")
print(styx.storage_cp("x", "file://sdk/k/").plan.moves, styx.storage_sync("file://sdk", "down").plan.moves)
print([o.key for o in styx.storage_ls("file://sdk")], [b.uri for b in styx.storage_ls()])
print(styx.storage_rm("file://sdk/k/x")); styx.storage_delete("sdk")
try:
    styx.storage_presign("file://sdk/k/x")
except StyxError as error:
    print(error.message)
print(styx.cost_report(1).cost == 0)
print(styx.cancel("sdk"), [*styx.logs("sdk", 1)])
(one,) = styx.jobs_launch(styx.Task("m", run="echo managed; exit 2").resources(LOCAL))
print([*styx.jobs_logs(one.id)], styx.jobs_wait(one.id).exit_code, str(styx.jobs_status(one.id).state))
many = styx.jobs_launch(styx.Task("n", run="true").resources(LOCAL), num_jobs=2, pool="shut")
print(styx.jobs_cancel([job.id for job in many]) == [job.id for job in many])
print([(job.name, str(job.state)) for job in styx.jobs_queue()])
async def both():
    return [str(job.state) for job in await asyncio.gather(*(styx.jobs_wait.aio(job.id) for job in many))]
print(asyncio.run(both()))
try:
    styx.launch(styx.Task("t", run="x"), styx.Resources.from_dict({"infra": "local", "cpus": "999+"}))
except NoOffer as error:
    print(sorted(error.reasons), error.hint)
styx.down("sdk")
try:
    styx.stop("sdk")
except ClusterNotFound as error:
    print(error.message, error.hint)
"""
SAID = """\
Job(cluster='sdk', id=1) ['one', 'two'] 0 False
[('sdk', 'up')]
[1] 3
[0, 1, 2]
[('a', 'succeeded'), ('b', 'succeeded')]
('x',) ('k/x',)
['k/x'] ['file://sdk']
1
file has no addresses for single objects
True
[] ['one', 'two']
['managed'] 2 failed
True
[('n', 'cancelled'), ('n', 'cancelled'), ('m', 'failed')]
['cancelled', 'cancelled']
"""

INTERRUPTED = """
import styx
with styx.Dag("d") as dag:
    dag.add(styx.Task("long", run="echo begun; sleep 600").resources({"infra": "local"}))
try:
    styx.run_dag(dag, report=lambda task, kind, text: print(kind, flush=True))
except KeyboardInterrupt:
    print([c.name for c in styx.status()])
"""


def ran(script: str, side: Side, place: Path) -> subprocess.CompletedProcess[str]:
    """The program, run to its end."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=place,
        env={**os.environ, **side.environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_everything(side: Side, tmp_path: Path) -> None:
    """Every function of the SDK does the same, whether or not a server is logged in to."""
    done = ran(EVERYTHING, side, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    *said, reasons, gone = done.stdout.splitlines()
    assert said == SAID.splitlines()
    assert reasons.startswith("['local'] ")
    assert gone == "there is no cluster 'sdk' `styx status` lists the clusters."


def test_every_function_is_there() -> None:
    """A new one has to be put there."""
    for name in dir(styx):
        if not name.startswith("_") and not isinstance(getattr(styx, name), type):
            assert f"styx.{name}(" in EVERYTHING, name


def test_interrupted(side: Side, tmp_path: Path) -> None:
    """Ctrl-C ends a run also at a server, and the interrupt comes out once nothing of it is left."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # or it would be ignored, as in a background
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", INTERRUPTED],
        cwd=tmp_path,
        env={**os.environ, **side.environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    signal.signal(signal.SIGINT, before)
    assert process.stdout is not None
    assert any(line == "log\n" for line in process.stdout)
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert rest.splitlines()[-1] == "[]"


def test_ended_in_the_middle(side: Side, tmp_path: Path) -> None:
    """A program that ends with its connections open says nothing about them."""
    script = f"{EVERYTHING[: EVERYTHING.index('print')]}job.wait()\nraise SystemExit(5)\n"
    done = ran(script, side, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (5, "", "")
