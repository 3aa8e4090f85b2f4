"""Jobs, policies, events, secrets: what the engine does around clusters."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from styx.api import (
    BackendError,
    BadInput,
    ClusterNotFound,
    ClusterNotUp,
    InsufficientCapacity,
    InvalidTask,
    JobNotFound,
    JobState,
    NoOffer,
)  # fmt: skip
from styx.engine import policies
from styx.engine.codec import offer_from_data, offer_to_data
from styx.engine.keys import public_key
from styx.engine.redact import mask
from styx.hookspecs import Event
from styx.store.states import ClusterState
from styx.testing.memory.catalog import default_offers
from support.world import HELLO, World, quiet


async def test_jobs(world: World) -> None:
    """Jobs are queued, listed newest first, followed, waited for and cancelled by number or all."""
    engine = world.engine()
    await engine.launch(HELLO.nodes(2), "c", quiet)
    assert await engine.exec(HELLO.named("second"), "c", quiet) == 2
    assert [job.name for job in await engine.queue("c")] == ["second", "hello"]
    assert (await engine.job("c", None)).id == 2
    chunks = [chunk async for chunk in engine.logs("c", 1, follow=True, tail=None, rank=None, offsets=None)]
    assert [(chunk.rank, chunk.data) for chunk in chunks] == [(0, b"rank 0 of hello\n"), (1, b"rank 1 of hello\n")]
    assert (await engine.wait("c", 1)).state is JobState.SUCCEEDED
    assert await engine.cancel("c", None) == [2]
    with pytest.raises(JobNotFound, match="no job 9"):
        await engine.job("c", 9)


@pytest.mark.parametrize(
    ("nodes", "rank", "hint"), [(1, 1, "Its only node is 0."), (2, 5, "Its 2 nodes are 0 to 1."), (2, -1, None)]
)
async def test_no_such_rank(world: World, nodes: int, rank: int, hint: str | None) -> None:
    """A rank that a job or a cluster has not is bad input, which says what ranks there are."""
    engine = world.engine()
    await engine.launch(HELLO.nodes(nodes), "c", quiet)
    with pytest.raises(BadInput, match=f"job 1 of cluster 'c' has no rank {rank}") as of_job:
        await anext(engine.logs("c", None, follow=False, tail=None, rank=rank, offsets=None))
    with pytest.raises(BadInput, match=f"cluster 'c' has no node {rank}") as of_cluster:
        await engine.reached("c", rank)
    assert of_job.value.hint == of_cluster.value.hint
    assert of_job.value.hint == hint or hint is None


async def test_no_such_cluster(world: World) -> None:
    """Every operation on a name that is not there says so."""
    engine = world.engine()
    for operation in (
        engine.exec(HELLO, "nope", quiet), engine.stop("nope", quiet), engine.start("nope", None, quiet),
        engine.down("nope", quiet), engine.queue("nope"), engine.autostop("nope", None), engine.reached("nope", 0),
    ):  # fmt: skip
        with pytest.raises(ClusterNotFound, match="nope"):
            await operation
    assert await engine.status(["nope"]) == []


async def test_a_task_without_run(world: World) -> None:
    """A cluster can be made without a job; its setup alone is a job."""
    engine = world.engine()
    task = HELLO.override({"run": None})
    assert await engine.launch(task, "c", quiet) == ("c", None, True)
    assert await engine.launch(task.setup("make"), "c", quiet) == ("c", 1, False)
    assert await engine.launch(task.setup("make"), "c", quiet, setup=False) == ("c", None, False)


async def test_what_a_job_is_given(world: World) -> None:
    """Scripts, environment, secrets, sizes and the cluster's place are in the job; exec leaves setup out."""
    engine = world.engine()
    task = HELLO.setup("make").env(A="1").secrets(B="secret-b").nodes(2)
    await engine.launch(task, "c", quiet)
    await engine.exec(task, "c", quiet)
    (runtime,) = world.runtimes.values()
    first, second = runtime.specs
    assert (first.setup, first.run, first.envs, first.secrets) == ("make", "echo hello", {"A": "1"}, {"B": "secret-b"})
    assert (first.num_nodes, first.cpus, first.gpus) == (2, 0.5, 0)
    assert first.cluster_info == {"cluster_name": "c", "cloud": "memory", "region": "east", "zone": "east-a"}
    assert (second.setup, second.key != first.key) == ("", True)
    assert "secret-b" not in repr(first)


