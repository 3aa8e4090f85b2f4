"""Rules about a job's output."""

from __future__ import annotations

import asyncio

from styx.api import JobNotFound, LogChunk
from styx.testing.backend.base import BackendRules
from styx.testing.backend.bench import Bench, text
from styx.testing.verdict import expect, refuses


class LogRules(BackendRules):
    """What logs() must and must not do."""

    async def test_output_is_delivered_whole(self, bench: Bench) -> None:
        """Following a job from its start to its end delivers every byte it wrote, in order."""
        lines = 2000
        number = await bench.start(bench.job(f"for i in $(seq {lines}); do echo line $i; done; sleep 0.2; echo end"))
        said = text(await bench.output(number)).split("\n")
        wanted = [*(f"line {n}" for n in range(1, lines + 1)), "end"]
        expect(
            said == wanted,
            did=f"of {len(wanted)} lines {len(said)} were delivered; the last is {said[-1]!r}",
            contract="with follow it goes on until the job has ended and everything has been delivered",
            change="read once more after the job has ended, before the stream ends",
        )

    async def test_output_comes_while_the_job_runs(self, bench: Bench) -> None:
        """A follower sees a line soon after it was written, not when the job is over."""
        gate = bench.cluster.root / "gate"
        number = await bench.start(bench.job(f"echo first; until [ -e {gate} ]; do sleep 0.05; done; echo last"))
        seen, early = b"", False

        async def follow() -> None:
            nonlocal seen, early
            async for chunk in bench.backend.logs(bench.cluster, number):
                seen += chunk.data
                if b"first" in seen and not early:
                    early = not gate.exists()
                    gate.touch()

        follower = asyncio.create_task(follow())
        await asyncio.wait([follower], timeout=min(bench.patience, 5.0))
        gate.touch()
        await bench.call(follower, "logs()")
        expect(
            early and seen == b"first\nlast\n",
            did=f"the first line was {'delivered while the job ran' if early else 'held back until the job was over'}; "
            f"in all {seen!r} was delivered",
            contract="with follow, output is delivered as it comes",
            change="send what there is at once, and watch the log for more",
        )

    async def test_errors_are_output_too(self, bench: Bench) -> None:
        """What a job writes to standard error is in its log."""
        said = text(await bench.say(bench.job("echo out; echo err >&2")))
        expect(
            sorted(said.split("\n")) == ["err", "out"],
            did=f"a job that writes to both outputs has the log {said!r}",
            contract="logs() is the job's output",
            change="send standard error to the same place",
        )

    async def test_output_is_bytes(self, bench: Bench) -> None:
        """Bytes that are no text come through unchanged, and so does a last line without an end."""
        said = await bench.say(bench.job("printf '\\000\\377\\r\\033[1m\\n\\303'"))
        wanted = b"\x00\xff\r\x1b[1m\n\xc3"
        expect(
            said.get(0) == wanted,
            did=f"a job that wrote {wanted!r} has the log {said.get(0)!r}",
            contract="LogChunk.data is the bytes that a rank wrote",
            change="do not decode, strip or split on the way",
        )

    async def test_chunks_tell_where_they_begin(self, bench: Bench) -> None:
        """Each chunk's offset is where its bytes are in its rank's log; put together they have no gap."""
        info = await bench.finish(bench.job("for i in $(seq 500); do echo $i; done", num_nodes=2))
        chunks = await bench.chunks(info.id)
        at: dict[int, int] = {}
        gaps = []
        for chunk in chunks:
            if not isinstance(chunk, LogChunk) or chunk.offset != at.get(chunk.rank, 0):
                gaps.append((chunk.rank, at.get(chunk.rank, 0), chunk.offset))
            at[chunk.rank] = chunk.offset + len(chunk.data)
        expect(
            not gaps and set(at) == {0, 1},
            did=f"chunks of the ranks {sorted(at)}; (rank, expected offset, offset) where they differ: {gaps[:3]}",
            contract="LogChunk(rank, offset, data): the bytes start at offset in that rank's log",
            change="count bytes per rank",
        )

    async def test_offsets_resume(self, bench: Bench) -> None:
        """From an offset, exactly the rest is delivered: this is how a lost connection goes on."""
        info = await bench.finish(bench.job("printf 0123456789", num_nodes=2))
        chunks = await bench.chunks(info.id, offsets={0: 4, 1: 10})
        got = {(chunk.rank, chunk.offset, chunk.data) for chunk in chunks if chunk.data}
        expect(
            got == {(0, 4, b"456789")},
            did=f"from offset 4 of rank 0 and 10 of rank 1, of ten bytes each, these came: {sorted(got)}",
            contract="the output from offsets (rank -> byte)",
            change="seek to the offset, and give it as the first chunk's own",
        )

    async def test_tail_is_the_last_lines(self, bench: Bench) -> None:
        """``tail`` delivers the last lines of what there is, whole."""
        info = await bench.finish(bench.job("for i in $(seq 50); do echo line $i; done"))
        got = {n: text(await bench.output(info.id, tail=n)) for n in (0, 3, 1000)}
        wanted = {n: "\n".join(f"line {i}" for i in range(max(1, 51 - n), 51)) for n in (0, 3, 1000)}
        expect(
            got == wanted,
            did=f"of 50 lines tail=0 gave {got[0]!r}, tail=3 {got[3]!r}, tail=1000 {got[1000].count('line')} lines",
            contract="the last tail lines",
            change="count newlines from the end; fewer lines than asked for are all of them",
        )

    async def test_one_rank_can_be_read(self, bench: Bench) -> None:
        """``rank`` picks one rank's output, and without it all are there."""
        info = await bench.finish(bench.job('echo "rank $STYX_NODE_RANK"', num_nodes=2))
        one, both = await bench.output(info.id, rank=1), await bench.output(info.id)
        expect(
            one == {1: b"rank 1\n"} and both == {0: b"rank 0\n", 1: b"rank 1\n"},
            did=f"rank=1 gave {one}, no rank {both}",
            contract="the output of one rank or all",
            change="filter by rank",
        )

    async def test_without_follow_it_returns_at_once(self, bench: Bench) -> None:
        """Without ``follow``, what there is so far is delivered, though the job runs on."""
        gate = bench.cluster.root / "gate"
        number = await bench.running(f"until [ -e {gate} ]; do sleep 0.05; done")
        try:
            async with asyncio.timeout(min(bench.patience, 5.0)):
                await bench.chunks(number, follow=False)
            problem = ""
        except TimeoutError:
            problem = "it went on while the job ran"
        gate.touch()
        await bench.wait(number)
        expect(
            not problem,
            did=f"logs(follow=False): {problem}",
            contract="only with follow it goes on until the job has ended",
            change="return after what is there now",
        )

    async def test_logs_of_no_job_are_not_found(self, bench: Bench) -> None:
        """The log of a number that no job has is JobNotFound, not an empty one."""
        await bench.start(bench.job("true"))
        with refuses("logs(99)", JobNotFound, contract="logs() raises JobNotFound", change="look the number up first"):
            await bench.chunks(99)
