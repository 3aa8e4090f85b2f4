"""A node whose agent lies: whatever it says, the backend gives what was asked for or an error of the contract."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from styx.api import BackendError, ByteStream, CommandResult, JobSpec, Node, NodeState, StyxError, Transport
from styx.builtin.agent.backend import AgentBackend
from styx.testing.surroundings import services
from support.scripted_agent import Agent

JOB = {
    "id": 1, "key": "k", "name": "n", "user": "u", "state": "succeeded", "submitted_at": 1, "started_at": 1,
    "ended_at": 2, "exit_code": 0, "num_nodes": 2, "cpus": 0, "gpus": 0, "ranks": {"0": 0}, "reason": "",
}  # fmt: skip
Answer = Callable[[Agent, dict[str, Any]], None]


class Lying(Transport):
    """Reaches a node whose agent says what ``answer`` says to every request; all other commands succeed in silence."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._tasks: list[asyncio.Task[None]] = []

    async def run(
        self, command: str, *, stdin: bytes | AsyncIterator[bytes] = b"", timeout: float = 60.0
    ) -> CommandResult:
        """Say who we are there."""
        return CommandResult(0, b"/root\n0\nroot\n\n\n", b"")

    async def open_unix(self, path: str) -> ByteStream:
        """A connection of its own to the agent."""
        agent = Agent()
        self._tasks.append(asyncio.ensure_future(self._serve(agent)))
        return agent.near

    async def _serve(self, agent: Agent) -> None:
        while True:
            self._answer(agent, await agent.request())

    def interactive(self, command: str | None = None) -> list[str]:
        """Nobody asks."""
        return []

    async def close(self) -> None:
        """End the conversations."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class LyingCluster:
    """Two nodes, of which the head is all that is talked to."""

    name, key, epoch = "c", "styx-aaaaaa-c-bbbb", 0

    def __init__(self, answer: Answer) -> None:
        self.nodes: Sequence[Node] = [Node(str(rank), None, NodeState.RUNNING, rank) for rank in range(2)]
        self.lying = Lying(answer)

    def transport(self, rank: int) -> Transport:
        """The way to the head."""
        del rank
        return self.lying

    def self_stop_command(self, rank: int, *, down: bool) -> str | None:
        """None."""
        del rank, down
        return None

    def preemption_notice_command(self) -> str | None:
        """None."""
        return None

    def preemption_noticed(self, rank: int, at: datetime) -> None:
        """Nobody is."""


@pytest.fixture
def backend(tmp_path: Path) -> AgentBackend:
    """The backend."""
    return AgentBackend(services(tmp_path))


async def lines(backend: AgentBackend, cluster: LyingCluster, **options: Any) -> list[tuple[int, bytes]]:
    """The output of job 1."""
    return [(chunk.rank, chunk.data) async for chunk in backend.logs(cluster, 1, **options)]


def item(agent: Agent, request: dict[str, Any], data: bytes, **fields: Any) -> None:
    """Send an item and its bytes."""
    agent.say({"id": request["id"], "item": {"size": len(data), **fields}})
    agent.bytes(data)


@pytest.mark.parametrize(
    ("fields", "rank"),
    [
        ({"rank": 2, "offset": 0}, None),
        ({"rank": 999, "offset": 0}, None),
        ({"rank": 0, "offset": 0}, 1),
        ({"rank": -1, "offset": 0}, None),
        ({"rank": "0", "offset": 0}, None),
        ({"rank": 0, "offset": -5}, None),
        ({"rank": 0, "offset": 1 << 70}, None),
        ({"rank": 0}, None),
    ],
)
async def test_output_of_a_rank_that_was_not_asked_for_is_nonsense(
    backend: AgentBackend, fields: dict[str, Any], rank: int | None
) -> None:
    """Nobody gets to see it as that of another."""
    cluster = LyingCluster(lambda agent, request: item(agent, request, b"evil\n", **fields))
    with pytest.raises(BackendError, match="impossible"):
        await lines(backend, cluster, rank=rank)
    await cluster.lying.close()


async def test_output_that_comes_twice_is_seen_once(backend: AgentBackend) -> None:
    """Whatever the agent believes was asked for."""

    def answer(agent: Agent, request: dict[str, Any]) -> None:
        for offset, data in ((0, b"abc"), (0, b"abc"), (1, b"bcd"), (0, b"a"), (4, b"e")):
            item(agent, request, data, rank=0, offset=offset)
        agent.say({"id": request["id"], "result": {}})

    cluster = LyingCluster(answer)
    assert await lines(backend, cluster) == [(0, b"abc"), (0, b"d"), (0, b"e")]
    await cluster.lying.close()


async def test_items_without_output_are_not_waited_through(backend: AgentBackend) -> None:
    """An endless row of them would be an endless wait for nothing."""

    def answer(agent: Agent, request: dict[str, Any]) -> None:
        for _ in range(3):
            agent.say({"id": request["id"], "item": {"rank": 0, "offset": 0}})

    cluster = LyingCluster(answer)
    with pytest.raises(BackendError, match="without output"):
        await lines(backend, cluster)
    await cluster.lying.close()


@pytest.mark.parametrize(
    "result",
    [
        {"jobs": [JOB | {"id": 7}]},
        {"jobs": [JOB, JOB]},
        {"jobs": [JOB | {"ranks": {"2": 0}}]},
        {"jobs": [JOB | {"ranks": {"../0": 0}}]},
        {"jobs": [JOB | {"num_nodes": 0}]},
        {"jobs": [JOB | {"id": 1 << 80}]},
        {"jobs": {"1": JOB}},
        {},
    ],
    ids=lambda value: repr(value)[-60:],
)
async def test_jobs_that_were_not_asked_for_are_nonsense(backend: AgentBackend, result: dict[str, Any]) -> None:
    """As is one that comes twice, and a rank that the job does not have."""
    cluster = LyingCluster(lambda agent, request: agent.say({"id": request["id"], "result": result}))
    with pytest.raises(BackendError, match="impossible"):
        await backend.jobs(cluster, [1, 2])
    await cluster.lying.close()


@pytest.mark.parametrize(
    ("method", "result"),
    [
        ("submit", {"id": 0}),
        ("submit", {"id": True}),
        ("submit", {"id": "1"}),
        ("submit", {"id": 1 << 70}),
        ("cancel", {"cancelled": [3]}),
        ("cancel", {"cancelled": [1, 1]}),
        ("cancel", {"cancelled": [1 << 70]}),
        ("cancel", {"cancelled": "1"}),
        ("wait", JOB | {"id": 2}),
        ("wait", JOB | {"id": True}),
        ("wait", {}),
    ],
)
async def test_numbers_of_other_jobs_are_nonsense(backend: AgentBackend, method: str, result: dict[str, Any]) -> None:
    """What a caller is told is about the jobs that it asked about."""
    cluster = LyingCluster(lambda agent, request: agent.say({"id": request["id"], "result": result}))
    calls: dict[str, Callable[[], Any]] = {
        "submit": lambda: backend.submit(cluster, JobSpec(key="k")),
        "cancel": lambda: backend.cancel(cluster, [1, 2]),
        "wait": lambda: backend.wait(cluster, 1),
    }
    with pytest.raises(BackendError, match="impossible"):
        await calls[method]()
    await cluster.lying.close()


async def test_no_text_of_a_node_moves_the_cursor(backend: AgentBackend) -> None:
    """Names, users, reasons and refusals are one printable line each, of bounded length."""
    evil = "\x1b[2J\x1b]0;title\x07\r\n\u202e" + "x" * 100_000

    def answer(agent: Agent, request: dict[str, Any]) -> None:
        if request["method"] == "jobs.list":
            agent.say(
                {
                    "id": request["id"],
                    "result": {"jobs": [JOB | dict.fromkeys(("name", "user", "reason", "key"), evil)]},
                }
            )
        else:
            agent.say({"id": request["id"], "error": {"code": evil, "message": evil}})

    cluster = LyingCluster(answer)
    (job,) = await backend.jobs(cluster)
    with pytest.raises(StyxError) as refused:
        await backend.wait(cluster, 1)
    for text in (job.name, job.user, job.reason, job.key, refused.value.message):
        assert text.isprintable()
        assert len(text) < 1000
    await cluster.lying.close()
