"""A user's commands, by name."""

from __future__ import annotations

from styx.engine.engine import Engine
from support.world import HELLO, quiet


async def perform(engine: Engine, operation: str, name: str) -> object:
    """One command of a user."""
    match operation:
        case "launch":
            return await engine.launch(HELLO.nodes(2), name, quiet)
        case "down" | "forget":
            return await engine.down(name, quiet, forget=operation == "forget")
        case "stop":
            return await engine.stop(name, quiet)
        case "start":
            return await engine.start(name, None, quiet)
        case _:
            return await engine.status(refresh=True)
