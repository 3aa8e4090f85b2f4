"""What is sent to the server, and what it answers that is no record of the engine or the store.

Unknown fields are ignored, so that a newer client can talk to it. Money is text, in USD.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, StringConstraints, WithJsonSchema

from styx.api.backend import Autostop
from styx.api.errors import Wire
from styx.optimizer.rank import Choice
from styx.store.access import RequestRecord, RequestState, Role

T = TypeVar("T")

_MANY = 1000  # more than any task has
TASK = {"name": "hello", "resources": {"cpus": "2+"}, "run": "echo hello"}
Text = Annotated[str, StringConstraints(max_length=10_000, pattern=r"^[^\x00]*$")]
# What people read in lists: on one line, and nothing that a terminal obeys.
Label = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Money = Annotated[
    Decimal,
    Field(ge=0, le=10**9, allow_inf_nan=False),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^[0-9]{1,8}(\.[0-9]{1,6})?$"},
                {"type": "number", "minimum": 0, "maximum": 10**9},
            ]
        }
    ),
]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def _whole(value: object) -> object:
    """Numbers alone are whole numbers: pydantic also takes texts and truth values for some."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("should be a whole number")  # noqa: TRY004 - pydantic's
    return value


def _few(value: object) -> object:
    """Not so many that to say what is wrong with each would take long; pydantic counts them when it has."""
    if isinstance(value, dict) and len(value) > _MANY:
        raise ValueError(f"should have at most {_MANY} items")
    return value


FEW = BeforeValidator(_few)
WHOLE = BeforeValidator(_whole)  # to stand last, so that the schema says the bounds
Number = Annotated[int, Field(ge=0, le=2**31 - 1), WHOLE]
Cells = Annotated[int, Field(ge=0, le=65_535), WHOLE]  # of a terminal
Flag = Annotated[bool, Field(strict=True)]  # 0 and "no" are mistakes, not truth values


def example(value: Any) -> ConfigDict:
    """The configuration of a model with an example."""
    return ConfigDict(json_schema_extra={"examples": [value]})


class Page(BaseModel, Generic[T]):
    """Some of many things. ``next`` is what to ask ``after`` for those that follow; null: these are the last."""

    items: list[T]
    next: str | None = None


class TaskIn(BaseModel):
    """A task. What it names of the client's own files was uploaded before, with PUT /v1/files."""

    model_config = example({"task": TASK})

    task: dict[str, Any] = Field(description="the mapping that a task's YAML holds; secrets by name")
    secrets: Annotated[dict[str, Text], FEW] = Field(
        default_factory=dict, max_length=_MANY, description="the values of its secrets, by name"
    )
    files: Annotated[dict[str, Digest], FEW] = Field(
        default_factory=dict,
        max_length=_MANY,
        description="the SHA-256 of the archive, for each local path that the task names",
    )


class AutostopSpec(BaseModel):
    """When a cluster stops by itself, or with ``down`` goes; see styx.api.Autostop."""

    idle_minutes: Annotated[int, WHOLE]
    down: Flag = False
    wait_for: Literal["jobs_and_ssh", "jobs", "none"] = "jobs_and_ssh"

    def policy(self) -> Autostop:
        """As the engine takes it."""
        return Autostop(self.idle_minutes, self.down, self.wait_for)


class LaunchOptionsIn(BaseModel):
    """How to launch, apart from what; see styx.client.protocol.LaunchOptions."""

    cluster: Label | None = None
    autostop: AutostopSpec | None = None
    retry_until_up: Flag = False
    no_setup: Flag = False
    fast: Flag = False
    account: Label | None = None
    agreed_hourly_cost: Money | None = None
    max_hourly_cost: Money | None = None

    @property
    def policy(self) -> Autostop | None:
        """The autostop as the engine takes it."""
        return self.autostop.policy() if self.autostop is not None else None


class LaunchIn(TaskIn):
    """A task, and how to launch it."""

    model_config = example({"task": TASK, "options": {"cluster": "dev", "autostop": {"idle_minutes": 30}}})

    options: LaunchOptionsIn = Field(default_factory=LaunchOptionsIn)


