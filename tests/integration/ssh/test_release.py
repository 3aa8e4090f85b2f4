"""Giving a machine back: everything of the cluster goes, and nothing of anybody else's."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable

import pytest

from styx.api import OfferQuery, Owner, Prepared, Scope, SelfStop, Unsupported
from styx.builtin.ssh.cloud import SshCloud
from styx.testing.hosts import Host

LAB = Scope("lab")
MakeCloud = Callable[..., SshCloud]
Prepare = Callable[..., Prepared]


def start(host: Host, seconds: int, **environment: str) -> None:
    """Leave a process behind that has a session of its own."""
    words = " ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items())
    host.run(f"env {words} setsid sleep {seconds} >/dev/null 2>&1 &")


def sleeping(host: Host) -> list[str]:
    """How long the sleeping processes on the host sleep."""
    return sorted(line.split()[-1] for line in host.processes() if line.startswith("sleep "))


def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that another process does."""
    give_up = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.02)


def furnish(host: Host, node: str) -> None:
    """What a cluster's runtime leaves on a node: files, programs, a working directory, a line in authorized_keys."""
    key, _, rank = node.rpartition("-")
    host.run(f"mkdir -p .styx/clusters/{key}/{rank} .styx/agent/1234 styx_workdir .ssh; ln -s styx_workdir sky_workdir")
    host.run("echo 'ssh-ed25519 AAAA mine' >.ssh/authorized_keys; chmod 600 .ssh/authorized_keys")
    host.run(f"echo 'restrict ssh-ed25519 AAAA styx:{key}:{rank}' >>.ssh/authorized_keys")


@pytest.fixture
def launched(host: Host, make_cloud: MakeCloud, prepare: Prepare) -> tuple[SshCloud, Owner]:
    """A node on the host, with a runtime on it."""
    if not host.isolated:
        pytest.skip("on loopback hosts processes cannot be told apart")
    cloud = make_cloud([host])
    intent = prepare(cloud)
    cloud.launch(intent)
    furnish(host, intent.owner.node_name(0))
    return cloud, intent.owner


def test_terminate_kills_what_the_cluster_ran_and_nothing_else(host: Host, launched: tuple[SshCloud, Owner]) -> None:
    """Processes are found by the state they work on and by the node's name, wherever they went."""
    cloud, owner = launched
    start(host, 601, STYX_NODE=owner.node_name(0))
    start(host, 602)  # nobody's
    start(host, 603, STYX_NODE="styx-zzz999-train-a123-0")  # another installation's
    start(host, 604, STYX_NODE=f"{owner.name}-b123-0")  # of a cluster whose name begins like ours
    host.run(f"setsid sh -c 'sleep 606; :' shim $HOME/.styx/clusters/{owner.name}/0/jobs/2-0 >/dev/null 2>&1 &")
    until(lambda: len(sleeping(host)) == 5)
    cloud.terminate(LAB, owner, [])
    assert sleeping(host) == ["602", "603", "604"]


def test_terminate_leaves_no_file(host: Host, launched: tuple[SshCloud, Owner]) -> None:
    """Files, programs, working directory and key of the cluster go; the user's own stay."""
    cloud, owner = launched
    host.run("echo precious >mine")
    cloud.terminate(LAB, owner, [])
    assert sorted(path.name for path in host.home.iterdir()) == [".ssh", "mine"]
    assert (host.home / ".ssh" / "authorized_keys").read_text() == "ssh-ed25519 AAAA mine\n"
    assert (host.home / ".ssh" / "authorized_keys").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (host.home / ".ssh").iterdir()] == ["authorized_keys"]


def test_terminate_leaves_what_other_ranks_run(host: Host, launched: tuple[SshCloud, Owner]) -> None:
    """Hosts may share their processes, as containers can: what belongs to a node on another host is left to that."""
    cloud, owner = launched
    host.run(f"setsid sh -c 'sleep 601; :' shim $HOME/.styx/clusters/{owner.name}/0 >/dev/null 2>&1 &")
    host.run(f"setsid sh -c 'sleep 602; :' shim /elsewhere/.styx/clusters/{owner.name}/1/jobs >/dev/null 2>&1 &")
    start(host, 603, STYX_NODE=owner.node_name(1))
    start(host, 604, STYX_NODE=owner.node_name(10))
    until(lambda: len(sleeping(host)) == 4)
    cloud.terminate(LAB, owner, [])
    assert sleeping(host) == ["602", "603", "604"]


def test_terminate_of_a_stranger_touches_nothing(host: Host, launched: tuple[SshCloud, Owner]) -> None:
    """An attempt that does not hold the machine removes nothing from it, however alike the names are."""
    cloud, owner = launched
    start(host, 601, STYX_NODE=owner.node_name(0))
    until(lambda: sleeping(host) == ["601"])
    for stranger in (Owner(owner.installation, owner.cluster, "zzz9"), Owner(owner.installation, "tra", "in12")):
        cloud.terminate(LAB, stranger, [])
    assert sleeping(host) == ["601"]
    assert len(cloud.observe(LAB, [owner]).nodes) == 1
    assert (host.home / "styx_workdir").exists()


def test_a_node_gives_its_machine_back_by_itself(host: Host, launched: tuple[SshCloud, Owner]) -> None:
    """The command of self-stop, run by one of the node's own processes, ends that too and frees the machine."""
    cloud, owner = launched
    (node,) = cloud.observe(LAB, [owner]).nodes
    command = cloud.self_stop_command(node, SelfStop.TERMINATE)
    script = shlex.quote(f"{command}\nsleep 607")
    host.run(f"STYX_NODE={node.name} setsid sh -c {script} >/dev/null 2>&1 &")
    until(lambda: cloud.observe(LAB, [owner]).nodes == ())
    assert sleeping(host) == []
    assert sorted(path.name for path in host.home.iterdir()) == [".ssh"]
    with pytest.raises(Unsupported):
        cloud.self_stop_command(node, SelfStop.STOP)


def test_the_sizes_on_offer_are_the_machine_s(host: Host, make_cloud: MakeCloud) -> None:
    """CPUs and memory are what the machine says, unless its owner says otherwise; devices can be stated."""
    (offer,) = make_cloud([host]).offers(OfferQuery())
    assert offer.vcpus == int(host.run("nproc"))
    assert 0 < offer.memory_gib * (1 << 20) <= int(host.run("sed -n 's/MemTotal: *//p' /proc/meminfo").split()[0])
    assert (offer.region, offer.hourly_price, offer.available) == ("lab", 0, 1)
