"""Clouds over real hosts, and what tests do with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from styx.api import Boot, Cloud, LaunchRequest, OfferQuery, Owner, Prepared, new_attempt_id
from styx.builtin.ssh.cloud import SshCloud
from styx.builtin.ssh.config import SshConfig
from styx.testing import services
from styx.testing.hosts import Host

MakeCloud = Callable[..., SshCloud]


@pytest.fixture
def make_cloud(tmp_path: Path) -> MakeCloud:
    """Makes a cloud object over hosts; every ``client`` has a state directory of its own."""

    def make(
        hosts: Sequence[Host], client: str = "client", installation: str | None = "abc123", **more: Any
    ) -> SshCloud:
        pools = {"lab": {"hosts": [host.entry(**more) for host in hosts]}}
        config = SshConfig.model_validate({"pools": pools})
        return SshCloud(services(tmp_path / client, config, installation=installation))

    return make


@pytest.fixture
def prepare() -> Callable[..., Prepared]:
    """Prepares a launch of some ranks of a new attempt."""

    def make(cloud: Cloud, ranks: Sequence[int] = (0,)) -> Prepared:
        owner = Owner(cloud.services.installation, "train", new_attempt_id())
        offer = next(iter(cloud.offers(OfferQuery())))
        return cloud.prepare(LaunchRequest(owner, offer, tuple(ranks), Boot("")))

    return make