class ExplainIn(TaskIn):
    """A task of which to say where it would go. ``not_yet`` also tells of clouds that only have a catalog."""

    model_config = example({"task": {"resources": {"accelerators": "A100:8"}, "run": "nvidia-smi"}})

    options: LaunchOptionsIn = Field(default_factory=LaunchOptionsIn)
    not_yet: Flag = True


class StartIn(BaseModel):
    """How a cluster that is started again stops by itself; null: as before."""

    model_config = example({"autostop": {"idle_minutes": 30}})

    autostop: AutostopSpec | None = None

    @property
    def policy(self) -> Autostop | None:
        """As the engine takes it."""
        return self.autostop.policy() if self.autostop is not None else None


class AutostopIn(BaseModel):
    """When a cluster stops by itself; null: never."""

    model_config = example({"autostop": {"idle_minutes": 30, "down": True}})

    autostop: AutostopSpec | None = None

    @property
    def policy(self) -> Autostop | None:
        """As the engine takes it."""
        return self.autostop.policy() if self.autostop is not None else None


class JobIds(BaseModel):
    """Which jobs of a cluster; null: all."""

    model_config = example({"ids": [1]})

    ids: Annotated[list[Number] | None, FailFast()] = None


class ManagedIds(BaseModel):
    """Which managed jobs."""

    model_config = example({"ids": [1]})

    ids: Annotated[list[Number], Field(max_length=100_000), FailFast()]


class Cancelled(BaseModel):
    """Those that this call cancelled, or asked to end."""

    ids: list[int]


class ShellIn(BaseModel):
    """A terminal on a node: for a shell, or a command. ``terminals`` are those of the client's streams that are one."""

    model_config = example({"command": "nvidia-smi -L"})

    rank: Annotated[int, Field(ge=0, le=100_000), WHOLE] = 0
    command: Annotated[str, StringConstraints(max_length=100_000, pattern=r"^[^\x00]*$")] | None = None
    terminals: Annotated[list[Literal["stdin", "stdout", "stderr"]], Field(max_length=3)] = Field(default_factory=list)
    term: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._+-]{0,64}$")] = ""
    rows: Cells = 24
    columns: Cells = 80


class ShellOut(BaseModel):
    """A terminal that is open."""

    id: str


class Typed(BaseModel):
    """How many bytes have been typed by now that need not be sent again."""

    taken: int


class JobOptionsIn(BaseModel):
    """How to run a managed job; see styx.jobs.model.JobOptions. What is left out the task itself may say."""

    strategy: Label | None = None
    max_restarts: Number | None = None
    restart_exit_codes: Annotated[list[Annotated[int, Field(ge=0, le=255), WHOLE]] | None, FailFast()] = None
    max_recoveries: Number | None = None
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)] | None = None
    priority: Annotated[int, Field(ge=0, le=1000), WHOLE] | None = None
    pool: Label | None = None
    account: Label | None = None
    max_hourly_cost: Money | None = None
    on_success: Annotated[list[Text] | None, FailFast()] = None
    on_failure: Annotated[list[Text] | None, FailFast()] = None


class JobsIn(TaskIn):
    """A task to be looked after to its end; ``count`` times as an array."""

    model_config = example({"task": TASK, "options": {"max_restarts": 2}})

    options: JobOptionsIn = Field(default_factory=JobOptionsIn)
    name: Label = ""
    count: Annotated[int, Field(ge=1, le=10_000), WHOLE] = 1
    key: Label | None = Field(default=None, description="who submits under the same key again gets the same jobs")


class DagIn(BaseModel):
    """Tasks, and which of them come before which: pairs of positions, beside what the tasks say themselves."""

    model_config = example({"name": "pipeline", "tasks": [{"task": TASK}], "edges": []})

    tasks: Annotated[list[TaskIn], Field(min_length=1, max_length=10_000), FailFast()]
    edges: Annotated[list[tuple[Number, Number]], FailFast()] = Field(default_factory=list)
    name: Label | None = None
    execution: Literal["serial", "parallel"] = "serial"
    header: dict[str, Any] = Field(default_factory=dict, description="what else the header of a job group says")


