"""The boot watchdog, run by real shells on machines whose time the test makes."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from styx.agent.contact import PLACE
from styx.engine.watchdog import SECONDS, script
from support.agents import unpack, until
from support.booting import Booting

pytestmark = pytest.mark.root


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Booting]:
    """A machine that was booted ten seconds ago."""
    with Booting(tmp_path) as made:
        yield made


def arm(machine: Booting, end: int = signal.SIGKILL) -> None:
    """Run the boot script as a provider would, and wait until the watchdog watches."""
    machine.run(script(), end=end)
    until(lambda: deadline(machine))


def deadline(machine: Booting) -> str:
    """The uptime at which it acts, as it has noted it; empty before."""
    return machine.run(f"cat {PLACE}/deadline 2>/dev/null || :").strip()


def watchdog(machine: Booting) -> str:
    """The pid of the watchdog that runs there; empty when none does."""
    return machine.run(f"[ ! -s {PLACE}/pid ] || {{ kill -0 $(cat {PLACE}/pid) 2>/dev/null && cat {PLACE}/pid; }} || :")


def settle() -> None:
    """Give a watchdog that would act wrongly the time for it: several looks."""
    time.sleep(0.2)


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_a_machine_that_nobody_makes_contact_from_is_shut_down(tmp_path: Path, shell: str) -> None:
    """When the time is up and not before, whatever the shell; who armed it may end with its whole process group."""
    with Booting(tmp_path, shell) as machine:
        arm(machine)
        machine.uptime(10 + SECONDS - 1)
        settle()
        assert watchdog(machine)
        assert machine.ended == []
        machine.uptime(10 + SECONDS)
        until(lambda: machine.ended)
        assert machine.ended[0] == "-h -P now styx-watchdog: no agent has made contact"


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_contact_is_the_end_of_the_watchdog(tmp_path: Path, shell: str) -> None:
    """Once a mark is there it leaves, and nothing is shut down however late it gets."""
    with Booting(tmp_path, shell) as machine:
        arm(machine)
        machine.run(f"touch {PLACE}/contact/1000")
        until(lambda: not watchdog(machine))
        machine.uptime(10 + 10 * SECONDS)
        arm(machine)
        settle()
        assert not watchdog(machine)
        assert machine.ended == []


def test_arming_again_changes_nothing(machine: Booting) -> None:
    """Neither a second watchdog nor more time; one that was killed comes back with what is left."""
    arm(machine)
    first = watchdog(machine)
    machine.uptime(400)
    arm(machine)
    assert watchdog(machine) == first
    machine.run(f"kill -9 {first}")
    until(lambda: not watchdog(machine))
    arm(machine)
    until(lambda: watchdog(machine) not in {"", first})
    assert deadline(machine) == str(10 + SECONDS)


def test_what_an_image_has_left_says_nothing(machine: Booting) -> None:
    """A mark that was made on another machine, or before a reboot, is no contact with this one."""
    arm(machine)
    machine.run(f"touch {PLACE}/contact/0; echo another >{PLACE}/boot; kill -9 $(cat {PLACE}/pid)")
    arm(machine)
    until(lambda: watchdog(machine))
    assert machine.run(f"ls {PLACE}/contact") == ""


def test_without_setsid_it_outlives_a_hangup(machine: Booting) -> None:
    """Small systems have no more than a shell."""
    machine.run(f"rm {machine.root}/bin/setsid")
    arm(machine, end=signal.SIGHUP)
    settle()
    assert watchdog(machine)


def test_systemd_is_given_the_watchdog_where_it_runs(machine: Booting) -> None:
    """What systemd starts is no part of the unit that the boot script is, which may be ended as a whole."""
    machine.program("systemd-run", f'echo "$@" >{machine.root}/given; shift; "$@" </dev/null >/dev/null 2>&1 &')
    machine.run("mkdir -p /run/systemd/system")
    arm(machine, end=signal.SIGCONT)
    assert (machine.root / "given").read_text() == f"--unit=styx-watchdog /bin/sh {PLACE}/watch\n"
    machine.program("systemd-run", "exit 1")
    machine.run(f"kill -9 {watchdog(machine)}")
    until(lambda: not watchdog(machine))
    arm(machine)
    until(lambda: watchdog(machine))


def test_a_machine_without_uptime_counts_its_looks(machine: Booting) -> None:
    """Time comes from what there is."""
    machine.run(script(8).replace("/proc/uptime", "/nowhere/uptime"))
    until(lambda: machine.ended)


def test_a_shutdown_that_is_refused_is_asked_for_again(machine: Booting) -> None:
    """A machine that bills goes on being told to end."""
    machine.program("shutdown", f"echo no >>{machine.root}/ended; exit 1")
    arm(machine)
    machine.uptime(10 + SECONDS)
    until(lambda: len(machine.ended) > 1)


def test_others_cannot_use_it_against_root(machine: Booting) -> None:
    """Of what it leaves only the directory of marks can be written by others, who see and take away nothing there."""
    arm(machine)
    listed = machine.run(f"stat -c '%a %U %n' {PLACE} {PLACE}/*")
    modes = {line.split()[2]: line.split()[:2] for line in listed.splitlines()}
    assert modes.pop(f"{PLACE}/contact") == ["1733", "root"]
    assert modes.pop(PLACE) == ["755", "root"]
    assert {tuple(found) for found in modes.values()} == {("644", "root")}
    machine.run(f"rm -rf {PLACE}; mkdir {machine.root}/trap; touch {machine.root}/trap/kept")
    machine.run(f"ln -s {machine.root}/trap {PLACE}; touch {PLACE}/boot")
    arm(machine)
    assert sorted(path.name for path in (machine.root / "trap").iterdir()) == ["boot", "kept"]
    assert machine.run(f"stat -c %F {PLACE}") == "directory\n"


def test_the_script_does_nothing_to_what_comes_after_it(machine: Booting) -> None:
    """A provider may put it before a script of its own, which may be a strict one; it returns at once."""
    machine.run("echo in the way >/run/styx-watchdog")
    before = time.monotonic()
    out = machine.run(f"set -eu\n{script()}\necho after; pwd; umask")
    assert out.splitlines()[0] == "after"
    assert out.splitlines()[2] == f"{_umask():04o}"
    assert time.monotonic() - before < 5


def _umask() -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("Umask"))
    return int(line.split()[1], 8)


@pytest.fixture
def agent(machine: Booting) -> str:
    """The command that runs the agent's program on that machine."""
    directory = machine.root / "agent"
    directory.mkdir()
    return f"{sys.executable} -I -S {unpack(directory)}"


