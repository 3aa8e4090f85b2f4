"""The first of several documents, where it is no task: the name of them all, and whether they run side by side."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from styx.spec import amounts, fields
from styx.spec.dag import PARALLEL, SERIAL, Dag
from styx.spec.place import Place
from styx.spec.plain import plain
from styx.spec.suggest import did_you_mean

KEYS = ("name", "execution", "primary_tasks", "termination_delay", "inter_connection", "placement")
DEFAULT = "default"  # in termination_delay: of every task that is not named

_ONLY = frozenset(KEYS) - {"name"}
_HOST = re.compile(r"[\w-]+")  # tasks of a group find each other under their names
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DELAY = re.compile(r"(\d{1,9})([smhdw]?)", re.IGNORECASE | re.ASCII)


def split(documents: Sequence[object]) -> tuple[dict[str, object] | None, list[object]]:
    """The header, when the first of several documents is one, and the tasks."""
    first = documents[0]
    if len(documents) > 1 and isinstance(first, dict) and (_ONLY & set(first) or set(first) == {"name"}):
        return first, [*documents[1:]]
    return None, [*documents]


def read_header(header: Mapping[str, object], place: Place) -> Dag:
    """The Dag, without its tasks, that a header describes. Raises InvalidTask."""
    fields.known_keys(header, place, KEYS)
    execution = SERIAL
    if header.get("execution") is not None:
        execution = fields.one_of(header["execution"], place.at(header, "execution"), (SERIAL, PARALLEL))
    named = header.get("name") is not None
    if not named and (execution == PARALLEL or "name" not in header):
        raise place.error("a header needs a name")
    name = fields.name(header["name"], place.at(header, "name")) if named else None
    if name is not None and execution == PARALLEL:
        _host(name, place.at(header, "name"))
    options = {
        key: plain(value, place.at(header, key))
        for key, value in header.items()
        if key not in ("name", "execution") and value is not None
    }
    if options and execution == SERIAL:
        key = next(iter(options))
        raise place.at(header, key).error("is only for job groups", hint="Add execution: parallel.")
    if "inter_connection" in options:
        fields.flag(options["inter_connection"], place.at(header, "inter_connection"))
    return Dag(name, execution=execution, options=options)


def check_names(dag: Dag, header: Mapping[str, object], place: Place) -> None:
    """Raise InvalidTask for a task of a group that has no name to be found by, or a name in the header of no task."""
    if dag.execution != PARALLEL:
        return
    for index, task in enumerate(dag.tasks):
        if task.spec.name is None:
            raise place.error(f"task {index + 1} of the group has no name", hint="The others find it by its name.")
        _host(task.spec.name, dag.place(task, "name"))
    names = [task.spec.name for task in dag.tasks if task.spec.name]
    at = place.at(header, "primary_tasks")
    primary = fields.items(header.get("primary_tasks"), at)
    for index, each in enumerate(primary):
        _known(fields.text(each, at.at(primary, index)), names, at.at(primary, index))
        if each in primary[:index]:
            raise at.at(primary, index).error(f"{fields.describe(each)} is listed twice")
    _delays(header.get("termination_delay"), names, place.at(header, "termination_delay"))


def termination_delay(dag: Dag, name: str) -> float:
    """Seconds that this task of a group may go on once the primary tasks have ended."""
    value = dag.options.get("termination_delay", 0)
    if isinstance(value, dict):
        value = value.get(name, value.get(DEFAULT, 0))
    return float(_delay(value, Place(field="termination_delay")))


def _delays(value: object, names: Collection[str], place: Place) -> None:
    """How long the others may go on once the primary tasks have ended: for all, or by name."""
    if value is None:
        return
    if not isinstance(value, dict):
        _delay(value, place)
        return
    for key, each in value.items():
        if key != DEFAULT:
            _known(key, names, place.at(value, key))
        _delay(each, place.at(value, key))


def _delay(value: object, place: Place) -> int:
    """The seconds."""
    match = _DELAY.fullmatch(str(value)) if isinstance(value, (str, int)) and not isinstance(value, bool) else None
    if match is None:
        raise place.error(f"must be seconds, or a time such as 30s, 5m or 1h; not {fields.describe(value)}")
    return fields.within(int(match[1]) * _SECONDS[match[2].lower()], place, 0, amounts.MAX_MINUTES * 60)


def _known(name: str, names: Collection[str], place: Place) -> None:
    if name not in names:
        raise place.error(f"there is no task {fields.describe(name)}", hint=did_you_mean(name, names))


def _host(name: str, place: Place) -> None:
    if not _HOST.fullmatch(name):
        raise place.error(f"{fields.describe(name)} names no job group or task of one: letters, digits, - and _")
