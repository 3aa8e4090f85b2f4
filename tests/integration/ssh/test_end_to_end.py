"""``styx`` on machines you own, from config.yaml to a clean machine: two real hosts, one gang, nothing left behind."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from styx.testing.hosts import Host, Hosts

Styx = Callable[..., str]
RANKS = "echo rank $STYX_NODE_RANK of $STYX_NUM_NODES on $(hostname) with $(echo $STYX_NODE_IPS)"


@pytest.fixture
def styx(hosts: list[Host], styx_home: Path) -> Styx:
    """Runs the command line, with both hosts in the pool ``lab``; it must end with status 0 unless told otherwise."""
    if not hosts[0].isolated:
        pytest.skip("on loopback hosts processes cannot be told apart")
    return command_line(hosts, styx_home)


def command_line(hosts: list[Host], styx_home: Path) -> Styx:
    """See :func:`styx`."""
    styx_home.mkdir()
    pools = {"lab": {"hosts": [host.entry() for host in hosts]}}
    (styx_home / "config.yaml").write_text(json.dumps({"clouds": {"ssh": {"pools": pools}}}))

    def run(*words: str, status: int = 0) -> str:
        argv = [str(Path(sys.executable).with_name("styx")), *words]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == status, f"styx {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout

    return run


def assert_clean(host: Host) -> None:
    """Nothing of ours runs on the host, and its disk is as it was."""
    give_up = time.monotonic() + 10
    while left := [*host.processes(), *host.home.iterdir(), *(host.directory / "tmp").iterdir()]:
        assert time.monotonic() < give_up, f"left on {host.name}: {left}"
        time.sleep(0.05)


def test_a_gang_runs_is_cancelled_and_leaves_nothing(styx: Styx, hosts: list[Host], styx_home: Path) -> None:
    """Two machines run one task as one, stop it on both, and are as they were when the cluster is gone."""
    output = styx("launch", "-y", "-c", "duo", "--infra", "ssh/lab", "--num-nodes", "2", "--", "sh", "-c", RANKS)
    ips = " ".join(host.address for host in hosts)
    for rank, host in enumerate(hosts):
        assert f"rank {rank} of 2 on {host.run('hostname')} with {ips}" in output
    styx("exec", "-d", "duo", "--num-nodes", "2", "--", "sleep", "4321")
    for host in hosts:
        give_up = time.monotonic() + 10
        while not any("sleep 4321" in line for line in host.processes()):
            assert time.monotonic() < give_up, f"the job does not run on {host.name}"
            time.sleep(0.05)
    styx("cancel", "-y", "duo", "2")
    assert not [line for host in hosts for line in host.processes() if "sleep 4321" in line]
    styx("down", "-y", "duo")
    assert "duo" not in styx("status", "-o", "json")
    notes = [json.loads(note.read_text()) for note in (styx_home / "ssh" / "attempts").iterdir()]
    assert [note["asked"] for note in notes] == [[]]
    for host in hosts:
        assert_clean(host)


def test_machines_give_themselves_back_by_autostop(styx: Styx, hosts: list[Host]) -> None:
    """With autostop nobody has to come back: the machines are free, clean, and can be rented again."""
    gang = ("--infra", "ssh/lab", "--num-nodes", "2")
    styx("launch", "-y", "-c", "auto", *gang, "-i", "0", "--down", "--", "echo", "hi")
    for host in hosts:
        assert_clean(host)
    assert "auto" not in styx("status", "-r", "-o", "json")
    styx("launch", "-y", "-c", "again", *gang, "--", "echo", "hi")


def test_hosts_that_share_processes_give_themselves_back_by_autostop(styx_home: Path) -> None:
    """Also where each host sees the processes of the other, as containers of one machine may, both are free again."""
    with Hosts(2, shares=True) as hosts:
        if not hosts[0].isolated:
            pytest.skip("hosts on loopback overrule the commands of keys")
        styx = command_line(hosts, styx_home)
        styx("launch", "-y", "-c", "auto", "--infra", "ssh/lab", "--num-nodes", "2", "-i", "0", "--down", "--", "true")
        give_up = time.monotonic() + 20
        while left := [path for host in hosts for path in host.home.iterdir()]:
            assert time.monotonic() < give_up, f"left: {left}"
            time.sleep(0.05)
        assert "auto" not in styx("status", "-r", "-o", "json")


def test_what_a_task_mounts_into_a_machine_of_yours_stays(styx: Styx, hosts: list[Host], tmp_path: Path) -> None:
    """The working directory is ours and goes; what was put beside the user's own files by a mount is theirs."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "code").write_text("code")
    (tmp_path / "data").write_text("data")
    mounts = {"~/results/data": str(tmp_path / "data")}
    task = {"workdir": str(tmp_path / "work"), "file_mounts": mounts, "run": "cat code ~/results/data"}
    (tmp_path / "task.yaml").write_text(json.dumps(task))
    assert "codedata" in styx("launch", "-y", "-c", "one", "--infra", "ssh/lab", str(tmp_path / "task.yaml"))
    styx("down", "-y", "one")
    left = [path for host in hosts for path in host.home.rglob("*") if path.is_file()]
    assert [path.read_text() for path in left] == ["data"]


def test_a_stopped_machine_of_yours_is_refused_before_anything_is_made(styx: Styx, hosts: list[Host]) -> None:
    """Autostop without ``--down`` would have to switch machines off; that is said before one is reserved."""
    styx("launch", "-y", "-c", "auto", "--infra", "ssh/lab", "-i", "5", "--", "echo", "hi", status=2)
    for host in hosts:
        assert_clean(host)
