"""Rules about the object itself, and about preparing nodes."""

from __future__ import annotations

from collections.abc import Callable

from styx.api import Backend, JobState
from styx.testing.backend.base import BackendRules
from styx.testing.backend.bench import Bench
from styx.testing.provider import MakingRules
from styx.testing.verdict import expect, succeeds

MAKING = MakingRules()  # not a base: its tests are no coroutines, which pytest-asyncio's mark wants


class DeclarationRules(BackendRules):
    """Declaration, construction, prepare."""

    async def test_name_fits_into_commands_and_manifests(self, backend: Backend) -> None:
        """A backend's name is lower case, a letter first: users type it and manifests list it."""
        MAKING.test_name_fits_into_commands_and_manifests(backend)

    async def test_making_the_object_needs_no_network(self, fresh: Callable[[], Backend]) -> None:
        """The constructor keeps its services and does nothing else."""
        MAKING.test_making_the_object_needs_no_network(fresh)

    async def test_the_object_can_be_made_again(self, backend: Backend, fresh: Callable[[], Backend]) -> None:
        """Two objects live side by side: each client has its own."""
        MAKING.test_the_object_can_be_made_again(backend, fresh)

    async def test_prepare_again_succeeds(self, bench: Bench) -> None:
        """prepare() on nodes that are prepared is success: every launch on a cluster begins with it."""
        await bench.prepare()
        with succeeds(
            "a second prepare()",
            contract="prepare() is idempotent",
            change="look first whether the runtime of this version runs already",
        ):
            await bench.prepare()

    async def test_prepare_does_not_disturb_jobs(self, bench: Bench) -> None:
        """A job that runs while the nodes are prepared again runs on, once, and keeps its number."""
        gate = bench.cluster.root / "gate"
        number = await bench.running(f'echo x >> "$HOME/runs"; until [ -e {gate} ]; do sleep 0.05; done')
        await bench.prepare()
        await bench.settle()
        gate.touch()
        info = await bench.wait(number)
        runs = (bench.cluster.home(0) / "runs").read_text().count("x")
        expect(
            info.state is JobState.SUCCEEDED and runs == 1,
            did=f"a job that ran during prepare() ended {info.state} ({info.reason or info.exit_code}), "
            f"after {runs} starts",
            contract="prepare() does not disturb running jobs",
            change="do not restart the runtime when it runs; or let jobs outlive it",
        )

    async def test_prepare_keeps_the_list_of_jobs(self, bench: Bench) -> None:
        """Jobs of before are still known after the nodes have been prepared again."""
        info = await bench.finish(bench.job("true"))
        await bench.prepare()
        seen = [job.id for job in await bench.jobs()]
        expect(
            seen == [info.id],
            did=f"job {info.id} ended before prepare(); afterwards the list is {seen}",
            contract="prepare() is idempotent: the second call changes nothing",
            change="keep the table of jobs where it is",
        )
