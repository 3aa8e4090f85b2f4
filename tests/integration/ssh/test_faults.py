"""Machines that cannot be used while others can: who is told, and who has to wait for them."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from styx.api import AuthFailed, OfferQuery
from styx.builtin.ssh import reach
from styx.builtin.ssh.cloud import SshCloud
from styx.testing.hosts import Host

MakeCloud = Callable[..., SshCloud]
NAMED = OfferQuery(named=True)


def free(cloud: SshCloud, query: OfferQuery) -> list[int | None]:
    """How many machines of each size are on offer."""
    return [offer.available for offer in cloud.offers(query)]


def test_a_silent_machine_holds_up_only_those_who_ask_for_it(
    hosts: list[Host], make_cloud: MakeCloud, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who wants any machine waits a moment for it, once a minute in all processes, and is not told."""
    if not hosts[0].isolated:
        pytest.skip("on loopback the system takes calls for whoever is stopped")
    monkeypatch.setattr(reach, "TCP_SECONDS", 2.5)  # more than anything here takes on a busy machine
    hosts[1].cut()
    make_cloud(hosts[:1]).check()  # the first contact is told to everybody
    caplog.clear()
    cloud, began = make_cloud(hosts), time.monotonic()
    assert free(cloud, OfferQuery()) == [1]
    first, began = time.monotonic() - began, time.monotonic()
    assert free(make_cloud(hosts), OfferQuery()) == [1]
    second = time.monotonic() - began
    assert first > 2.4
    assert second < 2.4
    assert caplog.text == ""

    (fault,) = make_cloud(hosts, "another client").faults()
    assert hosts[1].address in fault.message
    began = time.monotonic()
    assert free(make_cloud(hosts, "another client"), OfferQuery()) == [1]  # a check has found out already
    assert time.monotonic() - began < 2.4

    hosts[1].restore()
    assert free(make_cloud(hosts), OfferQuery()) == [1]  # it is taken for silent still
    assert free(make_cloud(hosts), NAMED) == [2]  # who asks for it finds that it is not
    assert free(make_cloud(hosts), OfferQuery()) == [2]


def test_who_asked_for_machines_is_told_once_what_cannot_be_used(
    hosts: list[Host], make_cloud: MakeCloud, caplog: pytest.LogCaptureFixture
) -> None:
    """Planning again in one process does not tell again; the pool is named."""
    cloud = make_cloud(hosts)
    cloud.check()
    hosts[1].stop()
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        assert free(cloud, NAMED) == [1]
        assert free(cloud, NAMED) == [1]
    (told,) = [record.getMessage() for record in caplog.records if "cannot be used now" in record.getMessage()]
    assert told.startswith(f"lab/{hosts[1].address}")


def test_a_machine_that_refuses_is_not_remembered(hosts: list[Host], make_cloud: MakeCloud) -> None:
    """Nobody waits for one that says no at once: while it boots it is asked every time."""
    hosts[1].stop()
    assert free(make_cloud(hosts), OfferQuery()) == [1]
    hosts[1].start()
    assert free(make_cloud(hosts), OfferQuery()) == [2]


def test_faults_name_every_machine_and_changed_keys_first(hosts: list[Host], make_cloud: MakeCloud) -> None:
    """A changed key comes first, is serious, and says which file to remove if all is well; what works is no fault."""
    cloud = make_cloud(hosts)
    assert cloud.faults() == []
    assert free(cloud, NAMED) == [2]
    hosts[0].stop()
    hosts[1].change_host_key()
    fresh = make_cloud(hosts)
    changed, down = fresh.faults()
    assert changed.serious
    assert changed.message.startswith(f"lab/{hosts[1].address}")
    assert "is not the one on record" in changed.message
    (pin,) = [path for path in (cloud.services.state_dir / "host_keys").iterdir() if hosts[1].address in path.name]
    assert f"remove {pin}" in changed.message
    assert not down.serious
    assert down.message.startswith(f"lab/{hosts[0].address}")
    with pytest.raises(AuthFailed) as refused:
        fresh.check()
    assert refused.value.message.index(changed.message) < refused.value.message.index(down.message)
    pin.unlink()  # as the message says
    (left,) = make_cloud(hosts).faults()
    assert left.message.startswith(f"lab/{hosts[0].address}")


def test_a_changed_key_that_the_settings_have_is_changed_there(host: Host, make_cloud: MakeCloud) -> None:
    """No file is named that does not have the key."""
    key = host.host_key
    host.change_host_key()
    (fault,) = make_cloud([host], host_key=key).faults()
    assert "write its new key into config.yaml" in fault.message
    assert "remove" not in fault.message


def test_the_check_of_a_pool_with_a_changed_key_fails(hosts: list[Host], styx_home: Path) -> None:
    """``styx check ssh`` shows what is wrong, and ends as for a cloud that cannot be used."""
    styx_home.mkdir()
    pools = {"lab": {"hosts": [host.entry() for host in hosts]}}
    (styx_home / "config.yaml").write_text(json.dumps({"clouds": {"ssh": {"pools": pools}}}))

    def check() -> tuple[int, str]:
        argv = [str(Path(sys.executable).with_name("styx")), "check", "ssh"]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout

    status, said = check()
    assert (status, len(said.splitlines())) == (0, 2), said
    hosts[0].stop()
    status, said = check()
    assert status == 0
    assert f"ssh: lab/{hosts[0].address}" in said
    hosts[1].change_host_key()
    hosts[0].start()
    status, said = check()
    assert status == 1
    assert "disabled" in said
    assert f"ssh: lab/{hosts[1].address}" in said
    assert f"remove {styx_home}/ssh/host_keys/" in said
