"""Rules about containers that jobs run in. A backend need not have any, but then it has to say so."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from styx.api import Backend, BackendError, JobSpec, JobState, Unsupported
from styx.testing.backend.base import BackendRules
from styx.testing.backend.bench import GROUND, Bench
from styx.testing.since import since
from styx.testing.verdict import expect

NO_IMAGE = "localhost/styx-conformance-none"  # nobody has it


class ContainerRules(BackendRules):
    """What prepare_container() must and must not do, and jobs with a ``container``."""

    @since(1, 1)
    async def test_containers_are_had_or_declined(self, bench: Bench, container_image: str) -> None:
        """A backend has containers, says that it has none, or why a node cannot: before there is any job."""
        await bench.prepare()
        said: object = []
        with suppress(Unsupported, BackendError):
            said = await self._prepare(bench, container_image or NO_IMAGE)
        expect(
            isinstance(said, list | tuple) and all(isinstance(each, str) for each in said),
            did=f"prepare_container() returned {said!r}",
            contract="Unsupported without containers, BackendError where a node cannot have one, or what to tell users",
            change="leave prepare_container() as it is inherited; or return a list of sentences, empty for none",
        )

    @since(1, 1)
    async def test_jobs_run_in_the_container(self, bench: Bench, container_image: str) -> None:
        """What a job with a ``container`` writes outside of its home is not on the node; the next one finds it."""
        await self._contained(bench, container_image)
        mark = f"/srv/{bench.cluster.key}"
        made = await bench.finish(self._job(bench, f"mkdir -p /srv && : > {mark}", container_image))
        found = await bench.finish(self._job(bench, f"test -e {mark}", container_image))
        outside = (await bench.cluster.transport(0).run(f"test -e {mark} && rm -f {mark}")).status == 0
        states = made.state, found.state
        expect(
            states == (JobState.SUCCEEDED, JobState.SUCCEEDED) and not outside,
            did=f"two jobs in one container, one that writes {mark} and one that looks for it, ended "
            f"{' and '.join(states)}, and the node has{'' if outside else ' not'} got it",
            contract="with a container, setup and run run in the node's container made from it",
            change="start the job's scripts inside, with the node's home under its own name",
        )

    @since(1, 1)
    async def test_preparing_a_container_again_keeps_it(self, bench: Bench, container_image: str) -> None:
        """What jobs have installed in the container is there after the next launch, which prepares it again."""
        await self._contained(bench, container_image)
        mark = f"/srv/{bench.cluster.key}-kept"
        made = await bench.finish(self._job(bench, f"mkdir -p /srv && : > {mark}", container_image))
        await self._prepare(bench, container_image)
        found = await bench.finish(self._job(bench, f"test -e {mark}", container_image))
        await bench.cluster.transport(0).run(f"rm -f {mark}")
        expect(
            made.state is not JobState.SUCCEEDED or found.state is JobState.SUCCEEDED,
            did=f"after prepare_container() was called again, a job that looks for what one before made {found.state}",
            contract="prepare_container() is idempotent: one that is there stays, with all that was installed in it",
            change="look first whether the cluster's container is there",
        )

    @since(1, 1)
    async def test_a_fresh_object_knows_the_container(
        self, bench: Bench, fresh: Callable[[], Backend], container_image: str
    ) -> None:
        """Asked by a client that has no record of the cluster, it names the image, or says that nobody can tell."""
        await self._contained(bench, container_image)
        told = await bench.call(fresh().container_image(bench.cluster), "container_image()")
        expect(
            told in {container_image, None},
            did=f"with a container of {container_image} made, another object tells that it is of {told!r}",
            contract="the image of the container that the nodes have for jobs, None where nobody can tell",
            change="note the image on the node; or leave container_image() as it is inherited",
        )

    async def _contained(self, bench: Bench, image: str) -> None:
        """Prepare, with a container; without one the test is skipped."""
        if not image:
            pytest.skip("no image to make a container of: the fixture `container_image` names one")
        try:
            await bench.prepare()
            await self._prepare(bench, image)
        except Unsupported:
            pytest.skip("it has no containers, and says so")
        except GROUND as error:
            pytest.skip(f"no container can be had here: {error}")

    @staticmethod
    def _job(bench: Bench, run: str, image: str) -> JobSpec:
        return bench.job(run, container=image)

    @staticmethod
    async def _prepare(bench: Bench, image: str) -> object:
        return await bench.call(bench.backend.prepare_container(bench.cluster, image), "prepare_container()")
