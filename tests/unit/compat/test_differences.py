"""The deliberate differences: each is true of its example."""

from __future__ import annotations

import re

import pytest

from styx.api.errors import InvalidTask
from styx.compat import differences
from styx.compat.compare import Gap
from styx.compat.differences import DIFFERENCES, Difference
from styx.compat.forms import of_dag
from styx.spec.load import dag_of, parse_text

NAMES = [each.name for each in DIFFERENCES]

# What SkyPilot 0.14.1 says of the examples that only Styx takes.
REFUSALS = {
    "clouds": "Invalid resources YAML: 'local' does not match '^(?:(?i:(aws|azure|gcp|...",
    "quoted-numbers": "Invalid task YAML: '2' is not of type 'integer'. Check problematic field(s): $.num_nodes",
    "unquoted-text": "Invalid task YAML: 5 is not of type 'string'. Check problematic field(s): $.name",
    "nulls": "'NoneType' object has no attribute 'items'",
    "units": '"memory" field should be a number (e.g. "16") or "<number><unit>" ... Got: \'16G\'',
    "accelerator-lists": "invalid literal for int() with base 10: '1}'",
    "case": "Invalid task YAML: 'STOP' is not one of ['stop', 'preemption', 'down']. Check ...",
    "own-fields": "Invalid task YAML: Found unsupported field 'depends_on'.",
    "config": "Invalid task YAML: Found unsupported field 'labels'.",
    "secret-lists": "Invalid secret in array form: 'HF_TOKEN'. Array items must use the secrets: prefix",
    "negative-idleness": "Invalid resources YAML: -1 is less than the minimum of 0. Check ... $.autostop.idle_minutes",
    "registries": "Docker login variables must be specified together in envs. Missing from envs: [...]",
    "volumes": "type str doesn't define __round__ method",
    "instances": "Invalid Kubernetes instance type: 'm5.large'. Kubernetes instance types use the format ...",
    "quotes": "Expecting ',' delimiter: line 1 column 13 (char 12)",
    "tpus": "Cloud must be GCP or Kubernetes for TPU accelerators.",
}
# Where the meaning of the other examples parts: the path, and what SkyPilot has there.
GAPS = {
    "yaml-values": ("tasks[0].env_values.AT", "750"),
    "yaml-keys": ("tasks[0].env_values.True", "x"),
    "device-memory": ("tasks[0].resources.list[0].accelerators", {"A100": 1}),
    "wildcards": ("tasks[0].resources.list[0].zone", "*"),
    "labels": ("tasks[0].resources.list[1].labels", {"a": "b", "c": "d"}),
    "secrets-in-paths": ("tasks[0].storage_mounts./data.name", "x"),
    "nested-variables": ("tasks[0].workdir", "/x/$B"),
}


def ids(difference: Difference) -> str:
    """How a test of it is called."""
    return difference.name


def of_way(way: str) -> list[Difference]:
    """The differences of one way."""
    return [each for each in DIFFERENCES if each.way == way]


@pytest.mark.parametrize("difference", of_way(differences.STRICTER), ids=ids)
def test_what_styx_refuses(difference: Difference) -> None:
    """The example is refused, and this is the difference that explains it."""
    with pytest.raises(InvalidTask) as refused:
        dag_of(parse_text(difference.example, None))
    assert differences.of_refusal(refused.value) is difference


@pytest.mark.parametrize("difference", of_way(differences.WIDER), ids=ids)
def test_what_styx_takes(difference: Difference) -> None:
    """The example is taken, and what SkyPilot says of it leads to the difference."""
    dag_of(parse_text(difference.example, None))
    assert differences.of_acceptance(REFUSALS[difference.name], difference.example) is difference


@pytest.mark.parametrize("difference", of_way(differences.OTHERWISE), ids=ids)
def test_what_means_something_else(difference: Difference) -> None:
    """The example means something else here, and the place leads to the difference."""
    path, theirs = GAPS[difference.name]
    ours: object = of_dag(dag_of(parse_text(difference.example, None)))
    for step in re.split(r"\.(?![^.]*/)|\.(?=/)", re.sub(r"\[(\d)\]", r".\1", path)):
        ours = ours[int(step)] if isinstance(ours, list) else ours.get(step)  # type: ignore[attr-defined]
    assert ours != theirs
    assert differences.of_gap(Gap(path, theirs, ours), difference.example) is difference


def test_nothing_else_is_explained() -> None:
    """An ordinary mistake is no deliberate difference."""
    with pytest.raises(InvalidTask) as refused:
        dag_of(parse_text("num_nodes: two\nrun: x", None))
    assert differences.of_refusal(refused.value) is None
    assert differences.of_acceptance("Invalid task YAML: Found unsupported field 'rum'.", "rum: x") is None
    assert differences.of_gap(Gap("tasks[0].env_values.A", "1", "2"), "") is None
    assert differences.of_gap(Gap("tasks[0].env_values.A", "1", None), "") is None
    assert differences.of_gap(Gap("tasks[0].workdir", "/a", "/b"), "") is None


def test_each_has_a_name_of_its_own() -> None:
    """Names are unique, short and shown in tables."""
    assert len(set(NAMES)) == len(NAMES)
    assert all(re.fullmatch(r"[a-z-]{3,20}", name) for name in NAMES)
