"""Jobs in containers: a real agent and a real Docker engine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from styx.agent.protocol import AgentError
from support import docker
from support.agents import Agent, Client, alive, job, marked, until

Make = Callable[..., Agent]
SOCKET = "/var/run/docker.sock"
SLOW = "echo begun; until [ -e go ]; do sleep 0.1; done; echo over; exit 4"

pytestmark = pytest.mark.skipif(bool(docker.missing()), reason=docker.missing() or "-")


@pytest.fixture(scope="module")
def image() -> str:
    """A small image without bash."""
    return docker.make_image()


@pytest.fixture(params=["root", "user"])
def agent(make: Make, request: pytest.FixtureRequest, program: str) -> Iterator[Agent]:
    """An agent that root has started, and one of a user who may use Docker and is not root."""
    if request.param == "root":
        made = make()
        yield made
        docker.remove(name(made))
        return
    python = "/usr/bin/python3"  # ours may be in a home that is closed to others, and so may pytest's directories
    if os.getuid() or not Path(SOCKET).exists() or not Path(python).exists():
        pytest.skip("needs root, to be another user, and a Python for all users")
    with tempfile.TemporaryDirectory(prefix="styx-user-", dir="/tmp") as directory:
        made = Agent(program, Path(directory) / "agent", python=python)
        made.program = str(shutil.copytree(Path(program).parent, made.root / "program") / "main.py")
        Path(directory).chmod(0o755)
        made.run_as(1234, Path(SOCKET).stat().st_gid)
        yield made
        docker.remove(name(made))
        made.end()


def name(agent: Agent) -> str:
    """The agent's container: one engine serves all tests, and directories of two workers share their names."""
    return f"{agent.root.parent.name}-{os.getpid()}-0"


def ready(agent: Agent, image: str, **params: Any) -> Client:
    """Start and configure the agent, and its container; a connection."""
    client = agent.ready(cluster_key=name(agent)[:-2], **params)
    client.call("container.prepare", image=image)
    return client


def workdir(agent: Agent) -> Path:
    """The directory where jobs start, as a client makes it on the node."""
    made = agent.home / "styx_workdir"
    made.mkdir(exist_ok=True)
    for path in (made, made / "brought"):
        path.touch()
        if agent.ids:
            os.chown(path, agent.ids[0], agent.ids[0])
    return made


def run(client: Client, image: str, script: str, **fields: Any) -> tuple[int | None, str]:
    """Run a job in the container; its exit code and output."""
    number = client.call("jobs.submit", **job(script, container=image, workdir="styx_workdir", **fields))["id"]
    output = client.log(number).get(0, b"").decode()
    return client.call("jobs.wait", id=number)["exit_code"], output


def test_a_job_has_the_image_and_what_the_task_brings(agent: Agent, image: str) -> None:
    """The image's variables and files, the task's in its directory, the network of the node, and an exit code."""
    client = ready(agent, image)
    workdir(agent)
    shown = 'echo "$OF_THE_IMAGE $(cat ~/of-the-image) $(id -u) ${PWD##*/}"; ls; ls ~/styx_workdir; exit 7'
    assert run(client, image, shown, setup="echo set up") == (
        7, "set up\nyes image 0 styx_workdir\nbrought\nbrought\n",
    )  # fmt: skip
    addresses = Path("/proc/net/fib_trie").read_text()
    assert run(client, image, "cat /proc/net/fib_trie")[1] == addresses


def test_variables_of_all_shapes_arrive_and_show_nowhere(agent: Agent, image: str) -> None:
    """Neither in a command line, while the job runs, nor in what Docker tells of the container."""
    client = ready(agent, image)
    value = 'it\'s "two"\nlines, $HOME and `id`'
    fields = {"envs": {"A": value, "B": "mentioned"}, "secrets": {"S": "hush-" + value}}
    script = 'printf "%s|%s|" "$A" "$S"; until [ -e go ]; do sleep 0.1; done'
    started = job(script, container=image, workdir="styx_workdir", **fields)  # type: ignore[arg-type]
    directory = workdir(agent)
    number = client.call("jobs.submit", **started)["id"]
    expected = f"{value}|hush-{value}|"
    until(lambda: client.log(number, follow=False) == {0: expected.encode()})
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
    told = (docker.docker("inspect", name(agent)) or "") + processes(agent)
    for secret in ("hush", "mentioned"):
        assert not any(secret in line for line in listed)
        assert secret not in told
    (directory / "go").touch()
    assert client.call("jobs.wait", id=number)["state"] == "succeeded"


