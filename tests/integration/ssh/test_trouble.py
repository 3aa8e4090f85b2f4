"""Machines that are down, changed, locked or gone from the settings: what is said, and that nothing is lost."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from styx.api import AuthFailed, InsufficientCapacity, NotFound, OfferQuery, OutcomeUnknown, Prepared, Scope
from styx.builtin.ssh import cloud as ssh
from styx.builtin.ssh import reach
from styx.builtin.ssh.cloud import SshCloud
from styx.testing import services
from styx.testing.hosts import Host

LAB = Scope("lab")
MakeCloud = Callable[..., SshCloud]
Prepare = Callable[..., Prepared]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is down is noticed sooner, and may be back at once."""
    monkeypatch.setattr(reach, "CONNECT_SECONDS", 1.5)
    monkeypatch.setattr(reach, "COMMAND_SECONDS", 1.5)
    monkeypatch.setattr(reach, "STILL_DOWN_SECONDS", 0.0)


def test_a_machine_that_is_down_is_not_on_offer(hosts: list[Host], make_cloud: MakeCloud) -> None:
    """A machine that was met before counts to its size, but not to what is free; one that was not is left out."""
    cloud = make_cloud(hosts)
    assert [offer.available for offer in cloud.offers(OfferQuery())] == [2]
    hosts[1].cut()
    assert [offer.available for offer in cloud.offers(OfferQuery())] == [1]
    assert [offer.available for offer in make_cloud(hosts, "new client").offers(OfferQuery())] == [1]
    hosts[1].restore()
    assert [offer.available for offer in cloud.offers(OfferQuery())] == [2]


def test_a_pool_that_is_down_says_why_it_offers_nothing(host: Host, make_cloud: MakeCloud) -> None:
    """When no machine answers, the reason is told for each."""
    host.stop()
    with pytest.raises(InsufficientCapacity, match=f"no machine of lab answers: {host.address}"):
        list(make_cloud([host]).offers(OfferQuery()))


def test_what_cannot_be_reached_proves_no_absence(hosts: list[Host], make_cloud: MakeCloud, prepare: Prepare) -> None:
    """A node on a machine that is cut off is not seen, and the observation does not claim that it is gone."""
    cloud = make_cloud(hosts)
    gang = prepare(cloud, (0, 1))
    cloud.launch(gang)
    hosts[0].cut()
    seen = cloud.observe(LAB, [gang.owner])
    assert [node.rank for node in seen.nodes] == [1]
    assert [text.partition(":")[0] for text in seen.unreachable] == [hosts[0].address]
    cloud.terminate(LAB, gang.owner, [])
    assert not cloud.observe(LAB, [gang.owner]).complete
    hosts[0].restore()
    assert [node.rank for node in cloud.observe(LAB, [gang.owner]).nodes] == [0]
    cloud.terminate(LAB, gang.owner, [])
    gone = cloud.observe(LAB, [gang.owner])
    assert gone.complete
    assert gone.nodes == ()


def test_a_dead_machine_does_not_hold_up_the_others(hosts: list[Host], make_cloud: MakeCloud, prepare: Prepare) -> None:
    """What an attempt could never have asked says nothing about it; a client that does not know asks for all."""
    hosts[0].cut()
    cloud = make_cloud(hosts)
    intent = prepare(cloud)
    cloud.launch(intent)
    assert cloud.observe(LAB, [intent.owner]).complete
    assert not cloud.observe(LAB, None).complete
    assert not make_cloud(hosts, "another client").observe(LAB, [intent.owner]).complete
    cloud.terminate(LAB, intent.owner, [])
    assert cloud.observe(LAB, [intent.owner]).complete


