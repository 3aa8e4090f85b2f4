"""The idle clock: whether a cluster has been idle for as long as its policy says. Times are passed in, in seconds.

Use a clock that goes on while the machine sleeps (CLOCK_BOOTTIME) and keep ``policy`` and ``since`` with the boot id:
an agent that is restarted goes on counting, one on a machine that was booted anew begins again.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping

JOBS, SSH = "jobs", "ssh"
WAITS_FOR = {"jobs_and_ssh": frozenset({JOBS, SSH}), "jobs": frozenset({JOBS}), "none": frozenset()}

# "At once" is not at once: the job that the policy was set for has yet to be submitted, and whoever follows the last
# job is to see its end.
FIRST_JOB = 60.0
LAST_WORDS = 5.0


class Autostop:
    """The policy ``{idle_minutes, down, wait_for}`` of a cluster, None for none, and since when it has been idle."""

    def __init__(self) -> None:
        self.policy: dict[str, Any] | None = None
        self.since = 0.0
        self.used = False  # whether there has been anything to wait for since the policy was set

    def set(self, policy: Mapping[str, Any], now: float) -> None:
        """Set the policy; the clock starts anew."""
        self.policy = {name: policy[name] for name in ("idle_minutes", "down", "wait_for")}
        self.since = now
        self.used = False

    def clear(self) -> None:
        """Have no policy (any more)."""
        self.policy = None

    def restore(self, policy: Mapping[str, Any], since: float, used: bool) -> None:
        """Go on from what an earlier agent had stored."""
        self.policy, self.since, self.used = dict(policy), since, used

    def waits_for(self, what: str) -> bool:
        """Whether ``what`` (JOBS or SSH) keeps the cluster up; what does not need not be looked for."""
        return self.policy is not None and what in WAITS_FOR[self.policy["wait_for"]]

    def touch(self, now: float, what: str = JOBS) -> None:
        """Note that there is ``what`` (JOBS or SSH) right now; counts only where the policy waits for it."""
        if self.waits_for(what):
            self.since = max(self.since, now)
            self.used = True

    def idle_seconds(self, now: float) -> float:
        """Return for how long nothing has been going on that the policy waits for; 0 without one."""
        return 0.0 if self.policy is None else max(0.0, now - self.since)

    def due(self, now: float) -> bool:
        """Whether the time is up."""
        if self.policy is None:
            return False
        expecting = self.waits_for(JOBS) and not self.used
        patience = max(self.policy["idle_minutes"] * 60.0, FIRST_JOB if expecting else LAST_WORDS)
        return self.idle_seconds(now) >= patience