async def test_a_policy_changes_the_task(world: World) -> None:
    """What a policy returns is what runs, for launch and for exec; secrets pass around it."""
    asked = []

    def policy(task, operation):
        asked.append((operation, task))
        return {**task, "envs": {**task.get("envs", {}), "TEAM": "core"}}

    world.hooks["styx_policy"] = policy
    engine = world.engine()
    await engine.launch(HELLO.secrets(KEY="hidden-value"), "c", quiet)
    await engine.exec(HELLO, "c", quiet)
    (runtime,) = world.runtimes.values()
    assert [spec.envs["TEAM"] for spec in runtime.specs] == ["core", "core"]
    assert runtime.specs[0].secrets == {"KEY": "hidden-value"}
    assert [operation for operation, _ in asked] == ["launch", "exec"]
    assert "hidden-value" not in repr(asked)


async def test_the_job_claims_what_the_alternative_that_fits_asks_for(world: World) -> None:
    """Of a task's alternatives the one that the machine satisfies says how much of it the job is given."""
    either = {"any_of": [{"accelerators": "H100:8", "cpus": "32+"}, {"accelerators": "32GB+", "cpus": "4+"}]}
    await world.engine().launch(HELLO.override({"resources": either}), "c", quiet)
    ((job,),) = (runtime.specs for runtime in world.runtimes.values())
    assert (job.cpus, job.gpus) == (4, 1)


async def test_files_that_are_not_there(world: World, tmp_path) -> None:
    """What a task would copy is looked for before anything is rented."""
    with pytest.raises(InvalidTask, match="workdir"):
        await world.engine().launch(HELLO.override({"workdir": str(tmp_path / "gone")}), "c", quiet)
    assert world.account.calls == []


async def test_a_policy_that_leaves_the_task_alone(world: World, tmp_path) -> None:
    """A task that no policy changed is the very same one, relative paths and all."""
    (tmp_path / "here").mkdir()
    world.hooks["styx_policy"] = lambda task, operation: None
    engine = world.engine()
    task = HELLO.from_dict({"name": "t", "run": "x", "workdir": "here"}, tmp_path)
    assert policies.admit(engine.context, task, "launch") is task
    world.hooks["styx_policy"] = lambda task, operation: {**task, "name": "other"}
    changed = policies.admit(engine.context, task, "launch").spec
    assert (changed.base_dir / str(changed.workdir)).resolve() == tmp_path / "here"


async def test_a_policy_that_refuses(world: World) -> None:
    """Its reason is the error, and nothing is made."""

    def policy(task, operation):
        raise BadInput("not on Fridays")

    world.hooks["styx_policy"] = policy
    with pytest.raises(BadInput, match="Fridays"):
        await world.engine().launch(HELLO, "c", quiet)
    assert world.record() is None
    assert world.account.calls == []


async def test_events_reach_plugins(world: World) -> None:
    """Every change of state is told, in order, after it was committed; a listener that fails changes nothing."""
    heard: list[Event] = []

    def listen(event: Event) -> None:
        time.sleep(0.02 / (1 + len(heard)))  # the first takes longest
        heard.append(event)

    world.hooks["styx_event"] = listen
    engine = world.engine()
    await engine.launch(HELLO, "c", quiet)
    await engine.down("c", quiet)
    await engine.context.told()
    assert [event.to_state for event in heard] == ["provisioning", "setting_up", "up", "terminating", ""]
    assert heard[-1].kind == "removed"


async def test_missing_secrets_stop_a_launch(world: World) -> None:
    """A secret without a value is an error before anything is asked of a cloud."""
    with pytest.raises(InvalidTask, match="TOKEN"):
        await world.engine().launch(HELLO.secrets(TOKEN=None), "c", quiet)
    assert world.account.calls == []