def test_an_agent_makes_contact_when_a_client_asks_it_something(machine: Booting, agent: str) -> None:
    """Not by being started, for whoever started it may have died then; an answered client is what counts."""
    arm(machine)
    machine.run(f"{agent} daemon --state {machine.root}/state --socket {machine.root}/s/agent", end=signal.SIGCONT)
    settle()
    assert watchdog(machine)
    machine.run(f"{agent} ping --socket {machine.root}/s/agent")
    until(lambda: not watchdog(machine))
    assert machine.run(f"ls {PLACE}/contact") == "0\n"
    machine.uptime(10 + SECONDS)
    settle()
    assert machine.ended == []


def test_an_agent_that_nobody_asks_saves_no_machine(machine: Booting, agent: str) -> None:
    """The client died just after it had started it."""
    arm(machine)
    machine.run(f"{agent} daemon --state {machine.root}/state --socket {machine.root}/s/agent", end=signal.SIGCONT)
    machine.uptime(10 + SECONDS)
    until(lambda: machine.ended)


def test_any_user_can_make_contact_and_no_link_is_followed(machine: Booting, agent: str) -> None:
    """One who logs in as somebody else than root; and where a link is in the way the link does."""
    library = str(Path(agent.rsplit(maxsplit=1)[-1]).parent)
    arm(machine)
    make = (
        f'{sys.executable} -I -S -c "import os, sys; sys.path.insert(0, {library!r}); '
        'from styx_agent import contact; os.setuid({uid}); contact.make(); contact.make()"'
    )
    machine.run(make.format(uid=65534))
    assert machine.run(f"ls {PLACE}/contact") == "65534\n"
    machine.run(f"rm {PLACE}/contact/*; ln -s {machine.root}/target {PLACE}/contact/0")
    machine.run(make.format(uid=0))
    assert not (machine.root / "target").exists()
    machine.run(f"rm -rf {PLACE}")
    machine.run(make.format(uid=0))
    assert machine.run(f"[ -e {PLACE} ] || echo none") == "none\n"
