"""Who gets a machine, and that nobody ever shares one without knowing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from styx.api import Conflict, InsufficientCapacity, Owner, Prepared, Scope
from styx.builtin.ssh import marks
from styx.builtin.ssh.cloud import SshCloud
from styx.testing.hosts import Host

LAB = Scope("lab")
NOW = datetime(2030, 1, 1, tzinfo=UTC)
MakeCloud = Callable[..., SshCloud]
Prepare = Callable[..., Prepared]


def holders(host: Host) -> list[str]:
    """The names of the nodes that hold the host, as its disk tells it."""
    return [path.name for path in (host.home / ".styx" / "nodes").glob("*/styx-*")]


def test_two_installations_never_both_get_the_last_machine(
    shared_hosts: list[Host], make_cloud: MakeCloud, prepare: Prepare
) -> None:
    """Of two installations that launch at once on one machine, one has it and the other has no capacity."""
    clouds = [make_cloud(shared_hosts[:1], name, name) for name in ("aaaaaa", "bbbbbb")]
    for _ in range(8):
        intents = [prepare(cloud) for cloud in clouds]  # both saw it free

        def launch(pair: tuple[SshCloud, Prepared]) -> object:
            try:
                return pair[0].launch(pair[1])
            except InsufficientCapacity as error:
                return error

        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(launch, zip(clouds, intents, strict=True)))
        refused = [answer for answer in answers if isinstance(answer, InsufficientCapacity)]
        assert len(refused) == 1, answers
        winner = 1 - answers.index(refused[0])
        assert holders(shared_hosts[0]) == [intents[winner].owner.node_name(0)]
        assert [len(cloud.observe(LAB, None).nodes) for cloud in clouds].count(1) == 1
        for cloud, intent in zip(clouds, intents, strict=True):
            cloud.terminate(LAB, intent.owner, [])
        assert holders(shared_hosts[0]) == []


def test_twenty_callers_race_and_one_wins(host: Host) -> None:
    """Of twenty commands that reserve a machine at the same moment, one succeeds and the others say it is taken."""
    owners = [Owner("abc123", "race", f"a{number:03d}") for number in range(20)]

    def reserve(owner: Owner) -> int:
        command = f"({marks.reserve(marks.Mark(owner, 0), NOW)}); echo $?"
        return int(host.run(command).split()[-1])

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(reserve, owners))
    assert sorted(statuses) == [0] + [marks.TAKEN] * 19
    assert holders(host) == [owners[statuses.index(0)].node_name(0)]


def test_a_reservation_nobody_finished_is_free_after_a_minute(
    host: Host, make_cloud: MakeCloud, prepare: Prepare
) -> None:
    """A marker without a holder counts while it may be somebody's who is just reserving, and not for ever."""
    cloud = make_cloud([host])
    intent = prepare(cloud)
    cloud.launch(intent)
    held = next((host.home / ".styx" / "nodes").iterdir())
    next(held.iterdir()).unlink()  # as if the client had been killed between its two steps
    with pytest.raises(InsufficientCapacity):
        prepare(cloud)
    host.run(f"touch -d '2 minutes ago' .styx/nodes/{held.name}")
    taken = marks.reserve(marks.Mark(Owner("abc123", "next", "b123"), 0), NOW)
    host.run(taken)
    assert holders(host) == ["styx-abc123-next-b123-0"]


