"""Terminals on nodes. What is typed and what is written go their own ways, both over plain HTTP."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import Path, Query, Request, Response

from styx.api.errors import ClusterNotFound
from styx.client.refusals import Elsewhere, Forbidden, NoSuchThing, TooLarge
from styx.engine.engine import Engine
from styx.engine.ownership import require_usable
from styx.server.auth.access import MemberOf
from styx.server.auth.tokens import Caller, Level
from styx.server.http.responses import ClusterName, LastEventId, event_number, stream
from styx.server.http.routing import routes
from styx.server.http.sse import Event, EventStream
from styx.server.models import ShellIn, ShellOut, Typed
from styx.server.parts import Parts, PartsOf
from styx.server.routers.clusters import own
from styx.server.terminals.shells import Piece, Shell
from styx.server.terminals.terminal import Program, Size
from styx.store.records import ClusterRecord

router = routes("terminals", "/v1")

MOST_TYPED = 1 << 18  # bytes at a time

Number = Annotated[str, Path(pattern=r"^[0-9A-Za-z-]{1,80}$", description="of the terminal", examples=["0" * 45])]
Bytes = Annotated[int, Query(ge=0, le=2**53)]
Cells = Annotated[int | None, Query(ge=0, le=65_535, description="of the client's terminal, once it has another size")]


@router.post("/clusters/{name}/shells", status_code=201)
async def open_shell(name: ClusterName, body: ShellIn, request: Request, caller: MemberOf, parts: PartsOf) -> ShellOut:
    """Open a terminal on a node, or run a command there. It ends when its input is not heard of for a minute."""
    engine, record = await _usable(parts, caller, name)

    async def begin() -> Program:
        way = await engine.reached(name, body.rank)
        argv = way.hosted(body.command, terminal="stdin" in body.terminals, term=body.term)
        return await Program.start(argv, body.terminals, Size(body.rows, body.columns), body.term)

    async def still() -> None:
        found: Caller = await request.state.admitted()
        if found.level < Level.WRITE:
            raise Forbidden(f"{found.user} may not do that any more")
        _, present = await _usable(parts, found, name)
        if present.created_at != record.created_at:
            raise ClusterNotFound(f"cluster {name!r} is gone, and another has its name", cluster=name)

    return ShellOut(id=(await parts.shells.open(parts.runtime.server_id, caller, begin, still)).id)


@router.get(
    "/shells/{number}/output",
    response_class=Response,
    responses=stream(
        "`output` {source, data}, where data is base64 and the source stdout, stderr or terminal; the id is the byte "
        "after it. Then `exit` {code} and `end`, or `problem`. A stream that ends otherwise was cut: resume it with "
        "Last-Event-ID."
    ),
)
async def output(number: Number, caller: MemberOf, parts: PartsOf, last_event_id: LastEventId = None) -> Response:
    """What is written on a terminal of this token's, as it comes."""
    shell = await _of(parts, caller, number)
    return EventStream(parts.streams, _events(shell, event_number(last_event_id) if last_event_id else 0))


async def _events(shell: Shell, offset: int) -> AsyncGenerator[Event, None]:
    async with aclosing(shell.since(offset)) as said:
        async for each in said:
            if isinstance(each, Piece):
                data = {"source": each.source, "data": base64.b64encode(each.data).decode()}
                yield Event("output", data, str(each.end))
            else:
                yield Event("exit", {"code": each})


@router.put(
    "/shells/{number}/input",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def type_(
    number: Number,
    request: Request,
    caller: MemberOf,
    parts: PartsOf,
    *,
    offset: Annotated[Bytes, Query(description="how many bytes have been typed before these")],
    received: Annotated[Bytes, Query(description="how many bytes of output need not be kept")] = 0,
    interrupts: Annotated[int, Query(ge=0, le=2**31, description="how often Ctrl-C was pressed, all in all")] = 0,
    last: Annotated[bool, Query(description="nothing will be typed after this")] = False,
    rows: Cells = None,
    columns: Cells = None,
) -> Typed:
    """Type, change the size, or only say that the client is there. Idempotent: what has come before is left out."""
    shell = await _of(parts, caller, number)
    data = await request.body()
    if len(data) > MOST_TYPED:
        raise TooLarge(f"more than {MOST_TYPED} bytes at a time")
    shell.received(received)
    if rows is not None and columns is not None:
        shell.program.resize(Size(rows, columns))
    shell.interrupted(interrupts)
    return Typed(taken=await shell.type(offset, data, last=last))


@router.delete("/shells/{number}", status_code=204, response_class=Response)
async def close_shell(number: Number, caller: MemberOf, parts: PartsOf) -> None:
    """End a terminal, and what runs there."""
    await parts.shells.close(await _of(parts, caller, number))


async def _usable(parts: Parts, caller: Caller, name: str) -> tuple[Engine, ClusterRecord]:
    """The engine as it works for the caller, and the cluster. Raises ClusterNotFound, Forbidden, BadInput."""
    record = await own(parts, caller, name)
    engine = parts.engine.for_user(caller.user, owners=[record.user])
    require_usable(engine.context, record)
    return engine, record


async def _of(parts: Parts, caller: Caller, number: str) -> Shell:
    """The caller's terminal. Raises NoSuchThing, and Elsewhere for one that another server has."""
    try:
        return parts.shells.of(number, caller)
    except NoSuchThing:
        server = number.partition("-")[0]
        for other in await parts.off_loop(parts.store.servers.list):
            if other.id == server != parts.runtime.server_id:
                raise Elsewhere(
                    f"this terminal is at the server at {other.url}",
                    hint="What stands before the servers has to keep a client at one of them.",
                    url=other.url,
                ) from None
        raise
