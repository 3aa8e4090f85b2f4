"""A task's mapping, from a file or from Python, to its plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from styx.spec import alternatives, disks, fields, files, flow, hooks, service, sweep
from styx.spec.expand import Room, everywhere
from styx.spec.model import Condition, Retries, TaskSpec
from styx.spec.place import Place
from styx.spec.plain import plain_mapping
from styx.spec.shapes import each_item, each_value, integer, keyed, name_or, number, one_value
from styx.spec.sweep import Variation
from styx.spec.variables import ENVS, SECRETS, variables

MAX_NODES = 1000  # ranks are 0 to 999
MAX_GIGABYTES = 1e9

T = TypeVar("T")

_RENAMED = {
    "command": "run",
    "cmd": "run",
    "script": "run",
    "environment": "envs",
    "env": "envs",
    "needs": "depends_on",
}


num_nodes = integer(1, MAX_NODES)
_size = one_value(number(0, MAX_GIGABYTES))

# Fields that later features act on: checked as far as their shape goes, and kept in TaskSpec.extra.
EXTRA: Mapping[str, Callable[[object, Place], object]] = {
    "service": service.service,
    "pool": service.pool,
    "volumes": each_value(name_or(plain_mapping)),
    "managed_secrets": each_item(name_or(one_value(keyed({"mount_path": fields.word})))),
    "inputs": _size,  # {uri: gigabytes}: what a task reads
    "outputs": _size,
    "time_estimate": flow.time_estimate,
    "config": hooks.config,
    "job": keyed({"wait_for_scheduling_timeout": number(0, service.MAX_SECONDS)}),
    "event_callback": lambda value, place: fields.text(value, place, lines=True),
    "api_server_access": fields.flag,
}
EXPANDED = ("service", "volumes", "depends_on")  # besides paths, where variables of the task are replaced
KEYS = frozenset(
    {
        "name",
        "workdir",
        "setup",
        "run",
        ENVS,
        SECRETS,
        "num_nodes",
        "file_mounts",
        "resources",
        "depends_on",
        "when",
        "retries",
        "output_names",
        "sweep",
        *sweep.KEYS,
        *EXTRA,
    }
)


def parse_task(
    data: object,
    place: Place,
    base_dir: Path,
    *,
    envs: Mapping[str, object] | None = None,
    secrets: Mapping[str, object] | None = None,
    variation: Variation | None = None,
) -> TaskSpec:
    """Read one task; ``envs`` and ``secrets`` win over those written in it. Raises InvalidTask.

    With a ``variation`` it is that one of the many that the mapping stands for.
    """
    if not isinstance(data, dict):
        raise place.error(
            f"a task is a mapping of fields, not {fields.describe(data)}", hint="For example `run: echo hello`."
        )
    _known(data, place)
    where = {key: place.at(data, key) for key in data}
    if variation is None:
        sweep.refuse(data, place)
    else:
        envs = {**(envs or {}), **variation.envs}
        data = {**data, "name": variation.name, "sweep": variation.sweep}
        where["sweep"] = place
    found_envs = variables(ENVS, data.get(ENVS), where.get(ENVS, place), envs).values
    room = Room()
    data = {**data, **{key: everywhere(data[key], found_envs, where[key], room) for key in EXPANDED if key in data}}
    found = variables(SECRETS, data.get(SECRETS), where.get(SECRETS, place), secrets)
    mounts, volumes = disks.disks(data.get("file_mounts"), where.get("file_mounts", place), found_envs, room)
    resources = alternatives.resources(data.get("resources"), where.get("resources", place))
    if volumes:
        resources = alternatives.overlaid(resources, {"volumes": volumes}, where["file_mounts"])
    spec = TaskSpec(
        name=_optional(data, where, "name", fields.name),
        workdir=files.workdir(data.get("workdir"), where.get("workdir", place), found_envs, room),
        setup=_optional(data, where, "setup", script) or "",
        run=_optional(data, where, "run", script) or "",
        envs=found_envs,
        secrets=found.values,
        num_nodes=_optional(data, where, "num_nodes", num_nodes) or 1,
        file_mounts=files.file_mounts(mounts, where.get("file_mounts", place), found_envs, room),
        resources=resources,
        depends_on=_optional(data, where, "depends_on", flow.depends_on) or (),
        when=_optional(data, where, "when", flow.when) or Condition(),
        retries=_optional(data, where, "retries", flow.retries) or Retries(),
        output_names=_optional(data, where, "output_names", flow.output_names) or (),
        sweep=_optional(data, where, "sweep", fields.name),
        extra=with_managed(_extra(data, where), found.managed),
        base_dir=base_dir,
        secret_refs=found.references,
        missing_secrets=tuple(found.missing),
        secret_places=found.missing,
    )
    flow.only_in_envs(spec, where)
    flow.needed(spec)
    return spec


def _extra(data: Mapping[str, object], where: Mapping[str, Place]) -> dict[str, object]:
    extra = {key: read(data[key], where[key]) for key, read in EXTRA.items() if data.get(key) is not None}
    served = extra.get("service")
    if isinstance(served, dict) and "pool" in served:  # the older way to write a pool
        del extra["service"]
        if "pool" in extra:
            raise where["pool"].error("is there twice: as pool and in service")
        extra["pool"] = served["pool"]
    if "service" in extra and "pool" in extra:
        raise where["pool"].error("excludes service: a task is one or the other")
    return extra


def with_managed(extra: Mapping[str, object], names: Sequence[str]) -> dict[str, object]:
    """The extra fields with more secrets that a plugin keeps."""
    known = extra.get("managed_secrets", [])
    assert isinstance(known, list)
    return {**extra, "managed_secrets": [*known, *names]} if names else {**extra}


def script(value: object, place: Place) -> str:
    """A shell script."""
    return fields.text(value, place, lines=True)


def _optional(
    data: Mapping[str, object], where: Mapping[str, Place], key: str, read: Callable[[object, Place], T]
) -> T | None:
    value = data.get(key)
    return None if value is None else read(value, where[key])


def _known(data: Mapping[str, object], place: Place) -> None:
    for key in data:
        meant = _RENAMED.get(key) or (f"resources: {key}" if key in alternatives.KEYS else None)
        if key not in KEYS and meant:
            raise fields.unknown(data, key, place, f"Did you mean {meant!r}?")
    fields.known_keys(data, place, KEYS)
