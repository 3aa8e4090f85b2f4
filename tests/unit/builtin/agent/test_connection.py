"""Requests and answers over one connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.agent.protocol import MAX_FRAME, AgentError, ProtocolError
from styx.builtin.agent.connection import Connection, ConnectionLost, stream
from support.scripted_agent import Agent

ANSWER = {"id": 1, "result": {}}


@pytest.fixture
async def agent() -> Agent:
    """An agent, its near end not connected yet."""
    return Agent()


@pytest.fixture
async def connection(agent: Agent) -> AsyncIterator[Connection]:
    """A connection to the agent."""
    made = Connection(agent.near)
    yield made
    made.close()


def asked(connection: Connection, method: str = "hello", deadline: float | None = None) -> asyncio.Task[Any]:
    """A request in flight."""
    return asyncio.create_task(connection.call(method, {}, deadline))


async def test_answers_are_matched_by_number(agent: Agent, connection: Connection):
    """They may come in any order."""
    first, second = asked(connection, "a"), asked(connection, "b")
    numbers = {(await agent.request())["method"]: n for n in (1, 2)}
    assert numbers == {"a": 1, "b": 2}
    agent.say({"id": 2, "result": {"of": "b"}})
    agent.say({"id": 1, "result": {"of": "a"}})
    assert (await first, await second) == ({"of": "a"}, {"of": "b"})


async def test_a_refusal_ends_one_request_and_no_other(agent: Agent, connection: Connection):
    """The connection stays usable."""
    refused, other = asked(connection), asked(connection)
    agent.say({"id": 1, "error": {"code": "not_found", "message": "no such job"}})
    with pytest.raises(AgentError, match="no such job"):
        await refused
    agent.say({"id": 2, "result": {}})
    assert await other == {}
    assert connection.usable


async def test_a_closed_connection_ends_all_requests(agent: Agent, connection: Connection):
    """Those in flight, and those that come later, at once."""
    waiting = [asked(connection), asked(connection)]
    await agent.request()
    agent.hang_up()
    for request in waiting:
        with pytest.raises(ConnectionLost):
            await request
    assert not connection.usable
    with pytest.raises(ConnectionLost):
        await connection.call("hello", {}, None)


async def test_closing_it_ourselves_ends_all_requests_too(agent: Agent, connection: Connection):
    """Nobody waits for ever; closing twice is fine."""
    waiting = asked(connection)
    await agent.request()
    connection.close()
    connection.close()
    with pytest.raises(ConnectionLost):
        await waiting
    assert agent.near.closed


async def test_a_request_past_its_deadline_is_cancelled_on_the_agent(agent: Agent, connection: Connection):
    """The late answer is dropped, and the connection goes on."""
    late = asked(connection, deadline=0.01)
    assert (await agent.request())["method"] == "hello"
    with pytest.raises(TimeoutError):
        await late
    assert await agent.request() == {"id": 1, "cancel": True}
    agent.say(ANSWER)
    other = asked(connection)
    await agent.request()
    agent.say({"id": 2, "result": {"ok": True}})
    assert await other == {"ok": True}


async def test_a_caller_that_gives_up_is_told_to_the_agent(agent: Agent, connection: Connection):
    """Cancelling a task that waits cancels the request."""
    task = asked(connection)
    await agent.request()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await agent.request() == {"id": 1, "cancel": True}


async def test_a_request_that_is_too_long_is_refused_here(agent: Agent, connection: Connection):
    """It is not sent, and spoils nothing."""
    with pytest.raises(AgentError) as caught:
        await connection.call("jobs.submit", {"run": "x" * MAX_FRAME}, None)
    assert caught.value.code == "too_large"
    assert connection.usable


@pytest.mark.parametrize(
    "nonsense",
    [
        b"GET / HTTP/1.1\r\n\r\n", b"\xff\xff\xff\xffJ", b"\0\0\0\1Jx", b"\0\0\0\2J[]", b"\0\0\0\2J{}",
        b'\0\0\0\x08J{"id":1}', b"\0\0\0\1Bx",
    ],
)  # fmt: skip
async def test_nonsense_ends_the_connection(agent: Agent, connection: Connection, nonsense: bytes):
    """No frame, no JSON, no object, no answer, or bytes out of turn: a protocol error for whoever waits."""
    waiting = asked(connection)
    await agent.request()
    agent.garbage(nonsense)
    with pytest.raises(ProtocolError):
        await waiting


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_whatever_an_agent_sends_a_caller_gets_an_error_of_ours(pieces: list[bytes]):
    """Bytes of any kind, and then the end: never another exception, never an endless wait."""

    async def check() -> None:
        agent = Agent()
        connection = Connection(agent.near)
        request = asked(connection)
        await agent.request()
        for piece in pieces:
            agent.garbage(piece)
        agent.hang_up()
        with pytest.raises((ConnectionLost, ProtocolError, AgentError)):
            await request
        connection.close()

    asyncio.run(check())


async def test_an_error_about_the_whole_connection_ends_it(agent: Agent, connection: Connection):
    """The agent answers with id null when it could not even read a request."""
    waiting = asked(connection)
    agent.say({"id": None, "error": {"code": "bad_request", "message": "no frame"}})
    with pytest.raises(AgentError, match="no frame"):
        await waiting
    assert not connection.usable


async def collected(agent: Agent) -> list[tuple[Any, bytes]]:
    """All items of a stream."""
    async with aclosing(stream(agent.near, "logs.read", {"id": 7})) as items:
        return [item async for item in items]


async def test_a_stream_yields_items_with_their_bytes(agent: Agent):
    """Items with a size are followed by that many bytes; the answer ends the stream and closes the connection."""
    reading = asyncio.create_task(collected(agent))
    assert await agent.request() == {"id": 1, "method": "logs.read", "params": {"id": 7}}
    agent.say({"id": 1, "item": {"rank": 0, "offset": 0, "size": 3}})
    agent.bytes(b"abc")
    agent.say({"id": 1, "item": {"phase": "running"}})
    agent.say(ANSWER)
    assert await reading == [({"rank": 0, "offset": 0, "size": 3}, b"abc"), ({"phase": "running"}, b"")]
    assert agent.near.closed


@pytest.mark.parametrize(
    ("item", "data"),
    [({"size": 3}, b"ab"), ({"size": "3"}, b"abc"), ({"size": True}, b"a"), ({"size": 0}, None), ([1], None)],
)
async def test_an_item_that_does_not_fit_its_bytes_is_nonsense(agent: Agent, item: Any, data: bytes | None):
    """A wrong size, a size that is no number, an item that is no object."""
    reading = asyncio.create_task(collected(agent))
    agent.say({"id": 1, "item": item})
    if data is None:
        agent.say(ANSWER)
    else:
        agent.bytes(data)
    with pytest.raises(ProtocolError):
        await reading


async def test_a_stream_that_breaks_off_says_so(agent: Agent):
    """What came before has been delivered."""
    agent.say({"id": 1, "item": {"n": 1}})
    agent.hang_up()
    items = stream(agent.near, "logs.read", {})
    assert await anext(items) == ({"n": 1}, b"")
    with pytest.raises(ConnectionLost):
        await anext(items)


async def test_a_refused_stream_raises_the_refusal(agent: Agent):
    """As a call does."""
    agent.say({"id": 1, "error": {"code": "not_found", "message": "no job 7"}})
    with pytest.raises(AgentError, match="no job 7"):
        await collected(agent)
