"""A state directory on a disk that fills up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from styx.agent.protocol import AgentError
from support.agents import Agent, job, until
from support.disks import small_disk

pytestmark = pytest.mark.root


@pytest.fixture
def small(agent: Agent) -> Iterator[Agent]:
    """An agent whose state is on a disk of 3 MiB."""
    with small_disk(agent.state, "size=3m,mode=0700"):
        yield agent
        agent.end()


def _fill(agent: Agent) -> None:
    with (agent.state / "ballast").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 512)
        except OSError:
            return


def test_a_job_does_not_feel_a_full_disk(small: Agent) -> None:
    """Output that does not fit is dropped with a note of how much, the job goes on, and its end is known."""
    client = small.ready()
    run = 'head -c 8000000 /dev/zero | tr "\\0" x; echo; rm "$BALLAST"; sleep 0.3; echo after; exit 3'
    (small.state / "ballast").write_bytes(b"x" * 500_000)
    number = client.call("jobs.submit", **job(run, envs={"BALLAST": str(small.state / "ballast")}))["id"]
    ended = client.call("jobs.wait", id=number)
    assert (ended["state"], ended["exit_code"]) == ("failed", 3)
    log = client.log(number)[0]
    assert b"of output were lost here: the disk was full]" in log
    assert log.endswith(b"after\n")


def test_submitting_to_a_full_disk(small: Agent) -> None:
    """A job that cannot be stored is refused with no_space; what ran before ends as it should, and room helps."""
    client = small.ready()
    running = client.call("jobs.submit", **job("echo up; until [ -e go ]; do sleep 0.02; done; exit 5"))["id"]
    until(lambda: client.log(running, follow=False))
    _fill(small)
    codes = set()
    for _ in range(100):  # what the table has allocated may still take some
        try:
            number = client.call("jobs.submit", **job("#" * 20_000))["id"]
        except AgentError as error:
            codes.add(error.code)
        else:
            assert client.call("jobs.wait", id=number)["state"] == "failed"
    assert codes == {"no_space"}
    (small.home / "go").touch()
    ended = client.call("jobs.wait", id=running)
    assert (ended["state"], ended["exit_code"]) == ("failed", 5)
    (small.state / "ballast").unlink()
    good = client.call("jobs.submit", **job("echo good"))["id"]
    assert client.call("jobs.wait", id=good)["state"] == "succeeded"
    small.kill()
    small.up()
    client = small.client()
    states = {one["id"]: one["state"] for one in client.call("jobs.list")["jobs"]}
    assert (states[running], states[good]) == ("failed", "succeeded")


def test_starting_on_a_full_disk(small: Agent) -> None:
    """An agent that cannot start for want of room says so in a line, and one with an old state starts all the same."""
    client = small.ready()
    number = client.call("jobs.submit", **job("exit 2"))["id"]
    client.call("jobs.wait", id=number)
    small.kill()
    _fill(small)
    done = small.start()
    if done.returncode:
        assert "full" in done.stderr or "space" in done.stderr
        assert done.stderr.count("\n") == 1
        (small.state / "ballast").unlink()
        small.up()
    assert small.client().call("jobs.wait", id=number)["exit_code"] == 2
