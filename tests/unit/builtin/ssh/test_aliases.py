"""Hosts that are names in the user's own SSH configuration."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from styx.builtin.ssh import aliases
from styx.builtin.ssh.config import SshConfig
from styx.transports.connect import Target

CONFIG = """
Host gpu1
  HostName 10.0.0.5
  Port 2222
  User alice
  IdentityFile ~/.ssh/lab
  ProxyJump gate.example.org
Host *
  ServerAliveInterval 5
"""


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An SSH configuration with one alias."""
    if shutil.which("ssh") is None:
        pytest.skip("needs the ssh program")
    path = tmp_path / "config"
    path.write_text(CONFIG)
    monkeypatch.setattr(aliases, "CONFIG", path)
    return path


def resolve(host: object, **pool: object) -> Target:
    """Where a host of a pool is."""
    config = SshConfig.model_validate({"pools": {"lab": {"hosts": [host], **pool}}})
    return aliases.target_of(config.pools["lab"].hosts[0])


@pytest.mark.usefixtures("configuration")
def test_an_alias_means_what_it_means_to_ssh() -> None:
    """Address, port, user, key and jump host come from the user's configuration."""
    assert resolve("gpu1") == Target("10.0.0.5", 2222, "alice", "~/.ssh/lab", "", "", "gate.example.org")


@pytest.mark.usefixtures("configuration")
def test_the_settings_win_over_the_alias() -> None:
    """What config.yaml says of a host or its pool is not changed."""
    target = resolve({"host": "gpu1", "port": 22}, user="me", identity_file="/key", proxy_jump="other")
    assert target == Target("10.0.0.5", 22, "me", "/key", "", "", "other")


@pytest.mark.usefixtures("configuration")
def test_a_host_that_is_no_alias_is_itself() -> None:
    """The program's default keys are not taken for chosen ones."""
    target = resolve("me@10.0.0.9")
    assert (target.host, target.port, target.user, target.identity_file) == ("10.0.0.9", 22, "me", "")


def test_without_a_configuration_nobody_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file, no program started: the host is what it is called."""
    monkeypatch.setattr(aliases, "CONFIG", tmp_path / "missing")
    monkeypatch.setattr(aliases, "_ask", lambda *_: pytest.fail("the program was asked"))
    assert resolve("gpu1") == Target("gpu1")


def test_a_broken_configuration_is_not_fatal(configuration: Path) -> None:
    """When ``ssh`` itself cannot read its files, the host is what it is called."""
    configuration.write_text("Nonsense yes\n")
    assert resolve("gpu1") == Target("gpu1")
