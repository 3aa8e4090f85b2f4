"""What a run of a Dag has come to, for whoever goes on with it should its process end."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from decimal import Decimal

from styx.dags.model import TaskResult


class Journal:
    """That of a run with which nobody goes on: it keeps nothing.

    ``key`` is the run's: under it its clusters and jobs are found again. ``agreed`` is what an hour of each task may
    cost, once the run has begun, and ``past`` what is known of tasks that were begun before this process, by number.
    """

    def __init__(
        self,
        key: str = "",
        agreed: Sequence[Decimal | None] | None = None,
        past: Mapping[int, TaskResult] | None = None,
    ) -> None:
        self.key = key or secrets.token_hex(8)
        self.agreed = agreed
        self.past = past or {}

    async def begin(self, agreed: Sequence[Decimal | None]) -> None:
        """The run begins: it is planned, and will not be again, as its own machines would be in the way."""

    async def keep(self, number: int, result: TaskResult) -> None:
        """A task is about to begin, or it has ended and its cluster has not gone yet."""

    async def ours(self) -> bool:
        """Whether nobody else goes on with the run by now: only then its clusters may be removed."""
        return True
