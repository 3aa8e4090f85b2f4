"""Looking again and again until a provider shows what is waited for, and when what it does not show is not there."""

from __future__ import annotations

from styx.api.cloud import Cloud
from styx.engine.context import Context
from styx.engine.papers import Papers

POLL_FIRST, POLL_MOST = 0.02, 5.0  # seconds between observations: quick at first, for clouds that are


class Wait:
    """One wait, which begins now.

    How long it has lasted is told by a clock that nobody sets: the time of day may be set meanwhile.
    """

    def __init__(self, context: Context) -> None:
        self._began = context.store.now()
        self._clock = context.clock
        self._since = context.clock.monotonic()
        self._pause = POLL_FIRST

    @property
    def seconds(self) -> float:
        """How long it has lasted."""
        return self._clock.monotonic() - self._since

    async def pause(self, least: float = 0.0) -> None:
        """Let some time pass before the next look, ``least`` seconds or more, and more before the one after that."""
        await self._clock.sleep(max(self._pause, least))
        self._pause = min(self._pause * 1.5, POLL_MOST)

    def settled(self, papers: Papers, cloud: Cloud) -> bool:
        """Whether an absence of this attempt counts yet: listings may lag behind the last call."""
        return self.until_settled(papers, cloud) <= 0

    def until_settled(self, papers: Papers, cloud: Cloud) -> float:
        """Seconds until an absence of this attempt counts; negative or 0 when it does.

        The last call was before the wait; one that seems to have been made later is taken for one that was made as it
        began.
        """
        last = papers.last_call
        if last is None:
            return 0.0
        return cloud.traits.settle_after - max((self._began - last).total_seconds(), 0.0) - self.seconds
