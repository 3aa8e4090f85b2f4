"""What is not seen because the settings are others is not gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from styx.api import Prepared, Scope
from styx.builtin.ssh.cloud import SshCloud
from styx.builtin.ssh.reach import Reach
from styx.testing.hosts import Host

LAB = Scope("lab")
MakeCloud = Callable[..., SshCloud]
Prepare = Callable[..., Prepared]


def test_a_client_with_other_machines_under_the_same_name(
    hosts: list[Host], make_cloud: MakeCloud, prepare: Prepare
) -> None:
    """Two machines share a database, and each has its own pool ``lab``: the nodes of the one are not gone."""
    first = make_cloud(hosts[:1])
    gang = prepare(first)
    first.launch(gang)
    second = make_cloud(hosts[1:], "another client")
    (text,) = second.observe(LAB, [gang.owner]).unreachable
    assert text.endswith("not launched from here, so it may be on machines that are not listed here")


def test_another_user_of_the_same_machine(
    host: Host, make_cloud: MakeCloud, prepare: Prepare, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who logs in as somebody else looks into another home, where there is no mark of the node."""
    cloud = make_cloud([host])
    gang = prepare(cloud)
    cloud.launch(gang)
    honest = Reach.ask

    def ask(self: Any, commands: Any, *args: Any, **more: Any) -> Any:
        """As if the machine had a second user, bob, whose home is empty."""
        real = {
            each.model_copy(update={"user": host.user}): f"HOME=$(mktemp -d); export HOME; {command}"
            if each.user == "bob" else command
            for each, command in commands.items()
        }  # fmt: skip
        asked = {each.label: each for each in commands}
        return {asked[each.label]: answer for each, answer in honest(self, real, *args, **more).items()}

    monkeypatch.setattr(Reach, "ask", ask)
    assert not make_cloud([host], user="bob").observe(LAB, [gang.owner]).complete