def test_what_a_job_makes_belongs_to_the_nodes_user(agent: Agent, image: str) -> None:
    """Though the job is root: the next copy of the task's files has to replace it."""
    client = ready(agent, image)
    directory = workdir(agent)
    owner = directory.stat().st_uid
    assert run(client, image, "mkdir -p made/below; touch made/below/file brought")[0] == 0
    made = [directory / "made", directory / "made/below/file", directory / "brought"]
    until(lambda: all(path.stat().st_uid == owner for path in made))


def test_jobs_share_one_container_side_by_side(agent: Agent, image: str) -> None:
    """What one installs the next one has; each has an output, an end and a code of its own."""
    client = ready(agent, image)
    assert run(client, image, "touch /usr/installed; ls ~")[0] == 0
    at_once = [client.call("jobs.submit", **job(f"sleep 1; ls /usr; exit {n}", container=image)) for n in range(4)]
    ended = [client.call("jobs.wait", id=each["id"]) for each in at_once]
    assert [each["exit_code"] for each in ended] == [0, 1, 2, 3]
    assert max(each["started_at"] for each in ended) < min(each["ended_at"] for each in ended)
    assert {client.log(each["id"])[0] for each in at_once} == {b"installed\n"}


def test_cancelling_ends_what_runs_inside(agent: Agent, image: str) -> None:
    """Also what has left its group or pays no heed; first it is asked, and what it says then is in its output."""
    client = ready(agent, image)
    stubborn = 'trap "" TERM; (setsid sleep 301 &) ; sleep 302'
    polite = 'trap "echo asked; exit 3" TERM; echo begun; while :; do sleep 0.1; done'
    other = client.call("jobs.submit", **job("sleep 303", container=image))["id"]
    numbers = [client.call("jobs.submit", **job(each, container=image))["id"] for each in (stubborn, polite)]
    until(lambda: all(f"sleep {n}" in processes(agent) for n in (301, 302, 303)))
    until(lambda: client.log(numbers[1], follow=False) == {0: b"begun\n"})
    assert sorted(client.call("jobs.cancel", ids=numbers)["cancelled"]) == numbers
    assert "sleep 301" not in processes(agent)
    assert "sleep 302" not in processes(agent)
    assert "sleep 303" in processes(agent)
    assert client.log(numbers[1])[0].endswith(b"asked\n")
    client.call("jobs.cancel", ids=[other])
    assert "sleep 303" not in processes(agent)


def processes(agent: Agent) -> str:
    """What runs in the container."""
    return docker.docker("top", name(agent), "-eo", "pid,args") or ""


def test_the_end_of_the_agent_is_none_of_its_jobs(agent: Agent, image: str) -> None:
    """The next one takes them over: what they write, how they end, and that they can be cancelled."""
    client = ready(agent, image)
    directory = workdir(agent)
    numbers = [
        client.call("jobs.submit", **job(script, container=image, workdir="styx_workdir"))["id"]
        for script in (SLOW, "sleep 304")
    ]
    until(lambda: client.log(numbers[0], follow=False) == {0: b"begun\n"} and "sleep 304" in processes(agent))
    agent.kill()
    (directory / "go").touch()
    agent.up()
    client = agent.client()
    assert client.call("jobs.wait", id=numbers[0])["exit_code"] == 4
    assert client.log(numbers[0]) == {0: b"begun\nover\n"}
    assert client.call("jobs.cancel", ids=None) == {"cancelled": [numbers[1]]}
    assert "sleep 304" not in processes(agent)


@pytest.mark.parametrize("how", ["stop", "rm"])
def test_a_container_that_is_gone_is_there_again_for_the_next_job(agent: Agent, image: str, how: str) -> None:
    """Started again with what was installed in it, as after a reboot of the node; else made anew."""
    client = ready(agent, image)
    assert run(client, image, "touch /usr/installed")[0] == 0
    docker.docker(*(("stop", "-t", "0") if how == "stop" else ("rm", "-f")), name(agent))
    assert run(client, image, "ls /usr") == (0, "installed\n" if how == "stop" else "")


def test_a_job_whose_container_dies_is_lost(agent: Agent, image: str) -> None:
    """Nobody knows how it ended."""
    client = ready(agent, image)
    number = client.call("jobs.submit", **job("echo begun; sleep 305", container=image))["id"]
    until(lambda: client.log(number, follow=False) == {0: b"begun\n"})
    docker.docker("kill", name(agent))
    assert client.call("jobs.wait", id=number)["state"] == "lost"


