"""Pools of real hosts, and clouds over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from styx.builtin.ssh.cloud import SshCloud
from styx.builtin.ssh.config import SshConfig
from styx.testing import services
from support.hosts import Host

MakeCloud = Callable[..., SshCloud]


def entry(host: Host, **more: Any) -> dict[str, Any]:
    """The host as config.yaml lists it."""
    known = {"host": host.address, "port": host.port, "user": host.user, "identity_file": host.identity_file}
    return known | more


@pytest.fixture
def make_cloud(tmp_path: Path) -> MakeCloud:
    """Makes a cloud object over hosts; every ``client`` has a state directory of its own."""

    def make(hosts: Sequence[Host], client: str = "client", installation: str | None = None, **more: Any) -> SshCloud:
        config = SshConfig.model_validate({"pools": {"lab": {"hosts": [entry(host, **more) for host in hosts]}}})
        return SshCloud(services(tmp_path / client, config, installation=installation))

    return make
