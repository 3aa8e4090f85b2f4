"""The lines of Python that the documentation shows, in a process of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(120)


def python(code: str) -> list[str]:
    """What a script prints; it must end well and write nothing to standard error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False, timeout=90
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


def test_hello(home: Path) -> None:
    """A task, launched, followed and waited for."""
    said = python("""
import styx
from styx import Task, launch

job = launch(Task("hello").run("echo 'Hello!'"))
for line in job.logs():
    print(line)
print(job.wait().exit_code)
styx.down(job.cluster)
print(styx.status())
""")
    assert said == ["Hello!", "0", "[]"]


def test_with_resources(home: Path) -> None:
    """Resources given beside the task are those of the launch."""
    said = python("""
from styx import Resources, Task, down, exec, launch, queue, start, status, stop

task = Task("sized").run("echo $STYX_NODE_RANK")
job = launch(task, Resources().cpus("1+"), cluster="c")
job.wait()
print(exec(task, "c").wait().state.value, [j.id for j in queue("c")])
stop("c"); print(status()[0].state.value)
start("c"); print(status()[0].state.value)
print(launch(task, cluster="c").cancel() in (True, False))
down("c")
""")
    assert said == ["succeeded [2, 1]", "stopped", "up", "True"]


def test_with_await(home: Path) -> None:
    """The .aio twins work inside a running loop, several at once."""
    said = python("""
import asyncio
import styx

async def one(name):
    job = await styx.launch.aio(styx.Task(name).run("exit 3"), cluster=name)
    return (await styx.sdk.wait.aio(job)).exit_code

async def main():
    print(await asyncio.gather(*(one(f"c{n}") for n in range(3))))
    await asyncio.gather(*(styx.down.aio(record.name) for record in await styx.status.aio()))
    print(await styx.status.aio())

asyncio.run(main())
""")
    assert said == ["[3, 3, 3]", "[]"]


def test_errors_are_exceptions(home: Path) -> None:
    """What cannot be done raises the error that says why; nothing has to be parsed."""
    said = python("""
import styx
from styx.api import ClusterNotFound, NoOffer

try:
    styx.launch(styx.Task("t").run("x"), styx.Resources().gpu("NoSuchGPU", 8))
except NoOffer as error:
    print(sorted(error.reasons))
try:
    styx.stop("nope")
except ClusterNotFound as error:
    print(error.message)
""")
    assert "'local'" in said[0]
    assert said[1] == "there is no cluster 'nope'" or "nope" in said[1]


def test_files_in_stores(home: Path, tmp_path: Path) -> None:
    """Copied, listed and removed, in calls and awaited."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("hello")
    said = python(f"""
import asyncio, pathlib, styx

data = pathlib.Path({str(tmp_path)!r}) / "data"
styx.storage_create("file://b")
print(len(styx.storage_sync(data, "file://b/d", delete=True).plan.moves), [o.key for o in styx.storage_ls("file://b")])
moved = []
styx.storage_cp("file://b/d/a.txt", data / "copy.txt", moved=moved.append)
print(sum(moved), (data / "copy.txt").read_text(), [bucket.size for bucket in styx.storage_ls()])

async def main():
    print(await styx.storage_rm.aio("file://b/d", recursive=True))
    try:
        await styx.storage_presign.aio("file://b/d")
    except styx.StyxError as error:
        print(error.code)
    await styx.storage_delete.aio("b")
    print(await styx.storage_ls.aio())

asyncio.run(main())
""")
    assert said == ["1 ['d/a.txt']", "5 hello [5]", "1", "unsupported", "[]"]
