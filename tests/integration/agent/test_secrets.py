"""Where the secrets of a job may be, and where they may not."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.agents import Agent, job, until

SECRET = "correct-horse-battery-staple-4711"


def _holding(directory: Path) -> Iterator[Path]:
    for path in directory.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # others come and go in /dev/shm
            if path.is_file() and SECRET.encode() in path.read_bytes():
                yield path


def _command_lines() -> bytes:
    """What everybody on this machine can see of every process; there may be no ps."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found.append(path.read_bytes())
    return b"\n".join(found)


def test_a_secret_reaches_the_job_and_no_file(agent: Agent) -> None:
    """The job has it in its environment; no file of the state directory, answer or process list does."""
    client = agent.ready()
    show = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '"
    run = f'test "$TOKEN" = "$EXPECTED" && echo same; {show}; until [ -e go ]; do sleep 0.02; done'
    expected = SECRET[::-1]
    number = client.call(
        "jobs.submit", **job(run.replace("$EXPECTED", "$(echo " + expected + " | rev)"), secrets={"TOKEN": SECRET})
    )["id"]
    until(lambda: b"same" in client.log(number, follow=False).get(0, b""))
    assert list(_holding(agent.state)) == []
    listing = _command_lines()
    assert str(agent.state).encode() in listing  # the job is among them
    assert SECRET.encode() not in listing
    assert SECRET not in str(client.call("jobs.list"))
    (agent.home / "go").touch()
    assert client.call("jobs.wait", id=number)["state"] == "succeeded"
    assert SECRET.encode() not in client.log(number)[0]
    assert list(_holding(agent.state)) == []
    assert list(_holding(agent.home)) == []


def _kept() -> list[Path]:
    """The files of waiting jobs on tmpfs that agents of tests keep."""
    return [path for path in Path("/dev/shm").glob("styx-*/*") if path.name.isdigit()]


def test_the_secrets_of_a_waiting_job_are_nowhere_in_clear(agent: Agent) -> None:
    """They survive the agent, are closed to others, and are gone once the job runs or is cancelled."""
    if not Path("/dev/shm").is_dir():
        pytest.skip("this machine has no /dev/shm")
    client = agent.ready()
    before = set(_kept())
    cpus = client.call("hello", protocol=1, client="t")["cpus"]
    client.call("jobs.submit", **job("until [ -e go ]; do sleep 0.02; done", cpus=cpus))
    second = client.call("jobs.submit", **job('echo "${#TOKEN}"', cpus=cpus, secrets={"TOKEN": SECRET}))["id"]
    third = client.call("jobs.submit", **job("true", cpus=cpus, secrets={"TOKEN": SECRET}))["id"]
    kept = [path for path in _kept() if path not in before and path.name in {str(second), str(third)}]
    assert len(kept) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert {stat.S_IMODE(path.parent.stat().st_mode) for path in kept} == {0o700}
    assert list(_holding(agent.state)) == []
    assert list(_holding(Path("/dev/shm"))) == []
    client.call("jobs.cancel", ids=[third])
    assert len([path for path in kept if path.exists()]) == 1
    agent.kill()
    agent.up()
    client = agent.client()
    (agent.home / "go").touch()
    assert client.log(second) == {0: f"{len(SECRET)}\n".encode()}
    client.call("jobs.wait", id=second)
    assert not kept[0].parent.exists()


def test_the_environment_of_whoever_started_the_agent_stays_out(agent: Agent) -> None:
    """A credential in the shell that started the daemon does not reach a job."""
    agent.env["AWS_SECRET_ACCESS_KEY"] = SECRET
    client = agent.ready()
    number = client.call("jobs.submit", **job("env; tr '\\0' '\\n' < /proc/$PPID/environ"))["id"]
    log = client.log(number)[0].decode()
    assert "AWS_SECRET" not in log
    assert "PATH=" in log


def test_a_failing_request_does_not_tell_a_secret(agent: Agent) -> None:
    """Errors about a request name what is wrong, not what it holds."""
    client = agent.ready()
    request = client.send("jobs.submit", **job("true", secrets={"TOKEN": SECRET, "": "x"}))
    message, _ = next(client.messages(request))
    assert message["error"]["code"] == "bad_request"
    assert SECRET not in str(message)
