"""What SkyPilot's parser said of a file, brought into the form of ``styx.compat.forms``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from styx.api.errors import InvalidTask
from styx.compat.forms import Form, says
from styx.spec import amounts
from styx.spec.model import Amount
from styx.spec.place import Place

NAME = "verdicts.json"
# Of SkyPilot's own machinery, or said again by another field.
_IGNORED = frozenset({"other", "envs"})
_HERE = Place()


def read(directory: Path) -> dict[str, dict[str, object]] | None:
    """The verdicts kept in a directory by name of file, or None when it keeps none. Raises InvalidTask."""
    path = directory / NAME
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise Place(str(path)).error(f"cannot be read: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(each, dict) and "verdict" in each for each in found.values()):
        raise Place(str(path)).error("is not a mapping of file names to verdicts")
    return found


def form(verdict: Mapping[str, object]) -> Form:
    """The kind, the name and the tasks of a file that SkyPilot takes."""
    found: Form = {"kind": verdict.get("kind"), "dag_name": _name(verdict.get("dag_name"))}
    found["tasks"] = [_task(each) for each in _list(verdict.get("tasks"))]
    if verdict.get("kind") == "job_group":
        for key in ("execution", "primary_tasks", "inter_connection", "termination_delay"):
            found[key] = verdict.get(key)
    return found


def _task(value: object) -> Form:
    task = _dict(value)
    found = {key: each for key, each in task.items() if key not in _IGNORED and says(each)}
    found["name"] = _name(task.get("name"))
    for key in ("secrets", "managed_secrets"):
        if key in found:
            found[key] = sorted(map(str, _list(found[key])))
    for key in ("inputs", "outputs"):
        given = found.get(key)
        if isinstance(given, list) and len(given) == 2:  # noqa: PLR2004 - where, and how many GB
            found[key] = {given[0]: given[1]}
    service = _dict(found.get("service"))
    if "pool" in service:
        pool = _dict(service["pool"])
        found["service"] = {
            "pool": {k: each for k, each in pool.items() if k != "workers" or "max_workers" not in pool}
        }
    resources = _dict(task.get("resources"))
    found["resources"] = {
        "ordered": resources.get("ordered"),
        "list": [_alternative(each) for each in _list(resources.get("list"))],
    }
    return found


def _alternative(value: object) -> Form:
    aside = _dict(_dict(value).get("other"))
    given = {**_dict(value), **{key: each for key, each in aside.items() if not key.startswith("_")}}
    found = {key: each for key, each in given.items() if key not in _IGNORED and says(each) and each is not False}
    for key, read_amount in (("cpus", amounts.cpus), ("memory", amounts.memory)):
        if key in found:
            found[key] = _amount(found[key], read_amount)
    if found.get("cloud") == "ssh":  # the pool of a name, as SkyPilot calls it inside
        _rename_pool(found)
    stop = _dict(found.get("autostop"))
    if stop:
        found["autostop"] = {key: each for key, each in stop.items() if (key, each) != ("wait_for", "jobs_and_ssh")}
        if _less_than_nothing(stop.get("idle_minutes")):
            del found["autostop"]
    recovery = _dict(found.get("job_recovery"))
    if recovery:
        codes = recovery.get("recover_on_exit_codes")
        found["job_recovery"] = {**recovery, **({} if codes is None else {"recover_on_exit_codes": _listed(codes)})}
        if recovery in ({"strategy": None}, {"strategy": "NONE"}):
            del found["job_recovery"]
    return found


def _rename_pool(found: Form) -> None:
    inside = found.get("region")
    if not isinstance(inside, str):
        return
    found["region"] = inside.removeprefix("ssh-")
    images = _dict(found.get("image_id"))
    if inside in images:
        found["image_id"] = {str(found["region"]) if key == inside else key: each for key, each in images.items()}


def _name(value: object) -> str | None:
    """Styx leaves out what nobody sees: space around a name."""
    return None if value is None else str(value).strip() or None


def _amount(value: object, read_amount: Callable[[object, Place], Amount]) -> object:
    try:
        return str(read_amount(value, _HERE))
    except InvalidTask:
        return value


def _less_than_nothing(value: object) -> bool:
    return isinstance(value, int) and value < 0


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _dict(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
