"""Two servers with homes of their own and one PostgreSQL, as on two machines: one dies, the other has its jobs."""

from __future__ import annotations

import json
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from styx.testing.hosts import Host
from support import postgres
from support.servers import Server, running, start

pytestmark = pytest.mark.slow


@pytest.fixture
def homes(host: Host) -> Iterator[list[Path]]:
    """Two, whose servers know the same host, bring the same key to it, and open what the other has sealed."""
    if not host.isolated:
        pytest.skip("on a loopback host what a server left would be this machine's")
    root = Path(tempfile.mkdtemp(prefix="styx-"))
    found = [root / name / ".styx" for name in ("a", "b")]
    for home in found:
        home.mkdir(parents=True)
        pools = {"lab": {"hosts": [host.entry()]}}
        (home / "config.yaml").write_text(json.dumps({"clouds": {"ssh": {"pools": pools}}}))
    yield found
    shutil.rmtree(root, ignore_errors=True)


def test_a_job_on_a_host_is_found_by_the_other(homes: list[Path], host: Host) -> None:
    """It runs on meanwhile, and once; its output goes on at the other, and its secret can be opened there."""
    try:
        with postgres.server() as url:
            env = {"STYX_DATABASE_URL": postgres.new_database(url, "styx")}
            first = start(homes[0], env=env)
            task = {
                "run": "echo begin $TOKEN >> ~/did; echo begin; sleep 8; echo end >> ~/did; echo end",
                "resources": {"infra": "ssh/lab"},
                "secrets": {"TOKEN": None},
            }
            body = {"task": task, "secrets": {"TOKEN": "hunter2hunter2"}}
            (job,) = first.ask("POST", "/v1/jobs", body).json["items"]
            await_state(first, job["id"], "running")
            for name in ("secret.key", "ssh"):  # as the documentation says of several servers
                _copy(homes[0] / name, homes[1] / name)
            with running(homes[1], env=env) as second:
                first.kill()
                ended = second.ask("GET", f"/v1/jobs/{job['id']}?wait=60").json
                assert (ended["state"], ended["runs"], ended["recoveries"]) == ("succeeded", 1, 0)
                assert host.run("cat ~/did").split() == ["begin", "hunter2hunter2", "end"]
                assert (homes[1] / "jobs" / "0" / f"{job['id']}.log").read_text() == "begin\nend\n"
                assert second.ask("GET", "/v1/clusters").json["items"] == []
    except postgres.Unavailable as why:
        pytest.skip(str(why))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_run_of_a_dag_goes_on_at_the_other(homes: list[Path], host: Host, how: signal.Signals) -> None:
    """Each task once. A server that was only suspended removes nothing of it when it wakes up, and writes nothing."""

    def task(name: str, run: str) -> dict[str, Any]:
        return {"task": {"name": name, "run": f"echo {name} >> ~/did; {run}", "resources": {"infra": "ssh/lab"}}}

    try:
        with postgres.server() as url:
            env = {"STYX_DATABASE_URL": postgres.new_database(url, "styx")}
            first = start(homes[0], env=env)
            dag = {"name": "d", "tasks": [task("make", "true"), task("use", "sleep 30")], "edges": [[0, 1]]}
            asked = first.ask("POST", "/v1/dags/run", {"dag": dag})
            assert asked.status == 202, asked.body
            deadline = time.monotonic() + 60
            while "use" not in host.run("cat ~/did 2>/dev/null || :"):
                assert time.monotonic() < deadline
                time.sleep(0.2)
            for name in ("secret.key", "ssh"):
                _copy(homes[0] / name, homes[1] / name)
            first.process.send_signal(how)
            with running(homes[1], env=env) as second:
                while len(second.ask("GET", "/v1/servers").json["items"]) > 1:  # it is not known to be dead yet
                    assert time.monotonic() < deadline
                    time.sleep(0.2)
                first.process.send_signal(signal.SIGCONT)
                result = second.result(asked)
                assert "succeeded" in result, result
                assert (result["succeeded"], [each["tries"] for each in result["tasks"]]) == (True, [1, 1])
                assert host.run("cat ~/did").split() == ["make", "use"]
                assert second.ask("GET", "/v1/clusters").json["items"] == []
            first.kill()
    except postgres.Unavailable as why:
        pytest.skip(str(why))


def await_state(server: Server, job: int, state: str) -> None:
    """Wait until the job has come there."""
    deadline = time.monotonic() + 60
    while (found := server.ask("GET", f"/v1/jobs/{job}").json)["state"] != state:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)
