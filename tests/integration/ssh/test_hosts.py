"""The test hosts themselves: what other tests rely on when they pull a cable or change a key."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from styx.api import HostKeyChanged, TransportError
from styx.transports import open_transport
from support.host_slots import Slot
from support.hosts import Host, Hosts, unavailable

TESTS = Path(__file__).parents[2]


async def say(host: Host, command: str, **options: str) -> str:
    """What the command prints on the host, over SSH."""
    transport = open_transport(host.endpoint(**options))
    try:
        return (await transport.run(command, timeout=5)).text
    finally:
        await transport.close()


async def test_each_host_is_a_machine_of_its_own(hosts: list[Host]) -> None:
    """Hosts have homes and addresses of their own, and reach each other."""
    first, second = hosts
    await say(first, "echo kept > ~/here")
    assert (first.home / "here").read_text() == "kept\n"
    assert not (second.home / "here").exists()
    assert first.address != second.address
    reached = await say(second, f"bash -c 'read -r line </dev/tcp/{first.address}/{first.port}; echo $line'")
    assert reached.startswith("SSH-2.0-")


async def test_what_run_sees_is_what_ssh_sees(host: Host) -> None:
    """The way from beneath leads to the same host as the way over SSH."""
    command = 'echo "$HOME $(hostname) $(pwd)"'
    assert host.run(command) == await say(host, command)


async def test_a_cut_host_does_not_answer_until_restored(host: Host) -> None:
    """A cut link loses what is sent, and works again once restored."""
    host.cut()
    with pytest.raises(TransportError):
        await say(host, "true")
    host.restore()
    assert await say(host, "echo back") == "back"


async def test_a_changed_host_key_is_another_key(host: Host) -> None:
    """After a change the host shows the new key and no longer the old one."""
    old = host.host_key
    host.change_host_key()
    assert host.host_key != old
    assert await say(host, "echo in") == "in"
    with pytest.raises(HostKeyChanged):
        await say(host, "true", host_key=old)


async def test_options_of_sshd_can_be_changed(host: Host) -> None:
    """Sshd takes new options without losing what runs."""
    assert await say(host, "echo $GREETING") == ""
    host.configure(SetEnv="GREETING=hello")
    assert await say(host, "echo $GREETING") == "hello"


async def test_a_reboot_ends_processes_and_keeps_files(host: Host) -> None:
    """After a reboot the disk is as it was and nothing runs."""
    if not host.isolated:
        pytest.skip("loopback hosts share this machine's processes")
    await say(host, "sleep 600 >/dev/null 2>&1 & echo $! > pid")
    assert any("sleep 600" in line for line in host.processes())
    host.reboot()
    assert host.processes() == []
    assert (host.home / "pid").exists()
    assert await say(host, "echo up") == "up"


def test_what_a_killed_run_left_is_removed() -> None:
    """The next run to get a slot removes the files, processes and networks that bear its name."""
    if reason := unavailable():
        pytest.skip(reason)
    code = (
        "import os, signal; from support.hosts import Hosts; hosts = Hosts(2).__enter__();"
        "(hosts[0].home / 'witness').write_text('x'); print(hosts[0].home / 'witness');"
        "print(*(pid for host in hosts for pid in host._family()), flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    argv = [sys.executable, "-c", code]
    killed = subprocess.run(argv, cwd=TESTS, capture_output=True, text=True, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    witness, pids = killed.stdout.splitlines()
    assert Path(witness).exists()
    slot = Slot.take()  # the same one, unless another run was faster, which has cleaned it then
    try:
        assert not Path(witness).exists()
        give_up = time.monotonic() + 10
        while any(_lives(pid) for pid in pids.split()):
            assert time.monotonic() < give_up, f"still running: {pids}"
            time.sleep(0.02)
    finally:
        slot.release()


def _lives(pid: str) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_runs_side_by_side_do_not_meet() -> None:
    """Two sets of hosts have nothing in common."""
    with Hosts(1) as one, Hosts(1) as other:
        assert one[0].address != other[0].address
        assert one[0].directory.parent != other[0].directory.parent
