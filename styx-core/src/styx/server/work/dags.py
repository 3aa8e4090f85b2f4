"""Runs of Dags that outlive the server: what each has come to is kept with its request."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

from styx.client.wire import dump, load
from styx.dags.journal import Journal
from styx.dags.model import TaskResult
from styx.server.work.operations import Asked
from styx.store.managed import Superseded


class Kept(Journal):
    """That of the request's run, whose key is the request's id."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        kept = asked.past or {"agreed": None, "tasks": {}}
        self._agreed, self._tasks = kept["agreed"], dict(kept["tasks"])
        self._turn = asyncio.Lock()
        agreed = None if self._agreed is None else load(tuple[Decimal | None, ...], self._agreed)
        super().__init__(
            asked.id, agreed, {int(number): load(TaskResult, each) for number, each in self._tasks.items()}
        )

    async def begin(self, agreed: Sequence[Decimal | None]) -> None:
        """Raises Superseded once another server goes on with the run."""
        self._agreed = dump(tuple(agreed))
        await self._write()

    async def keep(self, number: int, result: TaskResult) -> None:
        """Raises Superseded once another server goes on with the run."""
        self._tasks[str(number)] = dump(result)
        await self._write()

    async def ours(self) -> bool:
        """Whether no other server goes on with the run, as the store has it."""
        try:
            await self._write()
        except Superseded:
            return False
        return True

    async def _write(self) -> None:
        assert self._asked.keep is not None
        async with self._turn:  # what is newer is written later
            await self._asked.keep({"agreed": self._agreed, "tasks": {**self._tasks}})