def test_a_killed_client_loses_no_machine(tmp_path: Path, host: Host, make_cloud: MakeCloud) -> None:
    """A client killed between the reservation and the receipt: the next one sees the node and gets the receipt."""
    (tmp_path / "killed.py").write_text(
        "import os, pickle, sys\n"
        "from pathlib import Path\n"
        "from styx.api import Boot, LaunchRequest, OfferQuery, Owner\n"
        "from styx.builtin.ssh.cloud import SshCloud\n"
        "from styx.builtin.ssh.config import SshConfig\n"
        "from styx.testing import services\n"
        f"config = SshConfig.model_validate({{'pools': {{'lab': {{'hosts': [{host.entry()!r}]}}}}}})\n"
        f"cloud = SshCloud(services(Path({str(tmp_path / 'killed')!r}), config, installation='abc123'))\n"
        "offer = next(iter(cloud.offers(OfferQuery())))\n"
        "intent = cloud.prepare(LaunchRequest(Owner('abc123', 'train', 'a123'), offer, (0,), Boot('')))\n"
        "print(intent.payload, flush=True)\n"
        "reserve = cloud._reserve\n"
        "cloud._reserve = lambda *args: (reserve(*args), os.kill(os.getpid(), 9))\n"
        "cloud.launch(intent)\n"
    )
    argv = [sys.executable, str(tmp_path / "killed.py")]
    killed = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert killed.returncode == -9, killed.stderr
    owner = Owner("abc123", "train", "a123")
    intent = Prepared(owner, LAB, (0,), killed.stdout.strip())
    cloud = make_cloud([host], "another client")
    (node,) = cloud.observe(LAB, [owner]).nodes
    receipt = cloud.launch(intent)
    assert (receipt.token, dict(receipt.node_ids)) == (intent.token, {0: node.id})
    assert node.token == intent.token
    assert len(cloud.observe(LAB, None).nodes) == 1
    cloud.terminate(LAB, owner, [])
    assert cloud.observe(LAB, None).nodes == ()


def test_a_gang_that_does_not_fit_leaves_nothing(hosts: list[Host], make_cloud: MakeCloud, prepare: Prepare) -> None:
    """When a machine of a gang was taken meanwhile, the machines that were reserved for it are given back."""
    cloud, rival = make_cloud(hosts), make_cloud(hosts, "rival", "zzz999")
    gang, single = prepare(cloud, (0, 1)), prepare(rival)
    rival.launch(single)
    with pytest.raises(InsufficientCapacity, match=f"1 of 2 machines free.*held by {single.owner.name}-0"):
        cloud.launch(gang)
    assert cloud.observe(LAB, None).nodes == ()
    assert [len(holders(host)) for host in hosts] == [1, 0]


def test_what_another_launch_of_the_attempt_made_is_a_conflict(
    host: Host, make_cloud: MakeCloud, prepare: Prepare
) -> None:
    """A rank that exists under another token is not taken for ours."""
    cloud = make_cloud([host])
    intent = prepare(cloud)
    cloud.launch(intent)
    with pytest.raises(Conflict, match="made by another launch"):
        cloud.launch(Prepared(intent.owner, LAB, (0,), intent.payload, "another-token"))


def test_machines_that_share_a_home_are_told_apart(hosts: list[Host], make_cloud: MakeCloud, prepare: Prepare) -> None:
    """A home on a shared disk holds a reservation for each machine, and a release keeps what others still use."""
    if not hosts[0].isolated:
        pytest.skip("loopback hosts are one machine, so a shared home would be one reservation")
    shared = Path("/var/tmp") / f"styx-test-{hosts[0].name}"
    shared.mkdir()
    try:
        for host in hosts:
            host.run(f"ln -s {shared} .styx && ln -s {shared}/work styx_workdir")
        cloud = make_cloud(hosts)
        first, second = prepare(cloud), prepare(cloud)
        cloud.launch(first)
        receipt = cloud.launch(second)
        assert receipt.node_ids[0].startswith(hosts[1].address)
        (shared / "work").mkdir()
        cloud.terminate(LAB, first.owner, [])
        assert [node.owner for node in cloud.observe(LAB, None).nodes] == [second.owner]
        assert (hosts[0].home / "styx_workdir").is_symlink()
    finally:
        hosts[0].run(f"rm -rf {shared}")


def test_a_reboot_does_not_give_a_machine_away(host: Host, make_cloud: MakeCloud, prepare: Prepare) -> None:
    """Reservations are on disk: after a reboot the machine still belongs to whoever had it."""
    cloud = make_cloud([host])
    intent = prepare(cloud)
    cloud.launch(intent)
    host.reboot()
    (node,) = make_cloud([host]).observe(LAB, None).nodes
    assert node.owner == intent.owner
