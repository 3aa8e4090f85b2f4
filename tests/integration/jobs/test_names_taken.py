"""Two users, one store: the name that a job's cluster has or is to have is taken by somebody else's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from styx.engine.engine import Engine
from styx.jobs.driver import Driver, Surroundings
from styx.jobs.model import JobOptions
from styx.jobs.submit import submit
from styx.sealing import Sealer
from styx.spec import Task
from styx.store.holder import current
from styx.store.managed import Limits, ManagedJob, ManagedState, ServerRecord
from styx.store.states import ClusterState
from support.world import quiet

pytestmark = pytest.mark.slow

SERVER = "first"
THEIRS = Task("theirs").run("sleep 600").override({"infra": "local", "cpus": "0.1+"})


@pytest_asyncio.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    """That of a server whose users may have nodes on its machine. What is left at the end is removed."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.yaml").write_text("allowed_clouds: [local]\n")
    made = Engine.open(home)
    now, me = made.context.store.now(), current()
    made.context.store.servers.register(
        ServerRecord(SERVER, me.host, me.pid, me.started, me.boot_id, "0", "", now, now, now + timedelta(hours=1))
    )
    yield made
    for record in made.context.store.clusters.list():
        await made.down(record.name, quiet)
    await made.close()


def handed_in(engine: Engine, run: str) -> tuple[ManagedJob, Driver]:
    """A job of ann's, which is this server's now."""
    store, sealer = engine.context.store, Sealer.open(engine.context.home)
    task = Task("mine").run(run).secrets(TOKEN="s3cret").override({"infra": "local", "cpus": "0.1+"})
    (job,) = submit(store, sealer, task, JobOptions(), user="ann")
    assert [each.id for each in store.jobs.admit(SERVER, Limits(1))] == [job.id]
    return job, Driver(Surroundings(engine, sealer, SERVER, lambda: None), job.id)


async def test_a_name_that_was_taken_between_two_tries(engine: Engine) -> None:
    """The job, with its secrets, goes to a cluster of another name, and leaves what is not its user's as it is."""
    job, driver = handed_in(engine, 'echo "${#TOKEN}"')
    owned = engine.context.store.jobs.own(job.id, SERVER)  # a server that has chosen the name, and died there
    engine.context.store.jobs.update(job.id, owned.epoch, cluster=f"mine-{job.id}", runs=1)
    eve = engine.for_user("eve")
    await eve.launch(THEIRS, f"mine-{job.id}", quiet)

    step = {"do": "launch"}
    while step and step["do"] != "watch":
        step = await driver(step)
    clusters = {each.name: each.user for each in engine.context.store.clusters.list()}
    assert clusters.pop(f"mine-{job.id}") == "eve"
    assert clusters == {step["cluster"]: "ann"}
    assert [each.name for each in await eve.queue(f"mine-{job.id}")] == ["theirs"]
    while step:
        step = await driver(step)
    assert engine.context.store.jobs.get(job.id).state is ManagedState.SUCCEEDED
    left = [(each.name, each.state) for each in engine.context.store.clusters.list()]
    assert left == [(f"mine-{job.id}", ClusterState.UP)]


async def test_a_name_that_clouds_cannot_tell_from_anothers(engine: Engine) -> None:
    """The job does not wait for the other to go."""
    job, driver = handed_in(engine, "true")
    await engine.for_user("eve").launch(THEIRS, f"Mine-{job.id}", quiet)
    step = {"do": "launch"}
    while step["do"] != "watch":
        step = await driver(step)
    clusters = {each.name: each.user for each in engine.context.store.clusters.list()}
    assert clusters == {f"Mine-{job.id}": "eve", step["cluster"]: "ann"}


async def test_a_name_that_was_taken_while_the_job_ran(engine: Engine) -> None:
    """Its cluster counts as gone: the job is recovered to one of another name, and the other's cluster stays."""
    job, driver = handed_in(engine, "sleep 600")
    step = await driver({"do": "launch"})
    assert step["cluster"] == f"mine-{job.id}"
    watching = asyncio.ensure_future(driver(step))
    await engine.down(step["cluster"], quiet)  # by an administrator, or a cloud that takes it back
    eve = engine.for_user("eve")
    await eve.launch(THEIRS, step["cluster"], quiet)
    step = await watching
    while step["do"] != "watch":
        step = await driver(step)
    clusters = {each.name: each.user for each in engine.context.store.clusters.list()}
    assert clusters == {f"mine-{job.id}": "eve", f"mine-{job.id}-2": "ann"}
    assert [each.name for each in await eve.queue(f"mine-{job.id}")] == ["theirs"]
