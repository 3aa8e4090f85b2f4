"""The program's command lines and the daemon's coming and going."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from styx.agent.build import build
from styx.agent.protocol import PROTOCOL, Decoder, decode_json, encode_json
from support.agents import Agent, Client, alive, job, unpack, until


def test_the_archive_is_the_same_every_time() -> None:
    """Building twice gives the same name and bytes, and the name holds a hash."""
    assert build() == build()
    name, data = build()
    assert name.startswith("styx-agent-")
    assert name.endswith(".pyz")
    assert len(data) < 150_000


def test_unpacking_is_atomic_and_done_once(tmp_path: Path) -> None:
    """Several at once give one program, compiled, with nothing left over; again changes nothing."""
    name, data = build()
    archive = tmp_path / name
    archive.write_bytes(data)
    directory = tmp_path / "programs"
    command = [sys.executable, "-I", "-S", str(archive), "unpack", str(directory)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    outputs = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0] * 4, outputs
    programs = {json.loads(out)["program"] for out, _ in outputs}
    assert len(programs) == 1
    program = Path(programs.pop())
    assert program == directory / name[len("styx-agent-") : -len(".pyz")] / "main.py"
    assert list(directory.iterdir()) == [program.parent]
    compiled = list((program.parent / "styx_agent" / "__pycache__").iterdir())
    assert len(compiled) == len(list((program.parent / "styx_agent").glob("*.py")))
    assert not (program.parent / "styx_agent" / "build.py").exists()
    before = program.stat().st_mtime_ns
    subprocess.run(command, check=True, capture_output=True)
    assert program.stat().st_mtime_ns == before


def test_version_and_wrong_usage(agent: Agent) -> None:
    """The command version prints protocol and build; anything unknown exits 64 with the usage."""
    version = json.loads(agent.command("version").stdout)
    assert version == {"protocol": PROTOCOL, "build": Path(agent.program).parent.name}
    for words in ([], ["dance"], ["daemon"], ["daemon", "--state"], ["ping", "--port", "1"], ["version", "x"]):
        done = agent.command(*words)
        assert done.returncode == 64, words
        assert "usage" in done.stderr
    done = agent.start("--idle-exit", "soon")
    assert done.returncode == 64
    done = agent.command("ping", "--socket", "/tmp/" + "x" * 100)
    assert done.returncode == 64


def test_ping(agent: Agent) -> None:
    """The command ping prints hello's answer, and exits 69 when nobody answers."""
    assert agent.command("ping", "--socket", agent.socket).returncode == 69
    pid = agent.up()
    done = agent.command("ping", "--socket", agent.socket)
    assert done.returncode == 0
    assert json.loads(done.stdout)["pid"] == pid
    agent.kill()
    done = agent.command("ping", "--socket", agent.socket)
    assert done.returncode == 69
    assert "Traceback" not in done.stderr


def test_one_daemon_a_state(agent: Agent) -> None:
    """A second start exits 75 with the pid of the first; after a crash a start works at once."""
    pid = agent.up()
    second = agent.start()
    assert second.returncode == 75
    assert json.loads(second.stdout) == {"pid": pid, "running": True}
    agent.kill()
    assert agent.up() != pid


def test_many_starts_at_once(agent: Agent) -> None:
    """Of many that start together one becomes the daemon, and each caller finds it answering."""
    results: list[subprocess.CompletedProcess[str]] = []

    def start() -> None:
        done = agent.start()
        Client(agent.socket).close()
        results.append(done)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done.returncode for done in results) == [0] + [75] * 7
    assert len({json.loads(done.stdout)["pid"] for done in results}) == 1


def test_a_start_while_the_old_one_is_on_its_way_out(agent: Agent) -> None:
    """Whoever starts an agent just after it was told to end gets one that answers."""
    for _ in range(5):
        client = agent.ready()
        client.call("agent.shutdown", cancel_jobs=False)
        assert agent.start().returncode in {0, 75}
        until(lambda: agent.command("ping", "--socket", agent.socket).returncode == 0 or agent.start() is None)
        agent.kill()


