"""What an engine that works for a server's user does to clusters that are another's: nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

from styx.api import Autostop
from styx.api.errors import BadInput, NoOffer, from_wire
from styx.config import Config
from styx.engine.engine import Engine
from styx.engine.ownership import open_clouds, require_allowed, require_writable
from styx.spec import Task
from styx.store.access import NotOwned, Role, User
from styx.store.states import ClusterState
from support.world import World, quiet

HELLO = Task("t").run("echo hello")

COMMANDS = {
    "launch": lambda engine: engine.launch(HELLO, "c", quiet),
    "launch in no time": lambda engine: engine.launch(HELLO, "c", quiet, fast=True),
    "exec": lambda engine: engine.exec(HELLO, "c", quiet),
    "cancel": lambda engine: engine.cancel("c", None),
    "queue": lambda engine: engine.queue("c"),
    "autostop": lambda engine: engine.autostop("c", Autostop(10)),
    "stop": lambda engine: engine.stop("c", quiet),
    "start": lambda engine: engine.start("c", None, quiet),
    "down": lambda engine: engine.down("c", quiet),
    "forget": lambda engine: engine.down("c", quiet, forget=True),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
async def test_what_is_anothers_is_left_alone(world: World, command: Callable[[Engine], object]) -> None:
    """Whoever asks is told whose it is; nothing has become of it, and it is free."""
    ann = world.engine().for_user("ann")
    await ann.launch(HELLO, "c", quiet)
    with pytest.raises(NotOwned, match="cluster 'c' is ann's") as refused:
        await command(world.engine().for_user("bob"))  # type: ignore[misc]
    assert (refused.value.exit_code, refused.value.details) == (77, {"cluster": "c", "user": "ann"})
    assert type(from_wire(refused.value.to_wire())) is NotOwned
    assert [record.state for record in world.store.clusters.list()] == [ClusterState.UP]
    assert len(await ann.queue("c")) == 1
    await command(ann)  # type: ignore[misc]


async def test_who_may_touch_it_all_the_same(world: World) -> None:
    """Who was let to what is its owner's, and an engine without a server, whatever the name of its user."""
    engine = world.engine()
    await engine.for_user("ann").launch(HELLO, "c", quiet)
    await engine.for_user("root", owners=["ann"]).exec(HELLO, "c", quiet)
    await engine.exec(HELLO, "c", quiet)
    await engine.down("c", quiet)


