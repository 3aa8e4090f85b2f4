"""A task's mapping, from a file or from Python, to its plain values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

from styx.spec import alternatives, fields, files, hooks, service
from styx.spec.model import TaskSpec
from styx.spec.place import Place
from styx.spec.plain import plain, plain_mapping
from styx.spec.shapes import each_item, each_value, keyed, name_or

ENVS = "envs"
SECRETS = "secrets"
MAX_NODES = 1000  # ranks are 0 to 999
MAX_NAME = 200
MAX_GIGABYTES = 1e9

T = TypeVar("T")

_REFERENCE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S.*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RENAMED = {
    "command": "run",
    "cmd": "run",
    "script": "run",
    "environment": "envs",
    "env": "envs",
    "needs": "depends_on",
}


def _size(value: object, place: Place) -> object:
    return fields.number(value, place, 0, MAX_GIGABYTES)


def _timeout(value: object, place: Place) -> object:
    return fields.number(value, place, 0, service.MAX_SECONDS)


def _sizes(value: object, place: Place) -> object:
    """``{uri: gigabytes}`` with one entry: what a task reads or writes."""
    if len(fields.mapping(value, place)) > 1:
        raise place.error("takes one location")
    return each_value(_size)(value, place)


# Fields that later features act on: checked as far as their shape goes, and kept in TaskSpec.extra.
EXTRA: Mapping[str, Callable[[object, Place], object]] = {
    "service": service.service,
    "pool": service.pool,
    "volumes": each_value(name_or(plain_mapping)),
    "managed_secrets": each_item(name_or(each_value(keyed({"mount_path": fields.word})))),
    "inputs": _sizes,
    "outputs": _sizes,
    "config": hooks.config,
    "job": keyed({"wait_for_scheduling_timeout": _timeout}),
    "event_callback": lambda value, place: fields.text(value, place, lines=True),
    "api_server_access": fields.flag,
}
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
) -> TaskSpec:
    """Read one task; ``envs`` and ``secrets`` win over those written in it. Raises InvalidTask."""
    if not isinstance(data, dict):
        raise place.error(
            f"a task is a mapping of fields, not {fields.describe(data)}", hint="For example `run: echo hello`."
        )
    _known(data, place)
    where = {key: place.at(data, key) for key in data}
    found_envs = variables(ENVS, data.get(ENVS), where.get(ENVS, place), envs).values
    extra = {key: read(data[key], where[key]) for key, read in EXTRA.items() if data.get(key) is not None}
    written = data.get(SECRETS)
    if isinstance(written, list):  # names of secrets that somebody else keeps: the short form of managed_secrets
        managed = fields.items(extra.get("managed_secrets"), place)
        extra["managed_secrets"] = [*managed, *fields.items(plain(written, where[SECRETS]), place)]
        written = None
    found = variables(SECRETS, written, where.get(SECRETS, place), secrets)
    return TaskSpec(
        name=_optional(data, where, "name", name),
        workdir=files.workdir(data.get("workdir"), where.get("workdir", place), found_envs),
        setup=_optional(data, where, "setup", script) or "",
        run=_optional(data, where, "run", script) or "",
        envs=found_envs,
        secrets=found.values,
        num_nodes=_optional(data, where, "num_nodes", num_nodes) or 1,
        file_mounts=files.file_mounts(data.get("file_mounts"), where.get("file_mounts", place), found_envs),
        resources=alternatives.resources(data.get("resources"), where.get("resources", place)),
        depends_on=_optional(data, where, "depends_on", depends_on) or (),
        extra=extra,
        base_dir=base_dir,
        secret_refs=found.references,
        missing_secrets=tuple(found.missing),
        secret_places=found.missing,
    )


def name(value: object, place: Place) -> str:
    """A name that people can read: one line, not endless."""
    found = fields.word(value, place)
    if len(found) > MAX_NAME:
        raise place.error(f"has {len(found)} characters, the limit is {MAX_NAME}")
    return found


def script(value: object, place: Place) -> str:
    """A shell script."""
    return fields.text(value, place, lines=True)


def num_nodes(value: object, place: Place) -> int:
    """How many nodes; ranks have three digits."""
    return fields.integer(value, place, 1, MAX_NODES)


def depends_on(value: object, place: Place) -> tuple[str, ...]:
    """One name or several of tasks that come before this one."""
    if isinstance(value, str):
        return (name(value, place),)
    found = [name(each, place.at(value, index)) for index, each in enumerate(fields.items(value, place))]
    return tuple(dict.fromkeys(found))


class Variables(NamedTuple):
    """The variables of ``envs`` or ``secrets``; only secrets may be without a value, or refer to one kept elsewhere."""

    values: dict[str, str]
    references: dict[str, str]
    missing: dict[str, Place]


def variables(kind: str, value: object, place: Place, given: Mapping[str, object] | None = None) -> Variables:
    """Read ``envs`` or ``secrets``; those ``given`` win over those written.

    No message shows a value: it may be a secret.
    """
    written = fields.mapping(value, place)
    given = plain_mapping(given, Place(field=kind))
    found = Variables({}, {}, {})
    for key in (*written, *(key for key in given if key not in written)):
        at = place.at(written, key) if key in written else Place(field=f"{kind}.{key}")
        if not _VARIABLE.fullmatch(key):
            raise at.error(f"{fields.describe(key)} is not a variable name: letters, digits and _, no digit first")
        each = given.get(key, written.get(key))
        if each is None and kind == ENVS:
            hint = f'Give it with `--env {key}=VALUE`; "" makes it empty.'
            raise at.error(f"variable {key!r} has no value", hint=hint)
        if each is None:
            found.missing[key] = at
        elif isinstance(each, dict) and kind == SECRETS:
            found.references[key] = _reference(each, at)
        else:
            found.values[key] = _variable(each, at)
    return found


def _variable(value: object, place: Place) -> str:
    if not isinstance(value, (str, int, float)):
        raise place.error(f"must be text, not {fields.describe(value)}")
    text = str(value)
    if "\0" in text:
        raise place.error("holds a NUL character, which no environment variable can")
    return text


def _reference(value: dict[str, object], place: Place) -> str:
    """``{ref: "scheme:name"}``: where a plugin finds the secret. What is no reference may be the secret itself."""
    text = value.get("ref") if len(value) == 1 else None
    if not isinstance(text, str) or not text.isprintable() or not _REFERENCE.fullmatch(text):
        raise place.error("is not a reference to a secret", hint='For example: {ref: "vault:team/key"}.')
    return text


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