def test_nobody_else_reaches_the_socket(agent: Agent) -> None:
    """The socket has mode 0600 in a directory with mode 0700, and the state directory is as closed."""
    agent.up()
    assert stat.S_IMODE(Path(agent.socket).stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(agent.socket).parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(agent.state.stat().st_mode) == 0o700
    for path in agent.state.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0 or path.is_dir(), path


def test_an_open_directory_is_refused(agent: Agent) -> None:
    """A socket is not put where others could put theirs; the reason is told and nothing stays behind."""
    Path(agent.socket).parent.chmod(0o777)
    done = agent.start()
    assert done.returncode == 1
    assert "0700" in done.stderr
    assert "Traceback" not in done.stderr
    Path(agent.socket).parent.chmod(0o700)
    agent.up()


def test_another_agents_socket_is_left_alone(make: Callable[..., Agent]) -> None:
    """A daemon on another state does not take a socket that somebody answers on."""
    first, second = make(), make()
    first.up()
    second.socket = first.socket
    assert "another agent" in second.start().stderr
    assert first.client().call("hello", protocol=1, client="t")["pid"] == first.pid


def test_a_state_directory_that_cannot_be(agent: Agent) -> None:
    """A state path below a file is one clear line and exit status 1."""
    agent.state = agent.root / "file" / "state"
    (agent.root / "file").write_text("")
    done = agent.start()
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    agent.state = agent.root


def test_a_damaged_table_is_put_aside(agent: Agent) -> None:
    """A job table that cannot be read does not keep the agent from starting; numbers are not given twice."""
    client = agent.ready()
    number = client.call("jobs.submit", **job("echo old"))["id"]
    client.call("jobs.wait", id=number)
    agent.kill()
    for path in agent.state.glob("jobs.db*"):
        path.write_bytes(b"not a database" * 1000)
    client = agent.ready()
    again = client.call("jobs.submit", **job("echo new"))["id"]
    assert again > number
    assert client.log(again) == {0: b"new\n"}
    assert list(agent.state.glob("jobs.db.damaged*"))


def test_idle_exit(agent: Agent) -> None:
    """With --idle-exit the daemon leaves when nothing has gone on for so long, and not while a job runs."""
    assert agent.start("--idle-exit", "0.5").returncode == 0
    pid = agent.pid or 0
    with agent.client() as client:
        agent.configure(client)
        client.call("jobs.submit", **job("sleep 1.2"))
    time.sleep(0.9)
    assert alive(pid)
    until(lambda: not alive(pid), 5)
    assert not Path(agent.socket).exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_the_daemon_and_not_its_jobs(agent: Agent, number: int) -> None:
    """SIGTERM and SIGINT are orderly; SIGHUP is nothing; the job goes on with default signal handlers."""
    ignored = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)  # as by whatever nohup or a script's & has started
    before = [signal.signal(each, signal.SIG_IGN) for each in ignored]
    try:
        client = agent.ready()
    finally:
        for each, handler in zip(ignored, before, strict=True):
            signal.signal(each, handler)
    work = client.call(
        "jobs.submit", **job("grep -E 'Sig(Ign|Blk)' /proc/self/status; until [ -e go ]; do sleep 0.02; done")
    )
    until(lambda: client.log(work["id"], follow=False))
    pid = agent.pid or 0
    os.kill(pid, signal.SIGHUP)
    assert client.call("jobs.list")["jobs"][0]["state"] == "running"
    os.kill(pid, number)
    until(lambda: not alive(pid))
    assert not Path(agent.socket).exists()
    agent.up()
    client = agent.client()
    (agent.home / "go").touch()
    assert client.call("jobs.wait", id=work["id"])["state"] == "succeeded"
    masks = [int(line.split()[1], 16) for line in client.log(work["id"])[0].decode().splitlines()]
    assert [mask & 0x7FFFFFFF for mask in masks] == [0, 0]  # above are signals that the C library keeps to itself


def test_the_bridge_is_a_connection(agent: Agent) -> None:
    """Requests on the bridge's standard input are answered on its standard output, until either end closes."""
    agent.ready()
    command = [sys.executable, "-I", "-S", agent.program, "bridge", "--socket", agent.socket]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as bridge:
        assert bridge.stdin is not None
        assert bridge.stdout is not None
        decoder = Decoder()
        for number in (1, 2):
            bridge.stdin.write(encode_json({"id": number, "method": "jobs.list"}))
            bridge.stdin.flush()
            frames: list[tuple[bytes, bytes]] = []
            while not frames:
                frames = list(decoder.feed(os.read(bridge.stdout.fileno(), 65536)))
            assert decode_json(frames[0][1]) == {"id": number, "result": {"jobs": []}}
        bridge.stdin.close()
        assert bridge.wait(10) == 0
    assert agent.command("bridge", "--socket", "/tmp/nobody-here.sock").returncode == 69


