"""What a managed job is asked for, apart from its task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from styx.api.errors import BadInput
from styx.jobs import webhooks

if TYPE_CHECKING:
    from styx.spec.model import TaskSpec

PRIORITY = 500  # of 0 to 1000; the highest goes first
HIGHEST = 1000
STRATEGY = "failover"
MOST = 10_000  # jobs of one array
MOST_URLS = 10


@dataclass(frozen=True, slots=True)
class JobOptions:
    """How to run a managed job. None, in the first three and ``priority``, is what its task says, or the default.

    ``strategy`` names how a job whose cluster has gone finds its next place: ``failover`` tries the same place first,
    ``eager_next_region`` another region first; plugins add others (hook ``styx_recovery``). A job that fails by itself
    is started again up to ``max_restarts`` times, and always when its exit code is one of ``restart_exit_codes``.
    ``max_recoveries`` None is without end. ``timeout`` is in seconds from when it first started, however often it is
    recovered. ``on_success`` and ``on_failure`` are URLs to which what became of it is posted, ten in all.
    """

    strategy: str | None = None
    max_restarts: int | None = None
    restart_exit_codes: tuple[int, ...] | None = None
    max_recoveries: int | None = None
    timeout: float | None = None
    priority: int | None = None
    pool: str = ""
    account: str | None = None
    max_hourly_cost: Decimal | None = None
    on_success: tuple[str, ...] = ()
    on_failure: tuple[str, ...] = ()

    def settled(self, task: TaskSpec) -> JobOptions:
        """These options, with what the task says where they say nothing. Raises BadInput for what cannot be."""
        alternative = task.resources.alternatives[0]
        said: Mapping[str, Any] = alternative.job_recovery or {}
        codes = self.restart_exit_codes
        settled = replace(
            self,
            strategy=word(self.strategy or said.get("strategy") or STRATEGY),
            max_restarts=_first(self.max_restarts, said.get("max_restarts_on_errors"), 0),
            restart_exit_codes=tuple(_first(codes, said.get("recover_on_exit_codes"), ())),
            priority=_first(self.priority, alternative.priority, PRIORITY),
        )
        if not 0 <= (settled.priority or 0) <= HIGHEST:
            raise BadInput(f"priority {settled.priority} is not one of 0 to {HIGHEST}")
        for name in ("max_restarts", "max_recoveries", "timeout"):
            value = getattr(settled, name)
            if value is not None and not value >= 0:
                raise BadInput(f"{name} is {value}, and must not be less than nothing")
        urls = (*settled.on_success, *settled.on_failure)
        if len(urls) > MOST_URLS:
            raise BadInput(f"{len(urls)} URLs would be told of this job, and {MOST_URLS} may be")
        for url in urls:
            webhooks.check(url)
        return settled

    def to_data(self) -> dict[str, Any]:
        """As the store keeps them."""
        found = {key: value for key, value in asdict(self).items() if value not in (None, (), "")}
        return found | ({} if self.max_hourly_cost is None else {"max_hourly_cost": str(self.max_hourly_cost)})

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> JobOptions:
        """As the store had them; what another version of Styx has written and this one does not know is left out."""
        known = {field.name for field in fields(cls)}
        found: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in data.items() if key in known
        }
        if "max_hourly_cost" in found:
            found["max_hourly_cost"] = Decimal(str(found["max_hourly_cost"]))
        return cls(**found)


def require_count(count: int) -> None:
    """Raise BadInput for what is no number of jobs of an array."""
    if not 1 <= count <= MOST:
        raise BadInput(f"an array of {count} jobs", hint=f"From 1 to {MOST}.")


def word(name: str) -> str:
    """The name of a strategy as code has it; people write it in several ways."""
    return name.lower().replace("-", "_")


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)