def test_mounts_show_under_their_names(agent: Agent, image: str) -> None:
    """Those below the home in the home of the container, absolute ones where they are meant to be."""
    client = ready(agent, image)
    (agent.home / ".styx_container/root/data").mkdir(parents=True)
    (agent.home / ".styx_container/root/data/set").write_text("absolute\n")
    (agent.home / ".config").mkdir()
    (agent.home / ".config/tool").write_text("hidden\n")
    (agent.home / "of-the-image").write_text("the task's\n")
    (agent.home / ".styx_container/mounts").write_text("/data/set\n.config/tool\nof-the-image\n")
    for _ in range(2):
        shown = run(client, image, "cat /data/set ~/.config/tool ~/of-the-image")
        assert shown == (0, "absolute\nhidden\nthe task's\n")


def test_a_notice_of_preemption_shows_in_the_container(agent: Agent, image: str) -> None:
    """By the same variable."""
    client = ready(agent, image, notice=f"test -e {agent.home}/notice")
    workdir(agent)
    waits = 'until [ -e "$STYX_PREEMPTION_NOTICE" ]; do sleep 0.1; done'
    number = client.call("jobs.submit", **job(waits, container=image))["id"]
    (agent.home / "notice").touch()
    assert client.call("jobs.wait", id=number)["state"] == "succeeded"


def test_a_gang_in_containers(make: Make, image: str) -> None:
    """All are ready before any runs, one that fails ends the others, and shutting down ends all that runs inside."""
    nodes = [make(), make()]
    key = nodes[0].root.parent.name
    try:
        for rank, node in enumerate(nodes):
            peers = {"1": {"socket": nodes[1].socket}} if rank == 0 else {}
            node.up()
            ips = ["10.0.0.1", "10.0.0.2"]
            node.configure(node.client(), cluster_key=key, rank=rank, num_nodes=2, node_ips=ips, peers=peers)
            node.client().call("container.prepare", image=image)
        client = nodes[0].client()
        fields = {"num_nodes": 2, "container": image}
        told = job("echo $STYX_NODE_RANK $OF_THE_IMAGE", setup="echo set", **fields)
        number = client.call("jobs.submit", **told)["id"]
        assert client.log(number) == {0: b"set\n0 yes\n", 1: b"set\n1 yes\n"}
        failing = client.call("jobs.submit", **job("[ $STYX_NODE_RANK = 0 ] && sleep 306; exit 7", **fields))["id"]
        assert client.call("jobs.wait", id=failing)["exit_code"] == 7
        client.call("jobs.submit", **job("setsid sleep 307 & sleep 1", **fields))
        inside = [f"{key}-{rank}" for rank in (0, 1)]
        until(lambda: all("sleep 307" in (docker.docker("top", each, "-eo", "pid,args") or "") for each in inside))
        client.call("agent.shutdown", cancel_jobs=True)
        until(lambda: not any(alive(node.pid or 0) for node in nodes))
        assert [(docker.inspect(each) or {})["State"]["Running"] for each in inside] == [False, False]
    finally:
        for rank in (0, 1):
            docker.remove(f"{key}-{rank}")


def test_why_there_is_no_container(make: Make, image: str, tmp_path: Path) -> None:
    """An image that nobody has, and an engine that nobody can reach, are told when it is prepared."""
    agent = make()
    client = agent.ready(cluster_key=name(agent)[:-2])
    with pytest.raises(AgentError, match=r"cannot fetch 127\.0\.0\.1:1/no/such:image: ") as refused:
        client.call("container.prepare", image="127.0.0.1:1/no/such:image")
    assert refused.value.code == "no_container"
    agent.kill()
    agent.env["DOCKER_HOST"] = f"unix://{tmp_path}/nobody"
    agent.env["PATH"] = str(tmp_path)  # where there is no sudo, to be root by, either
    for tool in ("cat", "docker", "id", "mkfifo", "mv"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "")
    tmp_path.chmod(0o755)
    agent.up()
    client = agent.client()
    with pytest.raises(AgentError, match="Docker cannot be used on this node"):
        client.call("container.prepare", image=image)
    number = client.call("jobs.submit", **job("true", container=image))["id"]
    assert client.call("jobs.wait", id=number)["exit_code"] == 126
    assert b"[styx: the container of this node cannot be used: Docker cannot be used" in client.log(number)[0]


def test_nothing_stays_on_the_node_of_a_job_that_has_ended(agent: Agent, image: str) -> None:
    """No process waits for it outside of the container, and none inside."""
    client = ready(agent, image)
    before = processes(agent)
    for _ in range(3):
        assert run(client, image, "true")[0] == 0
    until(lambda: processes(agent) == before)
    until(lambda: marked(agent.mark) == [agent.pid])