def test_what_is_known_of_attempts_that_are_gone(
    hosts: list[Host], make_cloud: MakeCloud, prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That an attempt is gone can be seen as often as somebody looks, however it ended; else only with a note of it."""
    cloud = make_cloud(hosts)
    gang = prepare(cloud, (0, 1))
    cloud.launch(gang)
    hosts[0].cut()
    with monkeypatch.context() as soon:
        soon.setattr(ssh, "RELEASE_SECONDS", 1.5)
        cloud.terminate(LAB, gang.owner, [])
    hosts[0].restore()
    cloud.terminate(LAB, gang.owner, [])
    for _ in range(2):
        assert cloud.observe(LAB, [gang.owner]).complete

    alone, other = prepare(cloud), make_cloud(hosts, "another client")
    cloud.launch(alone)
    assert [node.owner for node in other.observe(LAB, [alone.owner]).nodes] == [alone.owner]
    other.terminate(LAB, alone.owner, [])  # as it does when it stops itself
    for client in (cloud, other):
        seen = client.observe(LAB, [alone.owner])
        assert (seen.nodes, seen.complete) == ((), True)
    assert not make_cloud(hosts, "a third").observe(LAB, [alone.owner]).complete


def test_a_launch_that_cannot_see_its_machines_is_not_guessed(
    host: Host, make_cloud: MakeCloud, prepare: Prepare
) -> None:
    """A replay whose machine does not answer may have it already: the outcome is unknown, not failed."""
    cloud = make_cloud([host])
    intent = prepare(cloud)
    cloud.launch(intent)
    host.cut()
    with pytest.raises(OutcomeUnknown):
        cloud.launch(intent)
    host.restore()
    assert len(cloud.launch(intent).node_ids) == 1


def test_the_first_contact_pins_the_host_key_and_says_so(
    host: Host, make_cloud: MakeCloud, caplog: pytest.LogCaptureFixture
) -> None:
    """The key shown first is kept and told; later contacts say nothing."""
    cloud = make_cloud([host])
    with caplog.at_level(logging.WARNING):
        cloud.check()
        assert "its host key ssh-ed25519 SHA256:" in caplog.text
        caplog.clear()
        make_cloud([host]).check()
        assert caplog.text == ""
    (pin,) = (cloud.services.state_dir / "host_keys").iterdir()
    assert pin.read_text() == host.host_key


def test_a_changed_host_key_is_never_trusted(host: Host, make_cloud: MakeCloud, prepare: Prepare) -> None:
    """A machine that shows another key is unreachable, with both fingerprints; its pin stays."""
    cloud = make_cloud([host])
    intent = prepare(cloud)
    cloud.launch(intent)
    pinned = host.host_key
    host.change_host_key()
    fresh = make_cloud([host])
    seen = fresh.observe(LAB, None)
    assert seen.nodes == ()
    assert "is not the one on record: expected ssh-ed25519 SHA256:" in seen.unreachable[0]
    with pytest.raises(AuthFailed, match="is not the one on record"):
        fresh.check()
    (pin,) = (cloud.services.state_dir / "host_keys").iterdir()
    assert pin.read_text() == pinned
    pin.write_text(host.host_key)  # the user has looked and agrees
    assert len(make_cloud([host]).observe(LAB, None).nodes) == 1


def test_the_key_in_the_settings_wins(host: Host, make_cloud: MakeCloud) -> None:
    """A host_key in config.yaml is the only one accepted, whatever is shown first."""
    key = host.host_key
    assert make_cloud([host], "one", host_key=key).check().account
    host.change_host_key()
    with pytest.raises(AuthFailed, match="is not the one on record"):
        make_cloud([host], "two", host_key=key).check()
    assert not (make_cloud([host], "two").services.state_dir / "host_keys").exists()


def test_a_machine_that_wants_a_password_is_explained(host: Host, make_cloud: MakeCloud, tmp_path: Path) -> None:
    """A key that is not let in is named, with what to do; nobody is ever asked for a password."""
    stranger = tmp_path / "stranger"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(stranger)], check=True)
    with pytest.raises(AuthFailed, match="refuses to let us in") as refused:
        make_cloud([host], identity_file=str(stranger)).check()
    assert host.address in refused.value.message
    assert "ssh-copy-id" in (refused.value.hint or "")


def test_a_missing_key_file_is_named(host: Host, make_cloud: MakeCloud) -> None:
    """An identity_file that is not there is the error, not a failed login."""
    with pytest.raises(AuthFailed, match=r"identity_file ~/no/such/key of .* does not exist"):
        make_cloud([host], identity_file="~/no/such/key").check()


def test_no_machines_at_all_shows_what_to_write(tmp_path: Path) -> None:
    """Without any pool the error shows how to list one."""
    with pytest.raises(AuthFailed, match="no machines are listed") as refused:
        SshCloud(services(tmp_path)).check()
    assert "clouds.ssh.pools.lab.hosts '[me@10.0.0.5]'" in (refused.value.hint or "")


def test_a_machine_taken_off_the_list_is_not_forgotten(
    hosts: list[Host], make_cloud: MakeCloud, prepare: Prepare
) -> None:
    """A node on a machine that is no longer in the pool leaves the observation open, and is back with the machine."""
    cloud = make_cloud(hosts)
    gang = prepare(cloud, (0, 1))
    cloud.launch(gang)
    seen = make_cloud(hosts[:1]).observe(LAB, [gang.owner])
    (text,) = seen.unreachable
    assert hosts[1].address in text
    assert text.endswith("it is no longer in pool lab")
    assert make_cloud(hosts).observe(LAB, [gang.owner]).complete


def test_a_pool_taken_off_the_list_is_an_error(host: Host, make_cloud: MakeCloud) -> None:
    """A scope that the settings no longer have cannot be looked at, and the error says what brings it back."""
    cloud = make_cloud([host])
    for ask in (lambda: cloud.observe(Scope("attic"), None), lambda: cloud.observe(Scope(""), [])):
        with pytest.raises(NotFound, match=r"no pool .*there are: lab") as missing:
            ask()
        assert "config.yaml" in (missing.value.hint or "")


def test_a_home_that_cannot_be_written_is_explained(host: Host, make_cloud: MakeCloud, prepare: Prepare) -> None:
    """A machine on which nothing can be reserved is passed over, with what it said."""
    cloud = make_cloud([host])
    intent = prepare(cloud)
    host.run("touch .styx")  # a file where a directory has to be
    with pytest.raises(InsufficientCapacity, match=r"mkdir: .*\.styx"):
        cloud.launch(intent)
    assert cloud.observe(LAB, None).nodes == ()
