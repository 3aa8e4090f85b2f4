"""Carrying one placed job from its start to its end, on one node or on many at once: all start or none."""

from __future__ import annotations

import time

from . import environment, loop
from .protocol import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Mapping

    from .ledger import Placement
    from .peers import Member

RESERVED_FOR = 30.0  # seconds that a claim on a node waits to be committed
RETRY = 0.5
ENDING = 60.0  # seconds for a node to end a rank
ENDED = ("exited", "setup_failed", "lost")
WITH_CODE = ("exited", "setup_failed")
MAX_CODE = 255
PHASES = ("setting_up", "ready", "running", *ENDED)


class End:
    """How a job ended, in the terms of ``jobs.list``."""

    __slots__ = ("exit_code", "reason", "state")

    def __init__(self, state: str, exit_code: int | None = None, reason: str = "") -> None:
        self.state = state
        self.exit_code = exit_code
        self.reason = reason


class Drive:
    """One run of one job. ``on_change`` is called whenever a rank has come further.

    ``on_notice`` is told at each sign of life of a node when that was given notice, or None.
    """

    def __init__(
        self, job: int, spec: Mapping[str, Any], placement: Placement, member: Callable[[int], Member],
        patience: float, on_change: Callable[[Drive], None], on_notice: Callable[[int, Any], None],
    ) -> None:  # fmt: skip
        self.job = job
        self.lost_nodes: set[int] = set()
        self.phases: dict[int, tuple[str, int | None]] = {}
        self._spec = spec
        self._nodes = [node for node, _ in placement]
        self._gpus = [gpus for _, gpus in placement]
        self._member = member
        self._patience = patience
        self._on_change = on_change
        self._on_notice = on_notice
        self._noticed: set[int] = set()  # ranks whose machines are about to be taken back
        self._changed = loop.Signal()
        self._cancelling = False
        self._ending = False
        self._failed: End | None = None

    @property
    def codes(self) -> dict[str, int]:
        """Return the exit codes of the ranks that have one."""
        return {str(rank): code for rank, (_, code) in sorted(self.phases.items()) if code is not None}

    @property
    def state(self) -> str:
        """Return ``setting_up`` or ``running``."""
        phases = [phase for phase, _ in self.phases.values()]
        waits = len(self._nodes) > 1 or self._spec["setup"]
        return "setting_up" if waits and not {"running", "exited"}.intersection(phases) else "running"

    def cancel(self) -> None:
        """End the job; :meth:`run` returns once that is done."""
        self._cancelling = True
        self._changed.notify()

    async def run(self, secrets: Mapping[str, str] | None, ips: list[str], epoch: int, again: bool) -> End:
        """Start the job and see it through. ``again``: an earlier agent may have started it.

        ``secrets`` is None when they are gone.
        """
        requests = [self._request(rank, secrets, ips, epoch) for rank in range(len(self._nodes))]
        starting = loop.spawn(self._start(requests, again, secrets is None))
        while not starting.done and not self._cancelling:
            await self._changed.wait()
        starting.cancel()
        await starting.settled()
        if self._cancelling or self._failed is not None or starting.error is not None:
            await self._end_all()
            if self._cancelling:
                return End("cancelled")
            return self._failed or End("failed", reason="the agent failed to start it; its log on the head says more")
        watches = [loop.spawn(self._watch(rank)) for rank in range(len(self._nodes))]
        await self._follow()
        for task in watches:
            task.cancel()
            await task.settled()
        return self._verdict()

    def _request(self, rank: int, secrets: Mapping[str, str] | None, ips: list[str], epoch: int) -> dict[str, Any]:
        spec = {
            "setup": self._spec["setup"],
            "run": self._spec["run"],
            "workdir": self._spec["workdir"],
            "container": self._spec.get("container", ""),
            "env": environment.of_rank(self._spec, self.job, rank, ips),
            "secrets": dict(secrets or {}),
        }
        return {
            "job": self.job, "rank": rank, "spec": spec, "cpus": self._spec["cpus"], "gpus": self._gpus[rank],
            "hold": len(self._nodes) > 1, "epoch": epoch, "seconds": RESERVED_FOR, "head": self._spec.get("head", ""),
        }  # fmt: skip

    async def _start(self, requests: list[dict[str, Any]], again: bool, no_secrets: bool) -> None:
        try:
            missing = requests
            if again:
                found = await loop.gather([self._commit(request) for request in requests])
                missing = [request for request, started in zip(requests, found) if not started]
            if missing and no_secrets:
                self._failed = End("failed", reason="its secrets were lost when the node restarted; submit it again")
                return
            await loop.gather([self._patiently(request["rank"], "gang.reserve", request) for request in missing])
            started = await loop.gather([self._commit(request) for request in missing])
            if not all(started):
                self._failed = End("failed", reason="a node took too long to start it, and the claim on it lapsed")
        except AgentError as error:
            self._failed = End("failed", reason=error.message)
        finally:
            self._changed.notify()

    async def _commit(self, request: dict[str, Any]) -> bool:
        """Whether the rank is started now; False when nothing is reserved for it."""
        try:
            await self._patiently(request["rank"], "gang.commit", self._which(request["rank"]))
        except AgentError as error:
            if error.code == "not_reserved":
                return False
            raise
        return True

    def _which(self, rank: int) -> dict[str, Any]:
        return {"job": self.job, "rank": rank}

    async def _patiently(self, rank: int, method: str, params: dict[str, Any], timeout: float = 20.0) -> dict[str, Any]:
        """Send a request, which must be idempotent, again while its node cannot be reached. Errors name the node."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                return await self._member(self._nodes[rank]).call(method, params, timeout)
            except AgentError as error:
                if error.code != "unreachable" or time.monotonic() > deadline:
                    if error.code == "unreachable":
                        self.lost_nodes.add(self._nodes[rank])
                    raise AgentError(error.code, self._at(rank, error.message)) from error
            await loop.sleep(RETRY)

    def _at(self, rank: int, message: str) -> str:
        if len(self._nodes) == 1 and self._nodes[0] == 0:
            return message
        return f"node {self._nodes[rank]}: {message}"

    async def _watch(self, rank: int) -> None:
        """Keep ``phases`` true for one rank until it has ended or its node is given up."""
        heard = time.monotonic()

        async def take(item: dict[str, Any], _data: bytes) -> None:
            nonlocal heard
            heard = time.monotonic()
            phase, code, notice = item.get("phase"), item.get("code"), item.get("notice")
            self._on_notice(self._nodes[rank], notice)
            if notice is not None:
                self._noticed.add(rank)
            known = type(code) is int and 0 <= code <= MAX_CODE
            if phase in WITH_CODE and not known:
                phase = "lost"  # nobody knows how it ended
            if phase in PHASES and self.phases.get(rank, ("", None))[0] not in ENDED:  # what has ended stays so
                self._set(rank, phase, code if known else None)

        while True:
            why = "its agent ended"
            try:
                await self._member(self._nodes[rank]).stream("gang.watch", self._which(rank), take)
            except AgentError as error:
                why = error.message
                if error.code == "not_found":
                    heard = float("-inf")
            if self.phases.get(rank, ("", None))[0] in ENDED:
                return
            if time.monotonic() - heard > self._patience:
                self.lost_nodes.add(self._nodes[rank])
                how = "taken back by its provider, as announced" if rank in self._noticed else "lost"
                self._fail(End("lost", reason=f"node {self._nodes[rank]} was {how}: {why}"))
                self._set(rank, "lost", None)
                return
            await loop.sleep(RETRY)

    def _set(self, rank: int, phase: str, code: int | None) -> None:
        if self.phases.get(rank) == (phase, code):
            return
        self.phases[rank] = (phase, code)
        others = "; the other ranks were ended" if len(self._nodes) > 1 else ""
        which = f"rank {rank}" if len(self._nodes) > 1 else "it"
        if phase == "lost":
            self._fail(End("lost", reason=f"{which} was lost: its node restarted, or something killed it{others}"))
        elif phase == "setup_failed":
            self._fail(End("failed_setup", code, f"the set-up{' of ' + which if others else ''} failed{others}"))
        elif phase == "exited" and code != 0:
            self._fail(End("failed", code, f"{which} failed{others}" if others else ""))
        self._on_change(self)
        self._changed.notify()

    def _fail(self, end: End) -> None:
        if self._failed is None and not self._cancelling:
            self._failed = end

    async def _follow(self) -> None:
        """Let the ranks run once all are ready, and end all when one has failed, until all have ended."""
        went = len(self._nodes) == 1
        while True:
            phases = [self.phases.get(rank, ("", None))[0] for rank in range(len(self._nodes))]
            if all(phase in ENDED for phase in phases):
                return
            if (self._failed is not None or self._cancelling) and not self._ending:
                self._ending = True
                loop.spawn(loop.gather([self._end_watched(rank) for rank in range(len(self._nodes))]))
            elif not went and not self._ending and all(phase not in {"", "setting_up"} for phase in phases):
                went = True
                loop.spawn(self._go([rank for rank, phase in enumerate(phases) if phase == "ready"]))
            await self._changed.wait()

    async def _go(self, ranks: list[int]) -> None:
        try:
            await loop.gather([self._patiently(rank, "gang.go", self._which(rank)) for rank in ranks])
        except AgentError as error:
            self._fail(End("lost", reason=error.message))
            self._changed.notify()

    async def _end_all(self) -> None:
        await loop.gather([self._end(rank) for rank in range(len(self._nodes))])

    async def _end(self, rank: int) -> None:
        try:
            await self._patiently(rank, "gang.cancel", self._which(rank), ENDING)
        except AgentError:
            return  # who cannot be reached ends what nobody watches any more by itself

    async def _end_watched(self, rank: int) -> None:
        """End a rank, and take it for lost if its node says that it has ended it and goes on showing it."""
        await self._end(rank)
        deadline = time.monotonic() + self._patience
        while self.phases.get(rank, ("", None))[0] not in ENDED:
            if not await self._changed.wait(max(0.0, deadline - time.monotonic())):
                self._set(rank, "lost", None)

    def _verdict(self) -> End:
        if self._cancelling and self._failed is None:
            return End("cancelled")
        return self._failed or End("succeeded", 0)
