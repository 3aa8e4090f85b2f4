"""Managed jobs by the real program: a server starts by itself, and goes on when the terminal has gone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PIPELINE = """
name: pipe
---
name: count
output_names: [number]
run: echo "number=7" >> "$STYX_OUTPUTS"
---
name: say
depends_on: count
envs: {NUMBER: "${{ tasks.count.outputs.number }}"}
run: echo "it is $NUMBER"
"""


@pytest.fixture(autouse=True)
def _server(styx: Callable[..., object]) -> Iterator[None]:
    """The server that a test starts ends with it."""
    yield
    styx("api", "stop")


def found(styx, *words: str) -> list[dict[str, object]]:
    """The managed jobs, newest first."""
    listed = styx("jobs", "queue", *words, "-o", "json")
    assert listed.returncode == 0, listed.stderr
    return json.loads(listed.stdout)


def test_from_launch_to_end(styx) -> None:
    """The output is stdout and the exit code the job's; what it ran on is gone, and what happened is on record."""
    ran = styx(
        "jobs", "launch", "-n", "hello", "--secret", "TOKEN", "--", 'echo "hi ${#TOKEN}"; exit 3', TOKEN="hunter2"
    )
    assert (ran.returncode, ran.stdout) == (3, "hi 7\n"), ran.stderr
    assert "Job 1 failed with exit code 3" in ran.stderr
    (job,) = found(styx)
    assert (job["name"], job["state"], job["exit_code"], job["recoveries"]) == ("hello", "failed", 3, 0)
    assert json.loads(styx("status", "-o", "json").stdout) == []
    assert "pending -> starting" in styx("jobs", "logs", "--controller").stdout
    again = styx("jobs", "logs", "-n", "hello")
    assert (again.returncode, again.stdout) == (3, ran.stdout)
    told = styx("jobs", "status").stdout + styx("api", "logs").stdout + str(job)
    assert "hunter2" not in told
    assert styx("jobs", "cancel", "1").stdout == "Job 1 has ended already: failed.\n"
    assert styx("doctor").returncode == 0


def test_ctrl_c_leaves_job_and_server(styx, start) -> None:
    """Ctrl-C ends the command alone; one can come back to the job, also once its server was killed, and end it."""
    running = start("jobs", "launch", "--", "echo begin; until test -e ~/go; do sleep 0.05; done; echo end; exit 4")
    running.read_until("begin")
    code, err = running.interrupt()
    assert (code, "To come back to it:\n  styx jobs logs 1 " in err) == (130, True), err
    assert "Traceback" not in err
    (job,) = found(styx, "-s")
    server = json.loads(styx("api", "status", "-o", "json").stdout)
    assert (job["state"], server["answers"]) == ("running", True)
    os.kill(server["pid"], signal.SIGKILL)
    assert styx("ssh", str(job["cluster"]), "touch ~/go").returncode == 0
    back = styx("jobs", "logs", "1")
    assert (back.returncode, back.stdout) == (4, "begin\nend\n"), back.stderr


def test_several(styx, tmp_path: Path) -> None:
    """The jobs of an array know their ranks, those of a file hand outputs on, and all can be ended together."""
    (tmp_path / "pipe.yaml").write_text(PIPELINE)
    words = ["jobs", "launch", "--num-jobs", "2", "-n", "eval", "--", 'echo "$STYX_JOB_RANK of $STYX_NUM_JOBS"']
    ran = styx(*words)
    assert ran.returncode == 0, ran.stderr
    assert {line for line in ran.stdout.splitlines() if "succeeded" in line} == {
        f"Job {rank + 1} (eval[{rank}]): succeeded" for rank in range(2)
    }
    assert [styx("jobs", "logs", number).stdout for number in ("1", "2")] == ["0 of 2\n", "1 of 2\n"]
    piped = styx("jobs", "launch", "pipe.yaml")
    assert piped.returncode == 0, piped.stderr
    assert styx("jobs", "logs", "-n", "say").stdout == "it is 7\n"
    assert styx("spot", "queue").stdout == "No jobs.\n"
    styx("jobs", "launch", "-d", "--num-jobs", "2", "--", "sleep", "600")
    assert styx("jobs", "cancel", "--all", "-y").stdout == "Ending jobs 5, 6.\n"
    assert styx("jobs", "logs", "6").returncode == 143
    assert found(styx, "--state", "cancelled", "-l", "1")[0]["id"] == 6


def test_users_and_tokens(styx, tmp_path: Path) -> None:
    """Those of the server of this home are looked after without a login; by a login others work with it."""
    assert styx("api", "user", "add", "ann", "--role", "viewer").returncode == 0
    token = styx("api", "token", "create", "laptop", "--user", "ann", "--expires", "1d")
    assert token.stdout.startswith("styx_"), token.stderr
    url = json.loads(styx("api", "status", "-o", "json").stdout)["url"]
    login = styx("api", "login", url, "--token-file", "-", stdin=token.stdout)
    assert (login.returncode, login.stdout) == (0, f"Logged in to {url} as ann (viewer).\n"), login.stderr
    assert json.loads(styx("api", "info", "-o", "json").stdout)["user"] == "ann"
    refused = styx("api", "user", "list")
    assert (refused.returncode, "ann may not do that" in refused.stderr) == (77, True)
    (mine,) = json.loads(styx("api", "token", "list", "-o", "json").stdout)
    assert styx("jobs", "launch", "ls").returncode == 77
    styx("api", "logout")
    assert styx("api", "token", "revoke", mine["id"]).returncode == 0
    assert styx("api", "login", url, "--token-file", "-", stdin=token.stdout).returncode == 77


def test_from_python(styx) -> None:
    """The same from Python, where a call returns jobs and their output line by line."""
    program = (
        "import styx\n"
        "(job,) = styx.jobs_launch(styx.Task('t').run('echo one; echo two'))\n"
        "print(list(styx.jobs_logs(job.id)), styx.jobs_wait(job.id).state)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, "['one', 'two'] succeeded\n"), ran.stderr
