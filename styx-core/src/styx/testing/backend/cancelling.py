"""Rules about ending jobs."""

from __future__ import annotations

from styx.api import JobState
from styx.testing.backend.base import BackendRules
from styx.testing.backend.bench import Bench
from styx.testing.verdict import expect

CONTRACT = "cancel() cancels these jobs, or with None all that go on, and returns those that this call cancelled"


class CancelRules(BackendRules):
    """What cancel() must and must not do."""

    async def test_a_running_job_is_cancelled(self, bench: Bench) -> None:
        """A job that runs is told to be cancelled, and ended."""
        number = await bench.running("sleep 600")
        await bench.cancel(number)
        info = await bench.wait(number)
        expect(
            info.state is JobState.CANCELLED and info.ended_at is not None,
            did=f"a job that was cancelled while it ran ended {info.state} at {info.ended_at}",
            contract="cancelled is an end of its own",
            change="record that it was cancelled before killing it, so that its exit code does not decide",
        )

    async def test_nothing_of_it_runs_on(self, bench: Bench) -> None:
        """The job's children and those that ignore SIGTERM are gone, on every node."""
        number = await bench.running("trap '' TERM; sleep 601 & sleep 602 & wait; sleep 603", num_nodes=2)
        await bench.cancel(number)
        await bench.wait(number)
        names = ("sleep 601", "sleep 602", "sleep 603")
        left = [line for line in bench.cluster.processes().values() if line.startswith(names)]
        expect(
            not left,
            did=f"after cancel() these still run: {left}",
            contract="a cancelled job has ended",
            change="signal the whole process group on every node: TERM, then after a while KILL",
        )

    async def test_a_pending_job_never_runs(self, bench: Bench, node_cpus: float) -> None:
        """A job cancelled in the queue does not start when its turn comes."""
        gate = bench.cluster.root / "gate"
        first = await bench.running(f"until [ -e {gate} ]; do sleep 0.05; done", cpus=node_cpus, num_nodes=2)
        second = await bench.submit(bench.job('echo > "$HOME/second"', cpus=node_cpus, num_nodes=2))
        await bench.cancel(second)
        gate.touch()
        await bench.wait(first)
        info = await bench.wait(second)
        await bench.settle()
        ran = (bench.cluster.home(0) / "second").exists()
        expect(
            info.state is JobState.CANCELLED and not ran,
            did=f"a job cancelled while pending is {info.state} and was {'' if ran else 'not '}run",
            contract=CONTRACT,
            change="take it out of the queue",
        )

    async def test_cancel_names_what_it_cancelled(self, bench: Bench) -> None:
        """cancel() returns the jobs that it cancelled; asked again, none."""
        number = await bench.running("sleep 600")
        first, again = await bench.cancel(number), await bench.cancel(number)
        expect(
            (list(first), list(again)) == ([number], []),
            did=f"cancelling job {number} returned {first}, and again {again}",
            contract=CONTRACT,
            change="return the numbers of those that still went on",
        )

    async def test_cancel_without_numbers_is_all(self, bench: Bench) -> None:
        """With None every job that goes on is cancelled, and none that has ended."""
        ended = (await bench.finish(bench.job("true"))).id
        first = await bench.running("sleep 600")
        second = await bench.submit(bench.job("sleep 600"))
        done = await bench.cancel()
        states = [(await bench.wait(number)).state for number in (first, second)]
        expect(
            sorted(done) == [first, second] and states == [JobState.CANCELLED] * 2,
            did=f"with jobs {first} and {second} going on and {ended} ended, cancel(None) returned {done}; "
            f"they are now {[str(state) for state in states]}",
            contract=CONTRACT,
            change="write `if ids is None`, and leave out what has ended",
        )

    async def test_cancel_of_no_numbers_is_none(self, bench: Bench) -> None:
        """An empty collection of numbers means none; only None means all."""
        number = await bench.running("sleep 600")
        done = await bench.call(bench.backend.cancel(bench.cluster, ()), "cancel()")
        info = (await bench.jobs(number))[0]
        expect(
            list(done) == [] and not info.state.ended,
            did=f"cancel(cluster, ()) returned {done}, and the job that ran is {info.state}",
            contract=CONTRACT,
            change="write `if ids is None`, not `if not ids`",
        )

    async def test_cancel_leaves_others_running(self, bench: Bench) -> None:
        """Only the jobs that were named are cancelled."""
        first = await bench.running("sleep 600")
        second = await bench.submit(bench.job("sleep 600"))
        await bench.cancel(second)
        await bench.settle()
        info = (await bench.jobs(first))[0]
        expect(
            not info.state.ended,
            did=f"job {second} was cancelled, and job {first} is {info.state}",
            contract=CONTRACT,
            change="signal the process group of that job alone",
        )

    async def test_an_ended_job_stays_as_it_was(self, bench: Bench) -> None:
        """Cancelling what has ended changes nothing."""
        before = await bench.finish(bench.job("exit 4"))
        done = await bench.cancel(before.id)
        after = (await bench.jobs(before.id))[0]
        expect(
            list(done) == [] and (after.state, after.exit_code) == (JobState.FAILED, 4),
            did=f"a job that had failed with 4 was cancelled: {done}; it is now {after.state} with {after.exit_code}",
            contract="a job that has ended never changes state again",
            change="look at state.ended first",
        )
