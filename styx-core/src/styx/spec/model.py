"""What a task says, as plain values: the form everything after the parser works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from styx.api.backend import Autostop
from styx.api.offers import Accelerator
from styx.spec.place import Place


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of something: exactly ``value``, or at least that. ``per_cpu`` counts it for each vCPU (``16x``)."""

    value: float
    at_least: bool = False
    per_cpu: bool = False

    def __str__(self) -> str:
        """The way it is written in YAML; reading it gives the same amount."""
        number = str(int(self.value)) if self.value.is_integer() else repr(self.value)
        return f"{number}{'x' if self.per_cpu else ''}{'+' if self.at_least else ''}"


@dataclass(frozen=True, slots=True)
class Infra:
    """A place: any part may be None, which matches everything."""

    cloud: str | None = None
    region: str | None = None
    zone: str | None = None

    def __str__(self) -> str:
        """The way it is written in YAML: ``cloud/region/zone``, ``*`` for parts left open before a given one."""
        parts = [self.cloud, self.region, self.zone]
        while parts and parts[-1] is None:
            parts.pop()
        return "/".join(part or "*" for part in parts)


@dataclass(frozen=True, slots=True)
class Alternative:
    """One complete way to satisfy a task: what one node must have. Sizes are GiB, costs USD per hour for one node."""

    infra: Infra = Infra()
    cpus: Amount | None = None
    memory: Amount | None = None
    accelerators: tuple[Accelerator, ...] = ()  # all of them on one node; in practice none or one
    accelerator_args: Mapping[str, object] = field(default_factory=dict)
    instance_type: str | None = None
    use_spot: bool = False
    disk_size: int | None = None
    disk_tier: str | None = None
    network_tier: str | None = None
    local_disk: str | None = None
    max_hourly_cost: float | None = None
    ports: tuple[str, ...] = ()  # "8080" or "9000-9001"
    image_id: str | Mapping[str, str] | None = None
    identity: str | None = None  # the provider's, that programs on the nodes act as
    labels: Mapping[str, str] = field(default_factory=dict)
    autostop: Autostop | None = None
    job_recovery: Mapping[str, object] | None = None
    priority: int | None = None
    extra: Mapping[str, object] = field(default_factory=dict)  # volumes, ephemeral_storage, priority_class, ...


@dataclass(frozen=True, slots=True)
class ResourcesSpec:
    """The ways in which a task can be satisfied: with ``ordered`` the first that can be had, else the cheapest."""

    alternatives: tuple[Alternative, ...] = (Alternative(),)
    ordered: bool = False


@dataclass(frozen=True, slots=True)
class GitWorkdir:
    """A working directory cloned on the node: ``ref`` is a branch, tag or commit, by default the remote's head."""

    url: str
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class StorageMount:
    """A bucket or part of one, mounted or copied to a path on the node. ``mode``: MOUNT, COPY or MOUNT_CACHED.

    ``source`` is a URI or a local path to upload; ``type`` a preset such as MODEL_CHECKPOINT_RW.
    """

    source: str | tuple[str, ...] | None = None
    name: str | None = None
    store: str | None = None
    mode: str = "MOUNT"
    persistent: bool = True
    config: Mapping[str, object] = field(default_factory=dict)
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """A value that one task gives and others use."""

    task: str
    name: str

    def __str__(self) -> str:
        """The way it is written in YAML, inside of ``${{ }}``."""
        return f"tasks.{self.task}.outputs.{self.name}"


@dataclass(frozen=True, slots=True)
class Condition:
    """Whether a task runs, once all that it comes after have ended; else it is left out.

    ``outcome``: ``success`` (all of them have succeeded), ``failure`` (one has failed) or ``always``. With an
    ``output``, all have succeeded and it is ``value``, or with ``equal=False`` anything else.
    """

    outcome: str = "success"
    output: Output | None = None
    value: str = ""
    equal: bool = True

    def __str__(self) -> str:
        """The way it is written in YAML; reading it gives the same condition."""
        if self.output is None:
            return self.outcome
        return f'{self.output} {"==" if self.equal else "!="} "{self.value}"'


@dataclass(frozen=True, slots=True)
class Retries:
    """How many more times a task is run when it fails: after any exit code, or only after these."""

    times: int = 0
    exit_codes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One task. ``secrets`` never appear in ``repr``. ``extra`` holds fields that later features act on, checked."""

    name: str | None = None
    workdir: str | GitWorkdir | None = None
    setup: str = ""
    run: str = ""
    envs: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    num_nodes: int = 1
    file_mounts: Mapping[str, str | StorageMount] = field(default_factory=dict)
    resources: ResourcesSpec = ResourcesSpec()
    depends_on: tuple[str, ...] = ()  # names of tasks, or of sweeps: then of all their tasks
    when: Condition = Condition()
    retries: Retries = Retries()
    output_names: tuple[str, ...] = ()  # what it hands on
    sweep: str | None = None  # the name that stands for all tasks made from one
    extra: Mapping[str, object] = field(default_factory=dict)  # service, pool, volumes, inputs, outputs, config, ...
    base_dir: Path = field(default_factory=Path.cwd)  # what relative paths are relative to
    secret_refs: Mapping[str, str] = field(default_factory=dict)  # "vault:team/key": resolved when the task is run
    missing_secrets: tuple[str, ...] = ()  # named without a value, which must come before the task runs
    secret_places: Mapping[str, Place] = field(default_factory=dict, repr=False, compare=False)  # where those are named
