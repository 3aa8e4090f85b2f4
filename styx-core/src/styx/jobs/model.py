"""What a managed job is asked for, apart from its task."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

PRIORITY = 500  # of 0 to 1000; the highest goes first
STRATEGY = "failover"


@dataclass(frozen=True, slots=True)
class JobOptions:
    """How to run a managed job. What a task says under ``resources.job_recovery`` is the default of the first four.

    ``strategy`` names how a job whose cluster has gone finds its next place: ``failover`` tries the same place first,
    ``eager_next_region`` another region first; plugins add others (hook ``styx_recovery``). A job that fails by itself
    is started again up to ``max_restarts`` times, and always when its exit code is one of ``restart_exit_codes``.
    ``max_recoveries`` None is without end. ``timeout`` is in seconds from when it first started, however often it is
    recovered. ``on_success`` and ``on_failure`` are URLs to which what became of it is posted.
    """

    strategy: str = STRATEGY
    max_restarts: int = 0
    restart_exit_codes: tuple[int, ...] = ()
    max_recoveries: int | None = None
    timeout: float | None = None
    priority: int = PRIORITY
    pool: str = ""
    account: str | None = None
    max_hourly_cost: Decimal | None = None
    on_success: tuple[str, ...] = ()
    on_failure: tuple[str, ...] = ()
