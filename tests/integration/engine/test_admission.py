"""A provider that lets SSH in from given networks only is asked when a node that runs does not answer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar

import pytest

from styx.api import ClusterNotUp, Endpoint, Owner, PermissionDenied, Scope, TransportError
from styx.engine import staying
from styx.testing.hosts import Host
from styx.testing.memory.account import Machine
from styx.testing.memory.cloud import MemoryCloud
from styx.transports import connect, firstcontact, ssh
from support.world import HELLO, World, quiet


class Walled(MemoryCloud):
    """Its machines are one real host, behind a wall that opens for whoever is admitted."""

    host: ClassVar[Host]

    @staticmethod
    def _endpoint(machine: Machine) -> Endpoint:
        del machine
        return Endpoint("ssh", {"host": Walled.host.address, "port": str(Walled.host.port), "user": Walled.host.user})

    def admit(self, scope: Scope, owner: Owner, cidr: str) -> None:
        """Open it."""
        super().admit(scope, owner, cidr)
        self.host.restore()


@pytest.fixture
async def world(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A cluster on that host, which was met, and then the user has moved."""
    monkeypatch.setattr(connect, "CONNECT_TIMEOUT", 0.3)
    Walled.host = host
    world = World(tmp_path / "home", Walled)
    engine = world.engine()
    (host.directory / "ssh" / "authorized_keys").write_text(engine.context.public_key + "\n")
    await engine.launch(HELLO, "c", quiet)
    assert (await engine.command("c", 0, "echo here")).text == "here"
    await engine.close()
    await asyncio.to_thread(host.cut)
    return world


def admitted(world: World) -> list[tuple[object, ...]]:
    """What the provider was asked to let in."""
    return [call.arguments for call in world.account.calls if call.method == "admit"]


async def test_whoever_has_moved_is_let_in(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Once, for all nodes and from wherever that is; the user is told in one sentence, and what was asked is done."""
    engine = world.engine()
    found = await asyncio.gather(*(engine.command("c", 0, f"echo {number}") for number in range(3)))
    assert [each.text for each in found] == ["0", "1", "2"]
    (asked,) = admitted(world)
    assert asked[2] == ""
    (told,) = [record.getMessage() for record in caplog.records if "does not answer" in record.getMessage()]
    assert told.startswith("c: node 0 at ")
    assert told.endswith("does not answer: SSH is let in from where you are now, should you have moved")
    await world.close()


async def test_a_provider_that_refuses(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The reason is told beside the error of the node, and nobody is asked twice."""
    world.account.fail_next("admit", PermissionDenied("you may not change rules", action="rules"))
    with pytest.raises(TransportError):
        await world.engine().command("c", 0, "true")
    assert len(admitted(world)) == 1
    assert "SSH could not be let in from where you are now: you may not change rules" in caplog.text
    await world.close()


async def test_a_node_that_answers_asks_nobody(world: World, host: Host) -> None:
    """Most commands come from where the last one came from."""
    await asyncio.to_thread(host.restore)
    assert (await world.engine().command("c", 0, "echo still")).text == "still"
    assert admitted(world) == []
    await world.close()


@pytest.mark.parametrize("late", [False, True])
async def test_a_node_that_has_gone(world: World, host: Host, monkeypatch: pytest.MonkeyPatch, late: bool) -> None:
    """The provider's list tells what became of it before anybody asks to be let in, and after if it lags behind."""
    monkeypatch.setattr(staying, "LOOK_SECONDS", 0.0)

    def goes() -> None:
        (machine,) = world.machines()
        world.account.delete(machine.id)
        world.clock.advance(3600.0)

    monkeypatch.setattr(host, "restore", goes if late else lambda: None)
    if not late:  # nor does anybody wait until the connection has failed
        goes()
        monkeypatch.setattr(connect, "CONNECT_TIMEOUT", 60.0)
        monkeypatch.setattr(ssh, "SILENT", 0.1)
    with pytest.raises(ClusterNotUp, match="cluster 'c' is lost, not up: the nodes vanished") as gone:
        await world.engine().command("c", 0, "true")
    assert gone.value.hint == "`styx launch -c c` makes it anew, `styx down c` drops its record."
    assert len(admitted(world)) == late
    with pytest.raises(ClusterNotUp, match="is lost"):
        await world.engine().command("c", 0, "true")
    await world.close()


async def test_no_answer_at_all(world: World, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that is not there in spite of that is given up after some time."""
    monkeypatch.setattr(host, "restore", lambda: None)
    began = world.clock.monotonic()
    with pytest.raises(TransportError):
        await world.engine().command("c", 0, "true")
    assert firstcontact.ADMITTED <= world.clock.monotonic() - began < firstcontact.ADMITTED + 10
    await world.close()