def test_who_may_have_nodes_on_the_servers_machine(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Administrators, the server's own user until on record as less, and all where the settings name the cloud."""
    engine, users = world.engine(), world.store.users
    monkeypatch.setattr(engine.context.clouds, "names", lambda: ["acme", "local"])
    own = engine.context.user

    def may(name: str) -> bool:
        return "local" in open_clouds(engine.for_user(name).context)

    now = world.clock.now()
    assert "local" in open_clouds(engine.context)
    assert (may(own), may("ann")) == (True, False)
    users.add(User("ann", Role.ADMIN, now))
    users.add(User(own, Role.MEMBER, now))
    assert (may(own), may("ann")) == (False, True)
    engine.context.config = Config(allowed_clouds=("acme", "local"))
    assert may(own)


WANTED: dict[str, dict[str, Any]] = {
    "allowed_clouds": {"resources": {"any_of": [{"infra": "memory"}, {"infra": "memory", "cpus": 2}]}},
    "allowed_identities": {"identity": "trainer"},
    "allowed_secrets": {"secrets": {"KEY": {"ref": "env:HOME"}}},
    "storage.file.members": {"file_mounts": {"/out": {"name": "results", "store": "FILE"}}},
}


@pytest.mark.parametrize("setting", WANTED)
def test_what_is_refused_before_it_is_kept(world: World, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    """What a user may not have is known when the task is handed in, and the error names what would open it."""
    monkeypatch.setattr("styx.engine.ownership.HERE", "memory")
    engine, wanted = world.engine(), HELLO.override(WANTED[setting]).spec
    require_allowed(engine.context, [wanted])
    ann = engine.for_user("ann").context
    require_allowed(ann, [HELLO.spec])
    with pytest.raises(BadInput, match=setting):
        require_allowed(ann, [HELLO.spec, wanted])
    ann.config = Config(
        allowed_clouds=("memory",),
        allowed_identities=("trainer",),
        allowed_secrets=("env:*",),
        storage={"file": {"members": True}},
    )
    require_allowed(ann, [wanted])


def test_what_may_be_had_elsewhere_is_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one alternative is not on the server's machine, or a policy has a say, the launch decides."""
    monkeypatch.setattr("styx.engine.ownership.HERE", "memory")
    ann = world.engine().for_user("ann").context
    require_allowed(ann, [HELLO.override({"resources": {"any_of": [{"infra": "memory"}, {"infra": "acme"}]}}).spec])
    monkeypatch.setattr(ann.plugins, "implements", lambda hook: hook == "styx_policy")
    require_allowed(ann, [HELLO.override({"infra": "memory"}).spec])


async def test_nothing_fits_but_the_servers_machine(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who named no cloud is told that it is closed to them, and what would open it."""
    for module in ("ownership", "plan"):
        monkeypatch.setattr(f"styx.engine.{module}.HERE", "memory")
    with pytest.raises(NoOffer, match=r"memory: cloud 'memory' is the server's own .* allowed_clouds names it"):
        await world.engine().for_user("ann").plan(HELLO, quiet)


async def test_an_administrator_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing new runs on what they had on the server's machine; they can remove it."""
    monkeypatch.setattr("styx.engine.ownership.HERE", "memory")
    ann = world.engine().for_user("ann")
    ann.context.here = True
    await ann.launch(HELLO, "c", quiet)
    ann.context.here = False
    with pytest.raises(BadInput, match="only administrators"):
        await ann.exec(HELLO, "c", quiet)
    with pytest.raises(BadInput, match="only administrators"):
        await ann.launch(HELLO, "c", quiet)
    await ann.down("c", quiet)


async def test_who_may_have_an_identity(world: World) -> None:
    """Administrators may have any, others those that the settings name: it may be allowed more than its user."""
    engine, task = world.engine(), HELLO.override({"identity": "trainer"})
    with pytest.raises(BadInput, match="for administrators only"):
        await engine.for_user("ann").plan(task, quiet)
    engine.context.config = Config(allowed_identities=("trainer",))
    await engine.for_user("ann").plan(task, quiet)
    with pytest.raises(BadInput, match="for administrators only"):
        await engine.for_user("ann").plan(HELLO.override({"identity": "admin"}), quiet)
    await engine.plan(HELLO.override({"identity": "admin"}), quiet)


@pytest.mark.parametrize(("reference", "opened"), [
    ("vault:team/key", True), ("vault:team/a/b", True), ("env:TOKEN", True), ("vault:prod/db", False),
    ("vault:team/../prod/db", False), ("vault:team/..#x", False), ("vault:team/%2e%2e/x", False),
    ("Vault:team/key", False), ("env:TOKEN2", False),
])  # fmt: skip
async def test_for_whom_secrets_are_looked_up(world: World, reference: str, opened: bool) -> None:
    """Administrators, and embedded clients, have any; others those that a pattern of the settings names."""
    engine, task = world.engine(), HELLO.secrets(KEY={"ref": reference})
    await engine.plan(task, quiet)
    ann = engine.for_user("ann")
    with pytest.raises(BadInput, match="for administrators only"):
        await ann.plan(task, quiet)
    ann.context.config = Config(allowed_secrets=("vault:team/*", "env:TOKEN"))
    with nullcontext() if opened else pytest.raises(BadInput, match="for administrators only"):
        await ann.plan(task, quiet)


def test_who_may_fill_the_disk_of_the_server(world: World) -> None:
    """Administrators, whoever has no server, and all where the settings say so; other stores everybody."""
    engine = world.engine()
    require_writable(engine.context, "file")
    require_writable(engine.for_user("ann").context, "s3")
    with pytest.raises(BadInput, match="only administrators write"):
        require_writable(engine.for_user("ann").context, "file")
    engine.context.config = Config(storage={"file": {"members": True}})
    require_writable(engine.for_user("ann").context, "file")
