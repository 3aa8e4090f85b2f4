"""Secrets that are named by where they are kept."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from styx.api import BackendError, BadInput, InvalidTask
from styx.config import Config
from styx.spec import Task
from support.world import HELLO, World, quiet

TASK = Task("t", run="x", secrets={"TOKEN": {"ref": "vault:team/key"}})


def keeps(world: World, kept: dict[str, object]) -> list[str]:
    """Give the world a plugin that looks these references up; the references it is asked for."""
    asked: list[str] = []

    def look_up(reference: str) -> object:
        asked.append(reference)
        return kept.get(reference)

    world.hooks["styx_secret"] = look_up
    return asked


async def test_a_reference_becomes_a_value(world: World) -> None:
    """The job gets what the plugin answers, at launch and at exec; text that only looks like a reference stays."""
    asked = keeps(world, {"vault:team/key": "hunter2-long"})
    engine = world.engine()
    await engine.launch(TASK.secrets(PLAIN="vault:team/key"), "c", quiet)
    await engine.exec(TASK.secrets(MORE={"ref": "vault:team/key"}), "c", quiet)
    (runtime,) = world.runtimes.values()
    assert [spec.secrets for spec in runtime.specs] == [
        {"TOKEN": "hunter2-long", "PLAIN": "vault:team/key"},
        {"TOKEN": "hunter2-long", "MORE": "hunter2-long"},
    ]
    assert asked == ["vault:team/key"] * 2
    assert [path for path in world.home.rglob("*") if path.is_file() and b"hunter2" in path.read_bytes()] == []


async def test_a_plan_looks_nothing_up(world: World) -> None:
    """What would be launched can be shown without the secrets it needs."""
    asked = keeps(world, {})
    assert (await world.engine().plan(TASK, quiet)).choices
    assert asked == []


async def test_plugins_know_who_asks(world: World) -> None:
    """The user for whom a server does it, or whose the account here is: what one may have, another may not."""
    asked = []

    def policy(task, user):
        asked.append(f"policy: {user}")

    def look_up(reference, user):
        asked.append(f"secret: {user}")
        return "hunter2-long"

    world.hooks |= {"styx_policy": policy, "styx_secret": look_up}
    engine = world.engine()
    engine.context.config = Config(allowed_secrets=("vault:*",))
    await engine.for_user("ann").launch(TASK, "hers", quiet)
    await engine.launch(TASK, "c", quiet)
    me = engine.context.user
    assert asked == ["policy: ann", "secret: ann", f"policy: {me}", f"secret: {me}"]


async def test_policies_see_the_reference(world: World) -> None:
    """A policy is shown where a secret is kept, and never what it is; it may refuse it, or name another."""
    keeps(world, {"vault:other": "hunter2-long"})
    seen = []

    def policy(task, operation):
        seen.append(task["secrets"])
        return {**task, "secrets": {"TOKEN": {"ref": "vault:other"}}}

    world.hooks["styx_policy"] = policy
    await world.engine().launch(TASK.secrets(PLAIN="hunter2-plain"), "c", quiet)
    (runtime,) = world.runtimes.values()
    assert runtime.specs[0].secrets == {"TOKEN": "hunter2-long", "PLAIN": "hunter2-plain"}
    assert seen == [{"PLAIN": None, "TOKEN": {"ref": "vault:team/key"}}]


@pytest.mark.parametrize(
    ("plugins", "hint"),
    [
        ([], "No installed plugin looks secrets up"),
        ([("file", "ok"), ("vault", "disabled")], "Plugins that look secrets up: file, vault (disabled)."),
    ],
)
async def test_a_reference_that_nobody_knows(world: World, plugins, hint: str) -> None:
    """It is an error that names the reference and who looks secrets up, before anything is asked of a cloud."""
    keeps(world, {})
    engine = world.engine()
    manifest = {"implements": ["styx_secret"]}
    engine.context.plugins.plugins = [
        SimpleNamespace(name="other", status="ok", manifest={"implements": []}),
        *(SimpleNamespace(name=name, status=status, manifest=manifest) for name, status in plugins),
    ]
    with pytest.raises(InvalidTask, match="secret 'TOKEN': no plugin knows the reference 'vault:team/key'") as refused:
        await engine.launch(TASK, "c", quiet)
    assert hint in (refused.value.hint or "")
    assert world.account.calls == []


@pytest.mark.parametrize("value", [7, b"x", "hunter2\0"])
async def test_what_is_no_value(world: World, value: object) -> None:
    """What a plugin answers must be text that an environment variable can hold; it is not shown."""
    keeps(world, {"vault:team/key": value})
    with pytest.raises(InvalidTask, match="is not text for an environment variable") as refused:
        await world.engine().launch(TASK, "c", quiet)
    assert "hunter2" not in refused.value.message


async def test_a_plugin_that_refuses(world: World) -> None:
    """Its error says for which secret."""

    def locked(reference: str) -> str:
        raise BadInput("the vault is locked", hint="Unlock it.")

    world.hooks["styx_secret"] = locked
    with pytest.raises(BadInput, match=r"secret 'TOKEN' \(vault:team/key\): the vault is locked") as refused:
        await world.engine().launch(TASK, "c", quiet)
    assert refused.value.hint == "Unlock it."


async def test_what_was_looked_up_is_masked_too(world: World) -> None:
    """An error that repeats the secret does not get it to the user, nor into a traceback."""
    keeps(world, {"vault:team/key": "hunter2-long"})
    world.failures.append(("backend.submit", BackendError("TOKEN=hunter2-long", hint="see hunter2-long")))
    with pytest.raises(BackendError) as refused:
        await world.engine().launch(TASK, "c", quiet)
    error = refused.value
    assert "hunter2" not in f"{error} {error.to_wire()} {error.__notes__} {error.__cause__}"


async def test_a_new_cluster_whose_job_cannot_be_queued_stays(world: World) -> None:
    """The error of a launch that made the cluster says that it is up and what to do with it."""
    engine = world.engine()
    world.failures.append(("backend.submit", BackendError("no", hint="Try again.")))
    with pytest.raises(BackendError) as refused:
        await engine.launch(HELLO, "c", quiet)
    assert refused.value.hint == (
        "Try again. Cluster 'c' stays up: `styx launch -c c` uses it again, `styx down c` removes it."
    )
    world.failures.append(("backend.submit", BackendError("no")))
    with pytest.raises(BackendError) as refused:
        await engine.launch(HELLO, "c", quiet)
    assert refused.value.hint is None
