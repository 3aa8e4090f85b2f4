"""How a managed job is to be run: the options of ``styx jobs launch``, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from styx.cli.command import option
from styx.cli.complete import accounts
from styx.cli.options import apply
from styx.cli.values import Dollars, ExitCodes, Span, WholeNumber

if TYPE_CHECKING:
    from styx.jobs.model import JobOptions

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

JOB = "Job"
RECOVERY = "When it fails, or its cluster goes"
MAX_JOBS = 10_000  # of one array
MAX_PRIORITY = 1000

_PLACE_AND_TURN = (
    option(
        "--num-jobs",
        type=WholeNumber(min=1, max=MAX_JOBS),
        metavar="N",
        section=JOB,
        help="Hand it in N times: each of them has STYX_JOB_RANK, from 0 on, and STYX_NUM_JOBS.",
    ),
    option(
        "--priority",
        type=WholeNumber(min=0, max=MAX_PRIORITY),
        metavar="N",
        section=JOB,
        help=f"From 0 to {MAX_PRIORITY}; the highest goes first. Else 500.",
    ),
    option("-p", "--pool", metavar="NAME", section=JOB, help="Share the limit that the server has for this pool."),
    option(
        "--timeout",
        type=Span(),
        metavar="TIME",
        section=JOB,
        help="End it so long after it first started: 90s, 30m, 12h, 7d.",
    ),
    option(
        "--account",
        metavar="NAME",
        section=JOB,
        shell_complete=accounts,
        help="Which account of the cloud, if there are several.",
    ),
    option(
        "--max-cost",
        type=Dollars(),
        metavar="USD",
        section=JOB,
        help="Never run it on what costs more an hour, for all nodes, or has no known price.",
    ),
)
_RECOVERY = (
    option(
        "--strategy",
        "--job-recovery",
        metavar="NAME",
        section=RECOVERY,
        help="How it finds its next place: failover (the same first), eager_next_region, or a plugin's.",
    ),
    option(
        "--max-restarts",
        type=WholeNumber(min=0),
        metavar="N",
        section=RECOVERY,
        help="Start it again up to N times when it fails by itself.",
    ),
    option(
        "--restart-on",
        type=ExitCodes(),
        metavar="CODES",
        section=RECOVERY,
        help="Always start it again when it ends with one of these exit codes, as in 33,34.",
    ),
    option(
        "--on-success",
        metavar="URL",
        multiple=True,
        section=RECOVERY,
        help="Post what became of it there once it has succeeded. Repeatable.",
    ),
    option(
        "--on-failure",
        metavar="URL",
        multiple=True,
        section=RECOVERY,
        help="Likewise once it has failed. Repeatable.",
    ),
)


def job_options(function: FunctionT) -> FunctionT:
    """What is said of a managed job beside its task."""
    return apply(*_PLACE_AND_TURN, *_RECOVERY)(function)


def chosen(arguments: Mapping[str, Any]) -> JobOptions:
    """What the options say; what they do not say is as the task has it, or as it is by default."""
    from styx.jobs.model import JobOptions

    said = {
        "strategy": arguments["strategy"],
        "max_restarts": arguments["max_restarts"],
        "restart_exit_codes": arguments["restart_on"],
        "timeout": arguments["timeout"],
        "priority": arguments["priority"],
        "pool": arguments["pool"],
        "account": arguments["account"],
        "max_hourly_cost": arguments["max_cost"],
        "on_success": arguments["on_success"],
        "on_failure": arguments["on_failure"],
    }
    return JobOptions(**{key: value for key, value in said.items() if value is not None})
