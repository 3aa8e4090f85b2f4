"""Which container a task wants, on which cluster, and with whose rights to the image."""

from __future__ import annotations

import pytest

from styx.api import BackendError, BadInput, InvalidTask, LaunchRequest, Login
from styx.engine import asked, container
from styx.spec import Resources, Task
from styx.spec.model import Alternative
from styx.store.records import ClusterRecord
from styx.store.states import ClusterState
from support.world import HELLO, Runtime, World, quiet


@pytest.mark.parametrize(
    ("image", "machine", "inside"),
    [
        ("ami-1", "ami-1", None),
        ("docker:a/b:1", None, "a/b:1"),
        ({"here": "ami-1", "there": "ami-2"}, "ami-1", None),
        ({"here": "docker:a"}, None, "a"),
        ({"there": "docker:a"}, None, None),
        ({"here": "ami-1", "docker": "a/b"}, "ami-1", "a/b"),
        ({"here": "ami-1", "docker": "docker:a/b"}, "ami-1", "a/b"),
    ],
)
def test_a_container_is_no_image_of_a_machine(
    image: str | dict[str, str], machine: str | None, inside: str | None
) -> None:
    """What clouds are asked for is their own image, or none."""
    assert asked.image_in(Alternative(image_id=image), "here") == machine
    assert asked.container_in(Alternative(image_id=image), "here") == inside


LOGIN = {"SERVER": "ghcr.io", "USERNAME": "me", "PASSWORD": "hush"}


@pytest.mark.parametrize("prefix", ["STYX_DOCKER_", "SKYPILOT_DOCKER_"])
def test_the_way_into_a_private_registry(prefix: str) -> None:
    """Three variables, which may be envs or secrets; a part of them is a mistake, and none is no login."""
    given = {prefix + name: value for name, value in LOGIN.items()}
    assert container.login_of(given) == Login("ghcr.io", "me", "hush")
    assert container.login_of({"OTHER": "x"}) is None
    del given[prefix + "PASSWORD"]
    with pytest.raises(InvalidTask, match=f"there is no value for {prefix}PASSWORD"):
        container.login_of(given)
    assert "hush" not in repr(Login("ghcr.io", "me", "hush"))


def with_image(image: str) -> Task:
    """The task, to be run in a container."""
    return HELLO.resources(Resources(image_id=image))


def runtime(world: World) -> Runtime:
    """What runs on the only cluster."""
    (found,) = world.runtimes.values()
    return found


async def test_a_cluster_runs_its_jobs_in_the_container_it_was_made_with(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prepared by each launch, with the login of its task; exec finds it, also for tasks that do not name it."""
    requests: list[LaunchRequest] = []
    cloud = world.clouds["memory"][0]
    prepare = cloud.prepare
    monkeypatch.setattr(cloud, "prepare", lambda self, request: requests.append(request) or prepare(self, request))
    told: list[tuple[str, str]] = []
    variables = {"SKYPILOT_DOCKER_SERVER": "ghcr.io", "SKYPILOT_DOCKER_USERNAME": "me"}
    task = with_image("docker:a/b").envs(variables).secrets({"SKYPILOT_DOCKER_PASSWORD": "hush"})
    engine = world.engine()
    await engine.launch(task, "c", lambda *said: told.append(said))
    assert [request.image for request in requests] == [None]
    await engine.exec(HELLO, "c", quiet)
    assert runtime(world).containers == [("a/b", Login("ghcr.io", "me", "hush"))]
    await world.engine().launch(HELLO, "c", quiet)
    assert runtime(world).containers[1:] == [("a/b", None)]
    assert [spec.container for spec in runtime(world).specs] == ["a/b"] * 3
    assert ("note", "this node has GPUs, and containers cannot use them") in told
    assert "hush" not in repr(told)


@pytest.mark.parametrize(("made", "has"), [("docker:a", "container a"), (None, "container of no image")])
async def test_another_container_wants_another_cluster(world: World, made: str | None, has: str) -> None:
    """A job that asks for one is never run in another, or in none."""
    await world.engine().launch(with_image(made) if made else HELLO, "c", quiet)
    for start in (world.engine().launch, world.engine().exec):
        with pytest.raises(BadInput, match=f"does not fit the task: {has}, wanted b"):
            await start(with_image("docker:b"), "c", quiet)


async def test_a_container_that_cannot_be_had_is_told_before_any_job(world: World) -> None:
    """The machines stay, and another launch tries again."""
    world.failures.append(("backend.prepare_container", BackendError("there is no Docker", hint="Install it.")))
    with pytest.raises(BackendError, match="there is no Docker") as refused:
        await world.engine().launch(with_image("docker:a"), "c", quiet)
    assert "stays up" in (refused.value.hint or "")
    record = world.record()
    assert record is not None
    assert (record.state, runtime(world).specs) == (ClusterState.UP, [])
    await world.engine().launch(with_image("docker:a"), "c", quiet)
    assert len(runtime(world).specs) == 1


async def recovered(world: World, *, reachable: bool = True) -> ClusterRecord:
    """The only cluster, on record again after the database was lost."""
    world.lose_the_database()
    if not reachable:
        world.failures.append(("backend.container_image", BackendError("it does not answer")))
    engine = world.engine()
    (orphan,) = (await engine.orphans()).orphans
    return await engine.adopt(orphan)


@pytest.mark.parametrize("reachable", [True, False])
async def test_a_cluster_that_was_taken_up_again_keeps_its_container(world: World, *, reachable: bool) -> None:
    """Its nodes know which; where they did not say so at once, they are asked before the next job."""
    await world.engine().launch(with_image("docker:a/b"), "c", quiet)
    record = await recovered(world, reachable=reachable)
    assert record.request == ({"container": "a/b"} if reachable else {})
    with pytest.raises(BadInput, match="container a/b, wanted c"):
        await world.engine().exec(with_image("docker:c"), "c", quiet)
    await world.engine().exec(HELLO, "c", quiet)
    await world.engine().launch(HELLO.resources(Resources(ports=("8080",))), "c", quiet)
    assert [spec.container for spec in runtime(world).specs] == ["a/b"] * 3
    assert runtime(world).containers == [("a/b", None)] * 2


async def test_a_cluster_that_was_taken_up_again_without_a_container(world: World) -> None:
    """It has none, and a task that wants one is not run beside it; whatever else it wants is not known."""
    await world.engine().launch(HELLO, "c", quiet)
    assert (await recovered(world)).request == {"container": None}
    with pytest.raises(BadInput, match="container of no image, wanted c"):
        await world.engine().exec(with_image("docker:c"), "c", quiet)
    await world.engine().exec(with_image("other-machine-image"), "c", quiet)
    assert [spec.container for spec in runtime(world).specs] == ["", ""]