def test_an_idle_daemon_is_small_and_asleep(agent: Agent) -> None:
    """After a hundred jobs the daemon has at most 30 MiB, and idle it uses hardly any CPU."""
    client = agent.ready()
    numbers = [client.call("jobs.submit", **job("echo hi"))["id"] for _ in range(100)]
    assert {client.call("jobs.wait", id=number)["state"] for number in numbers} == {"succeeded"}
    client.call("metrics.sample")
    status = Path(f"/proc/{agent.pid}/status").read_text()
    assert int(status.split("VmRSS:")[1].split()[0]) < 30 * 1024
    time.sleep(1.2)  # the first sample is over

    def ticks() -> int:
        fields = Path(f"/proc/{agent.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before = ticks()
    time.sleep(2)
    assert ticks() - before <= 1


def test_a_cold_start_is_cheap(agent: Agent) -> None:
    """Starting the daemon costs little CPU."""
    agent.up()
    agent.kill()
    before = os.times()
    agent.up()
    after = os.times()
    assert (after.children_user + after.children_system) - (before.children_user + before.children_system) < 0.15


def _python_3_8() -> str | None:
    """A Python 3.8 that works, from the path or from pyenv."""
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    for path in [shutil.which("python3.8"), *home.glob(".pyenv/versions/3.8.*/bin/python3.8")]:
        if (
            path
            and subprocess.run([path, "-c", "import sqlite3, ctypes"], capture_output=True, check=False).returncode == 0
        ):
            return str(path)
    return None


def test_it_runs_on_python_3_8(tmp_path: Path) -> None:
    """The oldest Python that nodes may have runs the agent and a job."""
    python = _python_3_8()
    if python is None:
        pytest.skip("there is no Python 3.8 on this machine")
    agent = Agent(unpack(tmp_path, python), tmp_path / "agent", python=python)
    try:
        client = agent.ready()
        assert client.call("hello", protocol=1, client="t")["python"].startswith("3.8.")
        number = client.call("jobs.submit", **job("echo hi", setup="echo setup", secrets={"A": "b"}))["id"]
        assert client.log(number) == {0: b"setup\nhi\n"}
        assert client.call("jobs.wait", id=number)["state"] == "succeeded"
        client.call("autostop.set", idle_minutes=1, down=True, wait_for="jobs_and_ssh")
        client.call("metrics.sample")
        assert client.call("jobs.cancel", ids=None) == {"cancelled": []}
        assert agent.command("ping", "--socket", agent.socket).returncode == 0
        client.call("agent.shutdown", cancel_jobs=True)
        assert not (agent.state / "agent.log").exists()
    finally:
        agent.end()


def test_a_socket_that_is_removed_comes_back(agent: Agent) -> None:
    """Who cleans up /tmp does not cut the cluster off: the agent listens again, and starting it finds it running."""
    client = agent.ready()
    pid = client.call("hello", protocol=PROTOCOL, client="t")["pid"]
    Path(agent.socket).unlink()
    until(lambda: Path(agent.socket).exists())
    assert agent.client().call("hello", protocol=PROTOCOL, client="t")["pid"] == pid
    client.call("agent.shutdown", cancel_jobs=False)
    until(lambda: not Path(agent.socket).exists())


def test_sockets_of_agents_that_were_killed_are_swept(make: Callable[..., Agent]) -> None:
    """One that starts removes what nobody listens on and nobody has begun to listen on for long."""
    agent = make()
    directory = Path(agent.socket).parent
    names = {"dead.sock": True, "young.sock": False, "other.txt": True}
    for name, old in names.items():
        (directory / name).touch()
        if old:
            os.utime(directory / name, (1, 1))
    agent.ready()
    until(lambda: not (directory / "dead.sock").exists())
    assert (directory / "young.sock").exists()
    assert (directory / "other.txt").exists()


def test_an_agent_without_a_node_ends(agent: Agent) -> None:
    """When its state directory has been removed nobody can come back: it ends, and takes along what it has started."""
    client = agent.ready()
    pid = agent.pid or 0
    client.call("jobs.submit", **job("echo $$ > running; sleep 300"))
    running = int(until(lambda: (agent.home / "running").exists() and (agent.home / "running").read_text()))
    shutil.rmtree(agent.state)
    until(lambda: not alive(pid))
    until(lambda: not alive(running))
    assert not Path(agent.socket).exists()
