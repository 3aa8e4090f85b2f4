"""Rules about jobs on several nodes: all start or none, and they end together."""

from __future__ import annotations

import asyncio

from styx.api import JobState
from styx.testing.backend.base import BackendRules
from styx.testing.backend.bench import Bench, text
from styx.testing.verdict import expect


class GangRules(BackendRules):
    """What a job of two nodes must and must not do."""

    async def test_every_rank_has_a_node_of_its_own(self, bench: Bench) -> None:
        """A job of n nodes runs n times, on n nodes, with the ranks 0 to n-1."""
        info = await bench.finish(bench.job('echo "$STYX_NODE_RANK of $STYX_NUM_NODES" >> "$HOME/rank"', num_nodes=2))
        homes = [bench.cluster.home(rank) / "rank" for rank in range(2)]
        said = [path.read_text().strip() if path.exists() else "" for path in homes]
        expect(
            info.state is JobState.SUCCEEDED and sorted(said) == ["0 of 2", "1 of 2"],
            did=f"a job of 2 nodes ended {info.state} ({info.reason}); on the nodes it said {said}",
            contract="STYX_NODE_RANK is 0 to STYX_NUM_NODES - 1, each on a node of its own",
            change="start one process per node",
        )

    async def test_ranks_know_each_others_addresses(self, bench: Bench) -> None:
        """STYX_NODE_IPS has one address per line, by rank, the same on every node."""
        said = await bench.say(bench.job('echo "$STYX_NODE_IPS"', num_nodes=2))
        wanted = [node.private_ip for node in bench.cluster.nodes]
        got = [text(said, rank).split("\n") for rank in range(2)]
        expect(
            got == [wanted, wanted],
            did=f"the nodes have the addresses {wanted}; the ranks were told {got}",
            contract="STYX_NODE_IPS is the private addresses of the job's nodes, a line each, by rank",
            change="join private_ip of the nodes with newlines, rank 0 first",
        )

    async def test_ranks_run_at_the_same_time(self, bench: Bench) -> None:
        """The ranks of a job are there at once: each of these waits for the other."""
        meeting = bench.cluster.root / "meeting"
        meeting.mkdir()
        script = (
            f"touch {meeting}/$STYX_NODE_RANK; "
            f"for i in $(seq 200); do [ -e {meeting}/$((1 - STYX_NODE_RANK)) ] && exit 0; sleep 0.05; done; exit 1"
        )
        info = await bench.finish(bench.job(script, num_nodes=2))
        expect(
            info.state is JobState.SUCCEEDED,
            did=f"two ranks that wait for each other ended {info.state} ({info.exit_code}, {info.reason})",
            contract="one job, run on num_nodes nodes at once",
            change="start all ranks before waiting for any",
        )

    async def test_setup_is_done_everywhere_before_run(self, bench: Bench) -> None:
        """No rank runs while another still sets up."""
        done = bench.cluster.root / "setup-1"
        setup = f"[ $STYX_NODE_RANK = 0 ] || {{ sleep 0.4; touch {done}; }}"
        info = await bench.finish(bench.job(f"[ -e {done} ]", setup=setup, num_nodes=2))
        expect(
            info.state is JobState.SUCCEEDED,
            did=f"rank 0 ran before the setup of rank 1 was over (the job ended {info.state})",
            contract="setup runs on every node first",
            change="hold every rank after its setup until the last one is done",
        )

    async def test_one_failure_ends_the_others(self, bench: Bench) -> None:
        """When one rank fails, the others are cancelled: they would wait for it for ever."""
        others = bench.cluster.root / "others"
        script = f"if [ $STYX_NODE_RANK = 1 ]; then sleep 0.2; exit 5; fi; sleep 600; touch {others}"
        info = await bench.finish(bench.job(script, num_nodes=2))
        left = [line for line in bench.cluster.processes().values() if line.startswith("sleep 600")]
        expect(
            info.state is JobState.FAILED and not left,
            did=f"rank 1 failed while rank 0 slept; the job ended {info.state}, and {left or 'nothing'} still runs",
            contract="one fails, all are cancelled",
            change="kill the other ranks' process groups when the first fails",
        )

    async def test_exit_code_is_the_first_failures(self, bench: Bench) -> None:
        """The job's exit code is that of the rank that failed first, not of those that were then killed."""
        script = "if [ $STYX_NODE_RANK = 1 ]; then sleep 0.2; exit 5; fi; trap 'exit 9' TERM; sleep 600 & wait"
        info = await bench.finish(bench.job(script, num_nodes=2))
        expect(
            info.exit_code == 5,
            did=f"rank 1 failed with 5 and rank 0, killed for it, ended with 9; the job's code is {info.exit_code}",
            contract="exit_code is that of the first rank that failed",
            change="keep the first failure, and do not overwrite it",
        )

    async def test_every_ranks_end_is_told(self, bench: Bench) -> None:
        """``ranks`` maps each rank to its own exit code."""
        info = await bench.finish(bench.job("true", num_nodes=2))
        failed = await bench.finish(bench.job("[ $STYX_NODE_RANK = 0 ] || { sleep 0.2; exit 5; }", num_nodes=2))
        expect(
            dict(info.ranks) == {0: 0, 1: 0} and failed.ranks.get(1) == 5,
            did=f"`true` on two nodes tells the ranks {dict(info.ranks)}; one whose rank 1 fails, {dict(failed.ranks)}",
            contract="ranks maps rank to its exit code once it has ended",
            change="record each rank's exit code with the job",
        )

    async def test_a_gang_waits_until_all_can_start(self, bench: Bench, node_cpus: float) -> None:
        """All start or none: while one node is full, no rank of a two-node job runs."""
        gate, marks = bench.cluster.root / "gate", bench.cluster.root / "marks"
        marks.mkdir()
        first = await bench.running(f"until [ -e {gate} ]; do sleep 0.05; done", cpus=node_cpus)
        gang = await bench.submit(bench.job(f"touch {marks}/$STYX_NODE_RANK", cpus=node_cpus, num_nodes=2))
        await bench.settle()
        early = sorted(path.name for path in marks.iterdir())
        gate.touch()
        await asyncio.gather(bench.wait(first), bench.wait(gang))
        expect(
            not early,
            did=f"while one of two nodes was full, the ranks {early} of a two-node job ran",
            contract="all start or none",
            change="claim room on every node before starting on any",
        )