class RunOptionsIn(BaseModel):
    """How to run a Dag; see styx.dags.model.RunOptions."""

    name: Label = ""
    at_once: Annotated[int, Field(ge=1, le=10_000), WHOLE] = 16
    keep: Flag = False
    account: Label | None = None
    max_hourly_cost: Money | None = None
    objective: Literal["cost", "time"] = "cost"
    agreed: Annotated[list[Money | None] | None, FailFast()] = None


class DagRunIn(BaseModel):
    """A Dag to be run, or planned."""

    model_config = example({"dag": {"name": "pipeline", "tasks": [{"task": TASK}]}})

    dag: DagIn
    options: RunOptionsIn = Field(default_factory=RunOptionsIn)


class DagJobsIn(BaseModel):
    """A Dag to be looked after to its end, as a group of managed jobs."""

    model_config = example({"dag": {"name": "pipeline", "tasks": [{"task": TASK}]}})

    dag: DagIn
    options: JobOptionsIn = Field(default_factory=JobOptionsIn)
    key: Label | None = None


class DagPlanned(BaseModel):
    """Where a run would put its tasks; see styx.client.protocol.DagLaunch."""

    tasks: list[tuple[str, Choice]]
    cost: Decimal | None
    transfer_cost: Decimal
    hours: float
    proved: bool


class TaskOut(BaseModel):
    """The canonical form of a task."""

    task: dict[str, Any]


class RequestOut(BaseModel):
    """Something that takes a while: where it is, and what came of it."""

    model_config = example(
        {
            "id": "5d0c8f3e2a1b4c6d",
            "kind": "launch",
            "user": "ann",
            "state": "running",
            "created_at": "2026-11-30T12:00:00Z",
            "updated_at": "2026-11-30T12:00:00Z",
        }
    )

    id: str
    kind: str
    user: str
    state: RequestState
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None = None
    cluster: str = Field(default="", description="the cluster that it is about, if it is about one")
    cancelling: bool = False
    result: Any = Field(default=None, description="once it has succeeded")
    error: Wire | None = Field(default=None, description="once it has failed: code, message, hint and details")

    @classmethod
    def of(cls, record: RequestRecord) -> RequestOut:
        """What is shown of a request: not what it was asked with."""
        return cls(
            id=record.id,
            kind=record.kind,
            user=record.user,
            state=record.state,
            created_at=record.created_at,
            updated_at=record.updated_at,
            ended_at=record.ended_at,
            cluster=str(record.arguments.get("cluster", "")),
            cancelling=record.cancelling,
            result=None if record.ended_at is None else record.result,
            error=record.error,
        )


class UserIn(BaseModel):
    """A new user."""

    model_config = example({"name": "ann", "role": "member"})

    name: Name
    role: Role = Role.MEMBER


class UserChange(BaseModel):
    """What is to be different of a user."""

    model_config = example({"disabled": True})

    role: Role | None = None
    disabled: Flag | None = None


class TokenIn(BaseModel):
    """A new token: for whom (by default the caller), what it is called, what it may do, and for how many seconds."""

    model_config = example({"name": "laptop", "scopes": ["read", "write"], "lifetime": 2592000})

    name: Name
    user: Name | None = None
    scopes: list[Literal["read", "write", "admin"]] = Field(default_factory=list, max_length=3)
    lifetime: Annotated[int, Field(ge=1, le=10 * 365 * 86400), WHOLE] | None = None


class TokenOut(BaseModel):
    """A token without its secret."""

    id: str
    user: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None
    maker: str | None = Field(
        default=None, description="the id of the token by which it was made, and with which it goes"
    )


class NewToken(TokenOut):
    """A token as it is shown this once."""

    token: str


class Me(BaseModel):
    """Who the caller is, and of which server."""

    user: str
    role: Role
    level: Literal["read", "write", "admin"] = Field(description="what role and scopes allow together")
    token: str = Field(description="the token's id")
    version: str
    installation: str
