"""Rules about one job: queued once, set up, run, and its end told truly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from styx.api import Backend, JobNotFound, JobState
from styx.testing.backend.base import BackendRules
from styx.testing.backend.bench import Bench, text
from styx.testing.verdict import expect, refuses

COUNTED = 'echo x >> "$HOME/runs"'


class RunRules(BackendRules):
    """What submit() and wait() must and must not do."""

    async def test_a_job_runs_to_its_end(self, bench: Bench) -> None:
        """A job that does well is told to have succeeded, with exit code 0. Most other tests stand on this one."""
        await bench.prepare()
        info = await bench.wait(await bench.submit(bench.job("true")))
        expect(
            info.state is JobState.SUCCEEDED and info.exit_code == 0,
            did=f"the job `true` ended {info.state} with exit code {info.exit_code} ({info.reason})",
            contract="a job whose every rank ends with 0 has succeeded, with exit code 0",
            change="look at the job's log: bench.cluster.root has the nodes' homes",
        )

    async def test_jobs_are_numbered_from_one(self, bench: Bench) -> None:
        """The first job of a cluster is 1, the next 2: users type these numbers."""
        first = await bench.start(bench.job("true"))
        numbers = [first, await bench.submit(bench.job("true"))]
        expect(
            numbers == [1, 2],
            did=f"the first two jobs got the numbers {numbers}",
            contract="submit() returns the job's number: 1, 2, ...",
            change="count per cluster, from 1",
        )

    async def test_the_same_key_is_the_same_job(self, bench: Bench) -> None:
        """A job submitted again, as after a lost answer, is not run again."""
        job = bench.job(COUNTED)
        info = await bench.finish(job)
        again = await bench.submit(job)
        await bench.wait(again)
        await bench.settle()
        runs = (bench.cluster.home(0) / "runs").read_text().count("x")
        expect(
            again == info.id and runs == 1,
            did=f"one job, submitted twice, got the numbers {info.id} and {again} and ran {runs} times",
            contract="submit() is idempotent on job.key",
            change="store the key with the job, uniquely, and return the number that has it",
        )

    async def test_a_fresh_object_knows_the_key(self, bench: Bench, fresh: Callable[[], Backend]) -> None:
        """The next client's submit of the same key finds the job: the first one may have been killed."""
        job = bench.job("true")
        number = await bench.start(job)
        again = await bench.submit(job, fresh())
        expect(
            again == number,
            did=f"the same key got the number {number} from one object and {again} from another",
            contract="submit() is idempotent on job.key, whoever asks",
            change="keep keys with the jobs on the cluster, not in the object",
        )

    async def test_the_same_key_at_once_is_one_job(self, bench: Bench) -> None:
        """Submitted by two at the same time, it is still one job."""
        job = bench.job(COUNTED)
        number = await bench.start(bench.job("true"))
        numbers = await asyncio.gather(*(bench.submit(job) for _ in range(4)))
        await bench.wait(numbers[0])
        await bench.settle()
        runs = (bench.cluster.home(0) / "runs").read_text().count("x")
        expect(
            set(numbers) == {number + 1} and runs == 1,
            did=f"one job, submitted four times at once, got the numbers {numbers} and ran {runs} times",
            contract="submit() is idempotent on job.key",
            change="make finding and storing the key one step",
        )

    async def test_a_failing_job_tells_its_code(self, bench: Bench) -> None:
        """A job that fails has failed, with the exit code of its script."""
        info = await bench.finish(bench.job("exit 7"))
        expect(
            info.state is JobState.FAILED and info.exit_code == 7,
            did=f"the job `exit 7` ended {info.state} with exit code {info.exit_code}",
            contract="exit_code is that of the first rank that failed",
            change="pass the script's own exit status on",
        )

    async def test_scripts_are_bash(self, bench: Bench) -> None:
        """``run`` is a bash script: arrays, [[ ]] and here-documents work."""
        script = (
            "set -o pipefail\nwords=(a b c)\n[[ ${#words[@]} == 3 ]] || exit 9\ncat <<'END'\n'quoted' \"$HOME\"\nEND\n"
        )
        said = text(await bench.say(bench.job(script)))
        expect(
            said == "'quoted' \"$HOME\"",
            did=f"a bash script with an array and a here-document wrote {said!r}",
            contract="setup and run are bash scripts",
            change="give the script to bash as a file or by bash -c, untouched",
        )

    async def test_jobs_run_in_the_home(self, bench: Bench) -> None:
        """Without a workdir a job runs in its node's home, which is also its HOME."""
        said = text(await bench.say(bench.job('cd -P . && pwd && cd -P "$HOME" && pwd'))).split("\n")
        home = str(bench.cluster.home(0).resolve())
        expect(
            said == [home, home],
            did=f"in a node whose home is {home} the job ran in {said[:1]} with the HOME {said[1:]}",
            contract="workdir is relative to the node's home, and empty by default",
            change="set HOME and the directory from the transport's node, not from this process",
        )

    async def test_workdir_is_below_the_home(self, bench: Bench) -> None:
        """``workdir`` is where setup and run begin."""
        (bench.cluster.home(0) / "code" / "sub").mkdir(parents=True)
        said = text(await bench.say(bench.job("pwd -P", setup="pwd -P", workdir="code/sub"))).split("\n")
        wanted = str((bench.cluster.home(0) / "code" / "sub").resolve())
        expect(
            said == [wanted, wanted],
            did=f"with the workdir code/sub, setup and run began in {said}",
            contract="workdir is relative to the node's home",
            change="change into it before each script",
        )

    async def test_setup_runs_before_run(self, bench: Bench) -> None:
        """``setup`` is over when ``run`` begins, and what it wrote to disk is there."""
        said = text(await bench.say(bench.job("cat made; echo run", setup="sleep 0.1; echo made > made; echo setup")))
        expect(
            said.split("\n") == ["setup", "made", "run"],
            did=f"setup and run wrote {said.split(chr(10))}",
            contract="setup runs on every node first",
            change="wait for setup's end before run, and put both into the log",
        )

    async def test_failed_setup_is_told_apart(self, bench: Bench) -> None:
        """A job whose setup fails is failed_setup with setup's exit code, and is not run."""
        info = await bench.finish(bench.job('echo > "$HOME/ran"', setup="exit 3"))
        ran = (bench.cluster.home(0) / "ran").exists()
        expect(
            info.state is JobState.FAILED_SETUP and info.exit_code == 3 and not ran,
            did=f"a job whose setup is `exit 3` ended {info.state} with {info.exit_code} and was "
            f"{'' if ran else 'not '}run",
            contract="failed_setup is an end of its own; run does not follow",
            change="keep setup's exit code apart from run's",
        )

    async def test_wait_returns_at_the_end(self, bench: Bench) -> None:
        """wait() comes back when the job has ended, not before."""
        gate = bench.cluster.root / "gate"
        number = await bench.running(f"until [ -e {gate} ]; do sleep 0.05; done")
        waiting = asyncio.ensure_future(bench.wait(number))
        await bench.settle()
        early = waiting.done()
        gate.touch()
        info = await waiting
        expect(
            not early and info.id == number and info.state.ended,
            did=f"wait() of a job that still ran {'came back' if early else 'waited'}, with {info.state} in the end",
            contract="wait() returns the job once it has ended",
            change="look at state.ended",
        )

    async def test_wait_for_no_job_is_not_found(self, bench: Bench) -> None:
        """Waiting for a number that no job has is JobNotFound, not a wait without end."""
        await bench.start(bench.job("true"))
        with refuses("wait(99)", JobNotFound, contract="wait() raises JobNotFound", change="look the number up first"):
            await bench.wait(99)
