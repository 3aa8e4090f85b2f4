"""Machines behind another one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from styx.api import AuthFailed, Prepared, Scope
from styx.builtin.ssh.cloud import SshCloud
from styx.testing.hosts import Host

LAB = Scope("lab")
MakeCloud = Callable[..., SshCloud]


@pytest.fixture
def user_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the user with an empty .ssh."""
    home = tmp_path / "user-home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    monkeypatch.setenv("HOME", str(home))
    return home


def test_a_machine_is_reached_through_another(
    hosts: list[Host], make_cloud: MakeCloud, prepare: Callable[..., Prepared], user_home: Path
) -> None:
    """With proxy_jump every contact comes from the machine in between, which the user's own files let us through."""
    gate, inner = hosts
    shutil.copy(gate.identity_file, user_home / ".ssh" / "id_ed25519")
    (user_home / ".ssh" / "known_hosts").write_text(f"[{gate.address}]:{gate.port},{gate.address} {gate.host_key}\n")
    cloud = make_cloud([inner], proxy_jump=f"{gate.user}@{gate.address}:{gate.port}")
    intent = prepare(cloud)
    cloud.launch(intent)
    (node,) = cloud.observe(LAB, None).nodes
    assert node.endpoint is not None
    assert node.endpoint.options["proxy_jump"] == f"{gate.user}@{gate.address}:{gate.port}"
    if inner.isolated:
        accepted = [
            line for line in inner.log.splitlines() if "Connection from" in line or "Accepted publickey" in line
        ]
        assert accepted
        assert all(f"from {gate.address}" in line for line in accepted)
    cloud.terminate(LAB, intent.owner, [])
    assert cloud.observe(LAB, None).nodes == ()


def test_an_unknown_machine_in_between_is_not_trusted(
    hosts: list[Host], make_cloud: MakeCloud, user_home: Path
) -> None:
    """The machine in between must be in the user's known_hosts; nothing is pinned through one that is not."""
    gate, inner = hosts
    shutil.copy(gate.identity_file, user_home / ".ssh" / "id_ed25519")
    (user_home / ".ssh" / "known_hosts").write_text("")
    cloud = make_cloud([inner], proxy_jump=f"{gate.user}@{gate.address}:{gate.port}")
    with pytest.raises(AuthFailed) as refused:
        cloud.check()
    assert f"the host key of {gate.user}@{gate.address} is not the one on record" in refused.value.message
    assert not (cloud.services.state_dir / "host_keys").exists()


def test_a_changed_machine_in_between_is_the_one_that_is_named(
    hosts: list[Host], make_cloud: MakeCloud, user_home: Path
) -> None:
    """When the way to a known machine cannot be trusted any more, nobody is told to distrust the machine itself."""
    gate, inner = hosts
    shutil.copy(gate.identity_file, user_home / ".ssh" / "id_ed25519")
    (user_home / ".ssh" / "known_hosts").write_text(f"[{gate.address}]:{gate.port},{gate.address} {gate.host_key}\n")
    jump = f"{gate.user}@{gate.address}:{gate.port}"
    make_cloud([inner], proxy_jump=jump).check()
    gate.change_host_key()
    with pytest.raises(AuthFailed) as refused:
        make_cloud([inner], proxy_jump=jump).check()
    assert f"the host key of {gate.user}@{gate.address} is not the one on record" in refused.value.message
    assert "~/.ssh/known_hosts" in refused.value.message
