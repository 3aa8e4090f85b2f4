"""Rules about saying what jobs there are."""

from __future__ import annotations

from datetime import timedelta

from styx.api import JobInfo, JobState
from styx.testing.backend.base import BackendRules
from styx.testing.backend.bench import Bench
from styx.testing.verdict import expect


class ListRules(BackendRules):
    """What jobs() must and must not do."""

    async def test_jobs_are_listed_newest_first(self, bench: Bench) -> None:
        """The list has every job, the newest first."""
        first = await bench.start(bench.job("true"))
        numbers = [first, await bench.submit(bench.job("true")), await bench.submit(bench.job("true"))]
        listed = [job.id for job in await bench.jobs()]
        expect(
            listed == numbers[::-1],
            did=f"submitted {numbers}, listed {listed}",
            contract="jobs() returns all jobs, newest first",
            change="sort by number, descending",
        )

    async def test_jobs_can_be_picked(self, bench: Bench) -> None:
        """With numbers, those jobs are listed and no other; numbers that no job has are left out."""
        first = await bench.start(bench.job("true"))
        numbers = [first, await bench.submit(bench.job("true")), await bench.submit(bench.job("true"))]
        listed = [job.id for job in await bench.jobs(numbers[0], numbers[2], 99)]
        expect(
            listed == [numbers[2], numbers[0]],
            did=f"asked for {numbers[0]}, {numbers[2]} and 99 of {numbers}, jobs() returned {listed}",
            contract="jobs(ids) returns those with these numbers, newest first; unknown ones are left out",
            change="filter by number, and do not raise for what is not there",
        )

    async def test_no_numbers_are_no_jobs(self, bench: Bench) -> None:
        """An empty collection of numbers means none; only None means all."""
        await bench.start(bench.job("true"))
        listed = await bench.call(bench.backend.jobs(bench.cluster, ()), "jobs()")
        expect(
            listed == [],
            did=f"jobs(cluster, ()) returned {[job.id for job in listed]}",
            contract="all jobs, or those with these numbers",
            change="write `if ids is None`, not `if not ids`",
        )

    async def test_jobs_tell_what_was_asked_for(self, bench: Bench) -> None:
        """A job is listed with its name, key, number of nodes and claims."""
        job = bench.job("true", name="train", num_nodes=2, cpus=0.5)
        number = await bench.start(job)
        info = (await bench.jobs(number))[0]
        told = (info.name, info.key, info.num_nodes, info.cpus, info.gpus)
        expect(
            isinstance(info, JobInfo) and told == ("train", job.key, 2, 0.5, 0.0),
            did=f"a job ('train', {job.key!r}, 2 nodes, 0.5 CPUs, 0 GPUs) is listed as {told}",
            contract="JobInfo repeats name, key, num_nodes, cpus and gpus of the JobSpec",
            change="store them with the job",
        )

    async def test_times_are_utc_and_in_order(self, bench: Bench) -> None:
        """A job is submitted, then starts, then ends; all three in timezone-aware UTC."""
        info = await bench.finish(bench.job("sleep 0.05"))
        times = [info.submitted_at, info.started_at, info.ended_at]
        known = [time for time in times if time is not None]
        expect(
            len(known) == 3 and all(time.utcoffset() == timedelta(0) for time in known) and known == sorted(known),
            did=f"a job that has ended was submitted, started and ended at {[str(time) for time in times]}",
            contract="submitted_at, started_at and ended_at are timezone-aware UTC, in this order",
            change="datetime.now(UTC), once at each change of state",
        )

    async def test_what_has_not_been_is_none(self, bench: Bench) -> None:
        """A job that runs has a start and neither an end nor an exit code."""
        gate = bench.cluster.root / "gate"
        number = await bench.running(f"until [ -e {gate} ]; do sleep 0.05; done")
        info = await bench.until_state(number, JobState.RUNNING, JobState.SUCCEEDED, JobState.FAILED)
        gate.touch()
        expect(
            info.state is JobState.RUNNING and info.started_at and info.ended_at is None and info.exit_code is None,
            did=f"a job that runs is listed as {info.state}, started {info.started_at}, ended {info.ended_at}, "
            f"exit code {info.exit_code}",
            contract="what has not happened yet is None",
            change="set ended_at and exit_code at the end, not at the start",
        )