async def test_secrets_are_masked_in_errors(world: World) -> None:
    """A provider or runtime that repeats a secret in its error does not get it to the user or into the database."""
    task = HELLO.secrets(TOKEN="hunter2-long")
    world.failures.append(("backend.submit", BackendError("cannot export TOKEN=hunter2-long", hint="see hunter2-long")))
    with pytest.raises(BackendError) as refused:
        await world.engine().launch(task, "c", quiet)
    assert "hunter2" not in f"{refused.value} {refused.value.to_wire()} {refused.value.__cause__}"
    assert "***" in refused.value.message


def test_masking_reaches_everywhere() -> None:
    """Text inside lists and mappings is masked too, and other values stay."""
    data = {"a": ["x-secret-y", 1, None], "b": {"c": ("secret",)}}
    assert mask(data, ["secret"]) == {"a": ["x-***-y", 1, None], "b": {"c": ("***",)}}


async def test_work_on_a_cluster_that_is_not_up(world: World) -> None:
    """Jobs on a stopped cluster are refused with the way to bring it back."""
    await world.engine().launch(HELLO, "c", quiet)
    await world.engine().stop("c", quiet)
    with pytest.raises(ClusterNotUp, match="stopped") as refused:
        await world.engine().exec(HELLO, "c", quiet)
    assert "styx start c" in (refused.value.hint or "")


async def test_what_nobody_sells(world: World) -> None:
    """The error names a reason for each cloud, and nothing is on record."""
    with pytest.raises(NoOffer, match="memory: large: 16 vCPUs, wanted 999") as refused:
        await world.engine().launch(HELLO.override({"resources": {"cpus": 999}}), "c", quiet)
    assert set(refused.value.reasons) == {"memory"}
    assert world.store.events.of("c") == []


async def test_every_place_says_why_not(world: World) -> None:
    """When all offers are refused the error lists each with its own reason."""
    for number in range(4):
        world.account.fail_next("launch", InsufficientCapacity(f"reason {number}"))
    with pytest.raises(NoOffer) as refused:
        await world.engine().launch(HELLO, "c", quiet)
    assert all(f"reason {number}" in refused.value.message for number in range(4))
    assert len(refused.value.reasons) == 4  # not the machines with a GPU, for which nobody asked
    assert world.record() is None


async def test_many_clusters_are_looked_at(world: World) -> None:
    """A refresh asks for every cluster and returns them newest first."""
    engine = world.engine()
    for number in range(20):
        await engine.launch(HELLO, f"c{number}", quiet)
        world.clock.advance(1)
    world.account.delete(world.machines()[0].id)
    records = await engine.status(refresh=True)
    assert [record.name for record in records] == [f"c{number}" for number in reversed(range(20))]
    assert records[-1].state is ClusterState.LOST


@pytest.mark.parametrize("offer", default_offers(), ids=lambda offer: f"{offer.region}-{offer.instance_type}")
def test_an_offer_comes_back_whole(offer) -> None:
    """What is kept of an offer is all of it, its private data included, but for how many were free."""
    full = replace(offer, data={"sku": "x"}, capabilities=frozenset({"divisible"}), available=None)
    assert offer_from_data(offer_to_data(full)) == full


def test_the_installations_key(tmp_path) -> None:
    """The key is made once, its private half readable by the user only; a lost public half is derived again."""
    first = public_key(tmp_path)
    assert first.startswith("ssh-ed25519 ")
    assert (tmp_path / "ssh" / "id_ed25519").stat().st_mode & 0o777 == 0o600
    (tmp_path / "ssh" / "id_ed25519.pub").unlink()
    assert public_key(tmp_path) == first
    (tmp_path / "ssh" / "id_ed25519.pub").write_text("")
    assert public_key(tmp_path) == first
    assert sorted(path.name for path in (tmp_path / "ssh").iterdir()) == ["id_ed25519", "id_ed25519.pub"]
