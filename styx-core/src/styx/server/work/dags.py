"""Runs of Dags that outlive the server: what each has come to is kept with its request."""

from __future__ import annotations

import asyncio

from styx.client.wire import dump, load
from styx.dags.journal import Journal
from styx.dags.model import TaskResult
from styx.server.work.operations import Asked
from styx.store.managed import Superseded


class Kept(Journal):
    """That of the request's run, whose key is the request's id."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._written: dict[str, object] = dict(asked.past or {})
        self._turn = asyncio.Lock()
        super().__init__(asked.id, {int(number): load(TaskResult, each) for number, each in self._written.items()})

    async def keep(self, number: int, result: TaskResult) -> None:
        """Raises Superseded once another server goes on with the run."""
        self._written[str(number)] = dump(result)
        async with self._turn:  # what is newer is written later
            await self._write()

    async def ours(self) -> bool:
        """Whether no other server goes on with the run, as the store has it."""
        try:
            async with self._turn:
                await self._write()
        except Superseded:
            return False
        return True

    async def _write(self) -> None:
        assert self._asked.keep is not None
        await self._asked.keep({**self._written})
