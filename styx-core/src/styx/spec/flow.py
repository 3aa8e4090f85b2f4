"""What a task says about its place among others: after which it comes, when it runs, how often, and what it hands on.

A task names the values that it gives (``output_names``), and later ones use them in their environment variables and
conditions: ``${{ tasks.train.outputs.ACCURACY }}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from styx.spec import amounts, fields
from styx.spec.model import Condition, Output, Retries
from styx.spec.place import Place
from styx.spec.shapes import integer, keyed, some
from styx.spec.suggest import did_you_mean
from styx.spec.variables import is_variable

if TYPE_CHECKING:
    from styx.spec.model import TaskSpec

OUTCOMES = ("success", "failure", "always")
DEFAULT = "default"  # in time_estimate: on any other machine
MAX_RETRIES = 1000
MAX_OUTPUTS = 100

_HOUR = 60.0  # minutes
_OUTPUT = r"tasks\.(.+)\.outputs\.([A-Za-z_][A-Za-z0-9_]*)"
_REFERENCE = re.compile(r"\$\{\{\s*(tasks\..*?)\s*\}\}")  # other text in such braces is left alone
_ALMOST = re.compile(r"\$\{\{\s*((?!tasks\.)\w+\.[^}]*\.outputs\.[^}]*?)\s*\}\}")  # as other programs write it
_COMPARISON = re.compile(r"(?:\$\{\{\s*)?(tasks\..+?)\s*(?:\}\})?\s*(==|!=)\s*(.*)")
_EXAMPLE = '`tasks.check.outputs.CHANGED == "yes"`'


_times = integer(0, MAX_RETRIES)
_RETRIES = keyed({"times": _times, "exit_codes": some(integer(1, 255))}, "times")


def depends_on(value: object, place: Place) -> tuple[str, ...]:
    """One name or several of tasks that come before this one."""
    if isinstance(value, str):
        return (fields.name(value, place),)
    found = [fields.name(each, place.at(value, index)) for index, each in enumerate(fields.items(value, place))]
    return tuple(dict.fromkeys(found))


def retries(value: object, place: Place) -> Retries:
    """A number, or ``{times, exit_codes}``: only after these exit codes."""
    if not isinstance(value, dict):
        return Retries(_times(value, place))
    found: dict[str, Any] = _RETRIES(value, place)
    return Retries(found["times"], tuple(found.get("exit_codes", ())))


def when(value: object, place: Place) -> Condition:
    """``success``, ``failure``, ``always``, or a comparison of one output with a text."""
    written = fields.word(value, place)
    match = _COMPARISON.fullmatch(written)
    if match is None:
        if written.lower() not in OUTCOMES:
            hint = did_you_mean(written, OUTCOMES) or f"Or compare an output: {_EXAMPLE}."
            raise place.error(f"{fields.describe(value)} is not one of {', '.join(OUTCOMES)}", hint=hint)
        return Condition(written.lower())
    return Condition(output=_output(match[1], place), equal=match[2] == "==", value=_unquoted(match[3]))


def output_names(value: object, place: Place) -> tuple[str, ...]:
    """The names, like those of environment variables, of the values that a task gives."""
    found: dict[str, None] = {}
    for index, each in enumerate(fields.items(value, place)):
        name, at = fields.word(each, place.at(value, index)), place.at(value, index)
        if not is_variable(name):
            raise at.error(f"{fields.describe(name)} is not a name: letters, digits and _, no digit first")
        found[name] = None
    if len(found) > MAX_OUTPUTS:
        raise place.error(f"has {len(found)} names, the limit is {MAX_OUTPUTS}")
    return tuple(found)


def time_estimate(value: object, place: Place) -> float | dict[str, float]:
    """How long the task takes, in minutes: everywhere the same, or by accelerator, with ``default`` for any other."""
    if not isinstance(value, dict):
        return _minutes(value, place)
    if not value:
        raise place.error("must not be empty")
    return {fields.word(key, place.at(value, key)): _minutes(each, place.at(value, key)) for key, each in value.items()}


def estimated_hours(spec: TaskSpec, accelerators: Iterable[str]) -> float:
    """The hours that the task takes on a machine with these accelerators: one where nothing is said."""
    estimate: Any = spec.extra.get("time_estimate", _HOUR)
    if isinstance(estimate, dict):
        by_name = {name.lower(): minutes for name, minutes in estimate.items()}
        known = (by_name[name.lower()] for name in accelerators if name.lower() in by_name)
        estimate = next(known, by_name.get(DEFAULT, _HOUR))
    return float(estimate) / _HOUR


def _minutes(value: object, place: Place) -> float:
    found = amounts.minutes(value, place)
    if not found:
        raise place.error("must be more than nothing")
    return float(found)


def outputs_in(text: str, place: Place) -> list[Output]:
    """The outputs that a text refers to. Raises InvalidTask for a reference to something else of a task."""
    for match in _ALMOST.finditer(text):
        raise place.error(f"{fields.describe(match[1])} is no output", hint="Write ${{ tasks.NAME.outputs.OUTPUT }}.")
    return [_output(match[1], place) for match in _REFERENCE.finditer(text)]


def only_in_envs(spec: TaskSpec, where: Mapping[str, Place]) -> None:
    """Raise for a reference where it could not be filled in: outputs are known only when the task before has ended."""
    texts: dict[str, object] = {"run": spec.run, "setup": spec.setup, "workdir": spec.workdir}
    texts |= {"file_mounts": spec.file_mounts, **spec.extra}
    for key, text in texts.items():
        if text and _REFERENCE.search(str(text)):
            hint = "Put it into an environment variable: envs: {VALUE: ${{ tasks.train.outputs.VALUE }}}."
            raise where.get(key, Place(field=key)).error("outputs of other tasks can stand in envs alone", hint=hint)


def needed(spec: TaskSpec) -> dict[Output, str]:
    """The outputs of other tasks that a task uses, each with the field that names it."""
    found = {output: "envs" for text in spec.envs.values() for output in outputs_in(text, Place(field="envs"))}
    if spec.when.output is not None:
        found.setdefault(spec.when.output, "when")
    return found


def ungiven(spec: TaskSpec, outputs: Mapping[Output, str]) -> str:
    """Which output a task cannot run without and was not given, in words; empty where there is none."""
    missing = next((each for each, field in needed(spec).items() if field == "envs" and each not in outputs), None)
    return f"{missing.task} gave no {missing.name}" if missing else ""


def filled(spec: TaskSpec, outputs: Mapping[Output, str]) -> TaskSpec:
    """The task with outputs written into its environment variables; those not given stay as they are."""

    def value(match: re.Match[str]) -> str:
        return outputs.get(_output(match[1], Place(field="envs")), match[0])

    return replace(spec, envs={key: _REFERENCE.sub(value, text) for key, text in spec.envs.items()})


def flow_to_mapping(spec: TaskSpec) -> dict[str, object]:
    """The canonical fields, without those that say nothing."""
    found: dict[str, object] = {}
    if spec.depends_on:
        found["depends_on"] = list(spec.depends_on)
    if spec.when != Condition():
        found["when"] = str(spec.when)
    if spec.retries.exit_codes:
        found["retries"] = {"times": spec.retries.times, "exit_codes": list(spec.retries.exit_codes)}
    elif spec.retries.times:
        found["retries"] = spec.retries.times
    if spec.output_names:
        found["output_names"] = list(spec.output_names)
    if spec.sweep is not None:
        found["sweep"] = spec.sweep
    return found


def _output(written: str, place: Place) -> Output:
    match = re.fullmatch(_OUTPUT, written)
    if match is None:
        raise place.error(f"{fields.describe(written)} is no output: write tasks.NAME.outputs.OUTPUT")
    return Output(match[1], match[2])


def _unquoted(text: str) -> str:
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted else text
