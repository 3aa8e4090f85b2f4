"""The test hosts themselves: what other tests rely on when they pull a cable or change a key."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from styx.api import HostKeyChanged, TransportError
from styx.testing.hosts import Host, Hosts, Slot, in_namespaces, unavailable
from styx.testing.processes import marked
from styx.transports import open_transport
from support.ssh_nodes import until

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


async def test_a_host_that_shuts_down_is_off_and_says_so(host: Host) -> None:
    """Its programs end it, and this machine not; whoever wants to know is told, and the disk stays."""
    told: list[Host] = []
    host.on_shutdown = told.append
    for program in ("shutdown -h -P now 'that is it'", "/sbin/poweroff", "systemctl poweroff"):
        host.reboot()
        told.clear()
        with suppress(TransportError):  # the answer may not get through any more
            await say(host, f"echo was here > ~/witness; {program}")
        await until(lambda: told == [host])
        assert not host.on
        host.stop()
    host.start()
    assert await say(host, "cat ~/witness") == "was here"


async def test_a_host_that_is_switched_off_by_us_says_nothing(host: Host) -> None:
    """Only what a host did itself is told."""
    told: list[Host] = []
    host.on_shutdown = told.append
    host.reboot()
    host.stop()
    with pytest.raises(AssertionError):
        await until(lambda: bool(told), 0.3)


async def test_a_host_can_be_told_to_take_up_its_keys(host: Host) -> None:
    """Restarting the service of SSH makes it read its settings and keys again."""
    if not host.isolated:
        pytest.skip("loopback hosts have no /etc/ssh of their own")
    await say(host, "ssh-keygen -q -t ecdsa -N '' -f /etc/ssh/ssh_host_ecdsa_key && systemctl restart ssh")
    key = (host.directory / "ssh" / "ssh_host_ecdsa_key.pub").read_text()
    await until(lambda: host.log.count("Server listening") > 1)
    assert await say(host, "echo in", host_key=" ".join(key.split()[:2])) == "in"


async def test_an_isolated_host_has_a_user_by_the_name_that_it_is_told() -> None:
    """With a home of its own, and all rights, also by way of sudo; its /run is its own, too."""
    if (reason := unavailable()) or not in_namespaces():
        pytest.skip(reason or "needs root and ip netns")
    slot = Slot.take()
    try:
        slot.set_up()
        host = Host.at(slot, 0, name="i-1", user="ubuntu")
        host.start()
        said = await say(host, "cd; touch here; sudo -n -u root id -u; pwd; hostname; ls /run")
        host.stop()
        assert said.split()[:3] == ["0", "/home/ubuntu", "i-1"]
        assert "systemd" not in said
        assert (host.home / "here").exists()
    finally:
        slot.release()


async def test_without_namespaces_a_host_is_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a home, programs and an end of its own, and shares the rest with this machine."""
    for module in ("slots", "host"):
        monkeypatch.setattr(f"styx.testing.hosts.{module}.in_namespaces", lambda: False)
    with Hosts(1) as (host,):
        assert not host.isolated
        assert await say(host, "pwd; setsid sleep 98764 >/dev/null 2>&1 &") == str(host.home)
        told: list[Host] = []
        host.on_shutdown = told.append
        host.reboot()
        with suppress(TransportError):
            await say(host, "shutdown now")
        await until(lambda: told == [host])
        assert marked([f"HOME={host.home}"]) == {}


def test_what_a_killed_run_left_is_removed() -> None:
    """The next run to get a slot removes the files, processes and networks that bear its name."""
    if reason := unavailable():
        pytest.skip(reason)
    code = (
        "import os, signal; from styx.testing.hosts import Hosts; hosts = Hosts(2).__enter__();"
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
